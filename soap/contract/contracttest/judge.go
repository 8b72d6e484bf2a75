package contracttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"ristmik/soap/contract"
)

const (
	nsXSD  = "http://www.w3.org/2001/XMLSchema"
	nsWSDL = "http://schemas.xmlsoap.org/wsdl/"
)

// ErrInvalid is wrapped by the error of CheckBody when the validator refuses
// the body; the rest of the text is what it said.
var ErrInvalid = errors.New("not valid against the description")

// ValidateBody fails the test unless body, the child of the SOAP body, is valid
// against the schemas of the description at wsdlPath, in the opinion of xmllint.
// It skips the test when xmllint is not installed.
func ValidateBody(t testing.TB, wsdlPath string, body []byte) {
	t.Helper()
	if err := CheckBody(t, wsdlPath, body); err != nil {
		t.Errorf("%v", err)
	}
}

// CheckBody is ValidateBody with the verdict as an error instead of a failure,
// for tests that expect a refusal. The error wraps ErrInvalid. When no verdict
// can be had, because the description cannot be used, the test fails.
func CheckBody(t testing.TB, wsdlPath string, body []byte) error {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (package libxml2-utils) is not installed")
	}
	schema, err := ExtractSchemas(wsdlPath, t.TempDir())
	if err != nil {
		t.Fatalf("extracting the schemas of %s: %v", filepath.Base(wsdlPath), err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, xmllint, "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = bytes.NewReader(body)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && (exit.ExitCode() == 3 || exit.ExitCode() == 1):
		// 3 is "validation error", 1 "unclassified": not well-formed.
		return fmt.Errorf("%w: %s", ErrInvalid, said.String())
	default:
		t.Fatalf("xmllint on %s: %v: %s", filepath.Base(wsdlPath), err, said.String())
		return nil
	}
}

// ExtractSchemas writes the inline schemas of a description into dir, as files
// that import one another and the catalogue by relative names only, and returns
// the file that imports them all.
func ExtractSchemas(wsdlPath, dir string) (string, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromFile(wsdlPath); err != nil {
		return "", err
	}
	if err := os.CopyFS(dir, contract.Catalogue()); err != nil {
		return "", err
	}
	driver := etree.NewDocument()
	all := driver.CreateElement("xs:schema")
	all.CreateAttr("xmlns:xs", nsXSD)
	files := map[string]string{}
	var schemas []*etree.Element
	for _, types := range doc.Root().ChildElements() {
		if types.Tag != "types" || types.NamespaceURI() != nsWSDL {
			continue
		}
		for _, s := range types.ChildElements() {
			if s.Tag != "schema" || s.NamespaceURI() != nsXSD {
				continue
			}
			file := fmt.Sprintf("inline-%d.xsd", len(schemas)+1)
			schemas = append(schemas, s)
			files[s.SelectAttrValue("targetNamespace", "")] = file
			imp := all.CreateElement("xs:import")
			if ns := s.SelectAttrValue("targetNamespace", ""); ns != "" {
				imp.CreateAttr("namespace", ns)
			}
			imp.CreateAttr("schemaLocation", file)
		}
	}
	if len(schemas) == 0 {
		return "", fmt.Errorf("no schema in %s: %w", filepath.Base(wsdlPath), fs.ErrNotExist)
	}
	for i, s := range schemas {
		if err := writeSchema(s, filepath.Join(dir, fmt.Sprintf("inline-%d.xsd", i+1)), files); err != nil {
			return "", err
		}
	}
	path := filepath.Join(dir, "all.xsd")
	return path, driver.WriteToFile(path)
}

// writeSchema writes one inline schema with the namespace declarations that it
// inherits, its imports pointing at files of the same folder.
func writeSchema(s *etree.Element, path string, inline map[string]string) error {
	out := etree.NewDocument()
	root := s.Copy()
	for at := s.Parent(); at != nil; at = at.Parent() {
		for _, a := range at.Attr {
			declares := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
			if declares && root.SelectAttr(a.FullKey()) == nil {
				root.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	out.SetRoot(root)
	for _, imp := range root.ChildElements() {
		if imp.Tag != "import" || imp.NamespaceURI() != nsXSD {
			continue
		}
		imp.RemoveAttr("schemaLocation")
		namespace := imp.SelectAttrValue("namespace", "")
		if file, ok := contract.CatalogueFile(namespace); ok {
			imp.CreateAttr("schemaLocation", file)
		} else if file, ok := inline[namespace]; ok {
			imp.CreateAttr("schemaLocation", file)
		}
	}
	return out.WriteToFile(path)
}

// Bytes writes an element as a document of its own.
func Bytes(t testing.TB, el *etree.Element) []byte {
	t.Helper()
	doc := etree.NewDocument()
	doc.WriteSettings.CanonicalText = true
	doc.WriteSettings.CanonicalAttrVal = true
	doc.SetRoot(el.Copy())
	var out strings.Builder
	if _, err := doc.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return []byte(out.String())
}
