package contracttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
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
