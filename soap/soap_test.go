package soap_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// goldenHash is the requestHash of testdata/request.xml.
const goldenHash = "QmEIVJWAc9kVoGONgKzJpuL7mm/YKxEXde5A+QeQQkfabpGtz+QK83Ir6JZZwSS0RuqVsq3aYFkyLJ4TMreYtA=="

func golden(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func goldenHeader() soap.Header {
	return soap.Header{
		Client: soap.ClientID{Instance: "EE-DEV", Class: "GOV", Member: "70000001", Subsystem: "permits"},
		Service: soap.ServiceID{
			Provider: soap.ClientID{Instance: "EE-DEV", Class: "COM", Member: "10000002", Subsystem: "registry"},
			Code:     "vehicleByPlate", Version: "v1",
		},
		ID: "0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11", UserID: "EE38001085718", Issue: "PERMIT-2024/17",
	}
}

// tree reads a fragment that the test itself wrote.
func tree(t testing.TB, s string) *etree.Element {
	t.Helper()
	doc, err := soap.ReadTree([]byte(s), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}

// change replaces part of a good message and fails when there is no such part.
func change(t testing.TB, s string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(s, pairs[i]) {
			t.Fatalf("the message has no %q", pairs[i])
		}
		s = strings.Replace(s, pairs[i], pairs[i+1], 1)
	}
	return s
}

func failure(t testing.TB, err error) *soap.Failure {
	t.Helper()
	var f *soap.Failure
	if !errors.As(err, &f) {
		t.Fatalf("error is %v, want a *soap.Failure", err)
	}
	return f
}
