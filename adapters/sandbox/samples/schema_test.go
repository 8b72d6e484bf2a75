package samples_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// badSchema is xmllint's exit code for a schema that does not compile.
const badSchema = 5

var foreignLocation = regexp.MustCompile(`schemaLocation="https?://[^"]*/([^"/]+)"`)

// trySchema lets libxml2 judge what we write by a schema: the blocks of a
// header and the metaservices' answers that the schema describes. It tells
// whether there were any.
func (r *row) trySchema(t *testing.T) bool {
	doc, err := soap.ReadTree(r.data, soap.Limits{})
	if err != nil {
		t.Fatalf("the hub cannot read the schema: %v", err)
	}
	ours := written(t)
	dir := r.schemas(t)
	space := doc.Root().SelectAttrValue("targetNamespace", "")
	tested := false
	for _, e := range doc.Root().ChildElements() {
		if e.Tag != "element" {
			continue
		}
		if instance, ok := ours["{"+space+"}"+e.SelectAttrValue("name", "")]; ok {
			tested = judge(t, filepath.Join(dir, r.name()), instance) || tested
		}
	}
	if space != soap.NSIdentifiers {
		return tested
	}
	// Identifiers are types there: elements of ours that have them are declared here.
	driver := filepath.Join(dir, "driver.xsd")
	text := `<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:id="` + soap.NSIdentifiers + `" targetNamespace="` + soap.NSXRoad + `" elementFormDefault="qualified">
<s:import namespace="` + soap.NSIdentifiers + `" schemaLocation="` + r.name() + `"/>
<s:element name="client" type="id:XRoadClientIdentifierType"/><s:element name="service" type="id:XRoadServiceIdentifierType"/><s:element name="securityServer" type="id:XRoadSecurityServerIdentifierType"/></s:schema>`
	if err := os.WriteFile(driver, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"client", "service", "securityServer"} {
		judge(t, driver, ours["{"+soap.NSXRoad+"}"+name])
	}
	return true
}

// schemas copies the schemas of the folder so that they find one another
// without a network.
func (r *row) schemas(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), foreignLocation.ReplaceAll(data, []byte(`schemaLocation="$1"`)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	catalogue, err := fs.ReadDir(contract.Catalogue(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range catalogue {
		data, err := fs.ReadFile(contract.Catalogue(), entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		put(entry.Name(), data)
	}
	for _, other := range r.set.rows {
		if other.folder() == r.folder() && strings.HasSuffix(other.name(), ".xsd") {
			put(other.name(), other.data)
		}
	}
	return dir
}

// judge lets libxml2 validate a document. It gives false where there is no
// verdict, because the schema itself is at fault.
func judge(t *testing.T, schema string, instance []byte) bool {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (package libxml2-utils) is not installed")
	}
	cmd := exec.CommandContext(t.Context(), xmllint, "--nonet", "--noout", "--schema", schema, "-")
	cmd.Stdin = bytes.NewReader(instance)
	said, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == badSchema {
		t.Logf("%s is no schema: %s", filepath.Base(schema), said)
		return false
	}
	if err != nil {
		t.Errorf("%s: %v: %s of %s", filepath.Base(schema), err, said, instance)
	}
	return true
}

// written is what the hub and the sandbox write and schemas describe, each
// element as a document, by its name.
func written(t *testing.T) map[string][]byte {
	t.Helper()
	h := soap.Header{
		Client:           soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "asker"},
		Service:          soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "2", Subsystem: "asked"}, Code: "listMethods", Version: "v1"},
		ID:               "1",
		RepresentedParty: &soap.RepresentedParty{Class: "COM", Code: "3"},
		SecurityServer:   &soap.ServerID{Instance: "EE", Class: "GOV", Member: "2", Code: "ss1"},
		SecurityToken:    &soap.SecurityToken{Type: soap.TokenTypeJWT, Value: "token"},
	}
	sent, err := soap.BuildRequest(h, etree.NewElement("listMethods"))
	if err != nil {
		t.Fatal(err)
	}
	req, err := soap.ReadRequest(sent, soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	elements := map[string][]byte{}
	header := etree.NewElement("Header")
	header.CreateAttr("xmlns", soap.NSXRoad)
	for _, e := range req.Header.Elements() {
		elements["{"+e.NamespaceURI()+"}"+e.Tag] = document(t, e)
		if e.Tag == "client" || e.Tag == "service" || e.Tag == "id" {
			header.AddChild(alone(e))
		}
	}
	elements["{"+soap.NSXRoad+"}Header"] = document(t, header)
	url := start(t, worldOf(req.Header, "", nil, "http://127.0.0.1:1"))
	for _, service := range []string{"listMethods", "allowedMethods"} {
		asked := bytes.ReplaceAll(sent, []byte("listMethods"), []byte(service))
		m, err := soap.ReadAnswer(post(t, url, message{contentType: soap.ContentType, body: asked}).body, soap.Limits{})
		if err != nil || m.Body() == nil {
			t.Fatalf("%s: %v", service, err)
		}
		elements["{"+soap.NSXRoad+"}"+m.Body().Tag] = document(t, m.Body())
	}
	elements["{"+soap.NSXRoad+"}clientList"] = get(t, url+"/listClients")
	return elements
}

// alone copies an element with the namespaces that it uses.
func alone(e *etree.Element) *etree.Element {
	c := e.Copy()
	for up := e; up != nil; up = up.Parent() {
		for _, a := range up.Attr {
			if (a.Space == "xmlns" || a.FullKey() == "xmlns") && c.SelectAttr(a.FullKey()) == nil {
				c.CreateAttr(a.FullKey(), a.Value)
			}
		}
	}
	return c
}

func document(t *testing.T, e *etree.Element) []byte {
	t.Helper()
	doc := etree.NewDocument()
	doc.SetRoot(alone(e))
	data, err := doc.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func get(t *testing.T, url string) []byte {
	t.Helper()
	got := send(t, http.MethodGet, url, message{})
	if got.status != http.StatusOK {
		t.Fatalf("%s: status %d", url, got.status)
	}
	return got.body
}
