package interop_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// job is what a client script is told to do: load a description, then make
// calls, one after the other. The endpoint stands above the description's own.
type job struct {
	WSDL      string    `json:"wsdl"`
	Endpoint  string    `json:"endpoint"`
	Catalogue string    `json:"catalogue"` // folder of the X-Road schemas
	Client    [4]string `json:"client"`
	Provider  [4]string `json:"provider"`
	Calls     []call    `json:"calls"`
	// Attachments says that the answers may have some.
	Attachments bool `json:"attachments"`
}

// call is one call; its other header fields follow from the job.
type call struct {
	Operation string         `json:"operation"`
	Version   string         `json:"version"`
	ID        string         `json:"id"`
	UserID    string         `json:"user_id"`
	Issue     string         `json:"issue"`
	Body      map[string]any `json:"body"`
	// Attachments go with the message.
	Attachments []attachment `json:"attachments,omitempty"`
	// MTOM has a library that can send contents of fields as attachments.
	MTOM bool `json:"mtom"`
}

// attachment is a file beside the message.
type attachment struct {
	ContentID   string `json:"content_id"`
	ContentType string `json:"content_type"`
	Content     []byte `json:"content"`
}

// outcome is what a script prints: the operations that it found in the
// description and a result for each call.
type outcome struct {
	Operations []string `json:"operations"`
	Results    []result `json:"results"`
}

// result is an answer as the other maker's library read it, or its Fault.
type result struct {
	Header map[string]any `json:"header"`
	Body   map[string]any `json:"body"`
	Fault  *struct {
		Code   string `json:"code"`
		String string `json:"string"`
	} `json:"fault"`
	Attachments []attachment `json:"attachments"`
}

// library is a SOAP library of another maker.
type library struct {
	name string
	args func(*testing.T) []string // its client script; skips the test where it cannot run
	// sends says that the library can be made to send any attachments, also such
	// as no field refers to.
	sends bool
}

var libraries = []library{
	{"node-soap", func(t *testing.T) []string { return node(t, "node-soap-client.mjs") }, true},
	{"zeep", func(t *testing.T) []string { return zeep(t, "zeep-client.py") }, true},
	{"CXF", func(t *testing.T) []string { return java(t, "CxfClient.java") }, false},
}

// node is the command that runs a script with the packages of testdata.
func node(t *testing.T, script string) []string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Skip("Node.js is not installed")
	}
	if _, err := os.Stat(filepath.Join("testdata", "node_modules", "soap")); err != nil {
		t.Skip("node-soap is not installed: npm ci in adapters/authority/interop/testdata (make interop does it)")
	}
	return []string{path, script}
}

// zeep is the command that runs a script with zeep.
func zeep(t *testing.T, script string) []string {
	t.Helper()
	python := os.Getenv("RISTMIK_PYTHON")
	if python == "" {
		python = "/usr/bin/python3"
	}
	if err := exec.Command(python, "-c", "import zeep").Run(); err != nil {
		t.Skipf("zeep is not installed for %s (on Debian: apt-get install python3-zeep)", python)
	}
	return []string{python, script}
}

// run has a library do a job.
func (l library) run(t *testing.T, j job) outcome {
	t.Helper()
	args := l.args(t)
	in, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = "testdata", bytes.NewReader(in), &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", l.name, err, stderr.String())
	}
	var out outcome
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		t.Fatalf("%s printed %q: %v", l.name, stdout.String(), err)
	}
	if len(out.Results) != len(j.Calls) {
		t.Fatalf("%s: %d results of %d calls", l.name, len(out.Results), len(j.Calls))
	}
	return out
}

// catalogue lays the X-Road schemas out as files.
func catalogue(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, contract.Catalogue()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func parts(c soap.ClientID) [4]string { return [4]string{c.Instance, c.Class, c.Member, c.Subsystem} }

// text finds a value in what a library read; of a list, in its first, since
// node-soap makes no list of one.
func text(v any, path ...string) string {
	for _, name := range path {
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
		m, _ := v.(map[string]any)
		v = m[name]
	}
	s, _ := v.(string)
	return s
}
