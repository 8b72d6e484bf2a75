package contract_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// FuzzContract: no description makes loading panic or hang, and an operation that
// counts as usable has both its wrappers.
func FuzzContract(f *testing.F) {
	root := os.DirFS(contracttest.Styles(f))
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".wsdl" {
			return err
		}
		data, err := fs.ReadFile(root, path)
		f.Add(data)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:date"><xs:pattern value="[a-z-[aeiou]]{2,3000}"/><xs:minInclusive value="2020-01-01Z"/></xs:restriction></xs:simpleType></xs:element>`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: data}}, "t.wsdl")
		if err != nil {
			return
		}
		for _, op := range c.Operations() {
			if op.Unsupported == nil && (op.Input == nil || op.Output == nil) {
				t.Fatalf("operation %s is supported without wrappers", op.Code)
			}
		}
	})
}

// FuzzOpenAPI: no description makes reading panic or hang.
func FuzzOpenAPI(f *testing.F) {
	f.Add([]byte(`{"openapi":"3.0.3","info":{"title":"t","version":"1"},"servers":[{"url":"http://h/{b}","variables":{"b":{"default":"v1"}}}],"paths":{"/a/{id}":{"get":{"parameters":[{"$ref":"#/components/parameters/p"}],"responses":{"200":{"description":"d"}}}}},"components":{"parameters":{"p":{"name":"id","in":"path","required":true,"schema":{"type":"string"}}}}}`))
	f.Add([]byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/a: {$ref: '#/paths/~1a'}}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := contract.ParseOpenAPI(data)
		if (a == nil) == (err == nil) {
			t.Fatal("either a description or an error")
		}
	})
}
