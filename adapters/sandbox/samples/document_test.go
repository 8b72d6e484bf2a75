package samples_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/soap"
	"ristmik/soap/contract"
)

var (
	saidIdentifier = regexp.MustCompile(`^(?:MEMBER|SUBSYSTEM|SERVICE|SERVER):[^;,(]+`)
	saidServices   = regexp.MustCompile(`(\d+|one|two|three|four|five) (?:services?|operations?)\b`)
)

// tryDocument checks a file that is no message, as far as its row says
// something, and tells whether it did.
func (r *row) tryDocument(t *testing.T) bool {
	kind := strings.ToLower(r.kind)
	switch {
	case kind == "xml fragment":
		return r.tryIdentifier(t)
	case strings.HasPrefix(kind, "xsd"):
		return r.trySchema(t)
	case strings.HasPrefix(kind, "wiremock"):
		return r.tryStub(t, []byte(`{"a": 1}`))
	case strings.Contains(r.words, "servers[].url reduced"):
		return r.tryServedOpenAPI(t)
	case strings.HasPrefix(kind, "openapi"):
		return r.tryOpenAPI(t)
	case kind == "application/json":
		return r.tryPosted(t)
	case kind == "wsdl", r.says("where wsdl is expected"):
		return r.tryWSDL(t)
	case !bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(r.data, []byte(bom)), " \t\r\n"), []byte("<")):
		return false
	case bytes.Contains(r.data, []byte("clientList")):
		return r.tryClientList(t)
	case r.says("not well-formed", "empty document"):
		if _, err := soap.ReadTree(r.data, soap.Limits{}); err == nil && !r.says("empty document") {
			t.Error("a document that is not well-formed was read")
		}
		return true
	case r.verdict == "accept", r.says("parses"), kind == "xades", kind == "hash chain":
		if _, err := soap.ReadTree(r.data, soap.Limits{}); err != nil {
			t.Errorf("the hub cannot read it: %v", err)
		}
		return true
	}
	return false
}

// tryIdentifier puts an identifier into a message's header and reads that.
func (r *row) tryIdentifier(t *testing.T) bool {
	const client = `<x:client i:objectType="MEMBER"><i:xRoadInstance>A</i:xRoadInstance><i:memberClass>B</i:memberClass><i:memberCode>C</i:memberCode></x:client>`
	const service = `<x:service i:objectType="SERVICE"><i:xRoadInstance>A</i:xRoadInstance><i:memberClass>B</i:memberClass><i:memberCode>C</i:memberCode><i:serviceCode>s</i:serviceCode></x:service>`
	fragment := string(r.data)
	if i := strings.Index(fragment, "?>"); i >= 0 {
		fragment = fragment[i+2:]
	}
	parts := map[string]string{"client": client, "service": service, "securityServer": ""}
	doc, err := soap.ReadTree(r.data, soap.Limits{})
	if err != nil {
		t.Fatalf("the hub cannot read the identifier: %v", err)
	}
	tag := doc.Root().Tag
	if _, ok := parts[tag]; !ok {
		return false
	}
	parts[tag] = fragment
	code := "s"
	if tag == "service" {
		if e := doc.FindElement("//serviceCode"); e != nil {
			code = e.Text()
		}
	}
	m, err := soap.ReadRequest(fmt.Appendf(nil, `<e:Envelope xmlns:e=%q xmlns:x=%q xmlns:i=%q><e:Header>%s%s%s<x:id>1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body><%s/></e:Body></e:Envelope>`,
		soap.NSEnvelope, soap.NSXRoad, soap.NSIdentifiers, parts["client"], parts["service"], parts["securityServer"], code), soap.Limits{})
	said := strings.TrimSpace(saidIdentifier.FindString(r.words))
	if said == "" {
		return false
	}
	if err != nil {
		t.Fatalf("the hub refuses the identifier: %v", err)
	}
	got := ""
	switch tag {
	case "client":
		got = m.Header.Client.LogForm()
	case "service":
		got = m.Header.Service.LogForm()
	case "securityServer":
		got = "SERVER:" + targetOf(m.Header)
	}
	if got != said {
		t.Errorf("identifier %s, want %s", got, said)
	}
	return true
}

// tryWSDL reads a service description.
func (r *row) tryWSDL(t *testing.T) bool {
	if said := saidAddress.FindStringSubmatch(r.words); said != nil {
		r.tryServedWSDL(t, said[1])
	}
	name := filepath.Base(r.path)
	c, err := contract.Load(fstest.MapFS{name: {Data: r.data}}, name)
	switch said := saidServices.FindStringSubmatch(r.exercises + " | " + r.words); {
	case r.says("parse error", "rejected") && !r.says("parses"):
		if err == nil {
			t.Error("a description that has to be refused was read")
		}
	case err != nil:
		t.Errorf("the hub cannot read the description: %v", err)
	case said != nil:
		if got := len(c.Operations()); got != number(said[1]) {
			t.Errorf("%d operations, want %s", got, said[1])
		}
	default:
		if len(c.Operations()) == 0 {
			t.Error("a description without operations")
		}
	}
	return true
}
