package interop_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ristmik/adapters/authority"
)

// java is the command that runs a program of testdata/java with what it stands
// on; it takes the X-Road schemas from files.
func java(t *testing.T, program string, args ...string) []string {
	t.Helper()
	path, err := exec.LookPath("java")
	if err != nil {
		t.Skip("Java is not installed")
	}
	if jars, _ := filepath.Glob(filepath.Join("testdata", "java", "lib", "cxf-core-*.jar")); len(jars) == 0 {
		t.Skip("Apache CXF is not installed: mvn dependency:copy-dependencies in adapters/authority/interop/testdata/java (make interop does it)")
	}
	classes, schemas := t.TempDir(), "file://"+filepath.ToSlash(catalogue(t))+"/"
	text := `<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">` +
		`<rewriteSystem systemIdStartString="http://x-road.eu/xsd/" rewritePrefix="` + schemas + `"/>` +
		`<rewriteURI uriStartString="http://x-road.eu/xsd/" rewritePrefix="` + schemas + `"/></catalog>`
	if err := os.MkdirAll(filepath.Join(classes, "META-INF"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(classes, "META-INF", "jax-ws-catalog.xml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(program, ".java") {
		program = filepath.Join("java", program)
	}
	// Short-lived programs: they are done before the second compiler would help.
	return append([]string{path, "-XX:TieredStopAtLevel=1", "-cp", classes + string(os.PathListSeparator) + filepath.Join("java", "lib", "*"), program}, args...)
}

// output runs a command in testdata.
func output(t *testing.T, args []string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = "testdata", &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.Bytes()
}

// A Security Server imports the hub's description: every operation is there with
// its version, title and address.
func TestASecurityServerImportsTheDescription(t *testing.T) {
	t.Parallel()
	url, _, _ := provider(t)
	var found []struct{ Operation, Version, Title, Address string }
	if err := json.Unmarshal(output(t, java(t, "SecurityServerImport.java", url+"/soap?wsdl")), &found); err != nil {
		t.Fatal(err)
	}
	var operations []string
	for _, f := range found {
		operations = append(operations, f.Operation)
		if f.Version != "v1" || f.Title == "" || !strings.HasPrefix(f.Address, "http") {
			t.Errorf("imported %+v", f)
		}
	}
	want := authority.SOAPServices()
	slices.Sort(want)
	slices.Sort(operations)
	if !slices.Equal(operations, want) {
		t.Errorf("imported %v, not %v", operations, want)
	}
}

// The validator that a Security Server may be told to run, CXF's, finds nothing
// wrong with the hub's description.
func TestTheValidatorPassesTheDescription(t *testing.T) {
	t.Parallel()
	url, _, _ := provider(t)
	if out := output(t, java(t, "org.apache.cxf.tools.validator.WSDLValidator", "-verbose", url+"/soap?wsdl")); !bytes.Contains(out, []byte("Passed Validation")) {
		t.Errorf("%s", out)
	}
}

// SoapUI's steps, with the libraries that it is made of: the description is
// imported, of every operation a request is made from its type and sent, and what
// comes back is a valid answer: what is made up in the request is refused in it.
func TestTheDescriptionIsImportedAsBySoapUI(t *testing.T) {
	t.Parallel()
	url, _, _ := provider(t)
	var found []struct {
		Operation      string
		Sample, Faults []string
		Status         int
		Fault, Answer  string
	}
	out := output(t, java(t, "SoapUIImport.java", url+"/soap?wsdl", url+"/soap", catalogue(t), security.String(), hub.String()))
	if err := json.Unmarshal(out, &found); err != nil {
		t.Fatal(err)
	}
	var operations []string
	for _, f := range found {
		operations = append(operations, f.Operation)
		if len(f.Sample) > 0 || len(f.Faults) > 0 || f.Fault != "" || f.Status != http.StatusOK || f.Answer != f.Operation+"Response" {
			t.Errorf("%+v", f)
		}
	}
	want := authority.SOAPServices()
	slices.Sort(want)
	slices.Sort(operations)
	if !slices.Equal(operations, want) {
		t.Errorf("imported %v, not %v", operations, want)
	}
}
