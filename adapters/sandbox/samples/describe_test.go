package samples_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/beevik/etree"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/soap"
	"ristmik/soap/contract"
)

var (
	saidAddress  = regexp.MustCompile(`soap:address location must read (\S+)`)
	addressInXML = regexp.MustCompile(`address\s[^>]*location\s*=\s*["']([^"']*)["']`)
)

// plainWSDL is served where the folder has no description of its own.
const plainWSDL = `<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"><wsdl:service name="s"><wsdl:port name="p" binding="b"><soap:address location="http://192.0.2.1/inside"/></wsdl:port></wsdl:service></wsdl:definitions>`

// described is a world with a service that has this description.
func described(t *testing.T, h soap.Header, kind securityserver.Kind, contentType string, description []byte) string {
	t.Helper()
	p := newProvider(t, func(message) message { return message{contentType: contentType, body: description} })
	o := worldOf(h, "", nil, p.url)
	for i := range o.Services {
		o.Services[i].Kind, o.Services[i].Description = kind, p.url+"/description"
	}
	return start(t, o)
}

// tryGetWSDL asks the sandbox for the description of the service that the
// request names: it comes as the second part, with addresses that say nothing.
func (r *row) tryGetWSDL(t *testing.T, m *soap.Message, contentType string) bool {
	code := soap.Child(m.Body(), soap.NSXRoad, "serviceCode")
	if m.Header.Service.Code != "getWsdl" || code == nil {
		return false
	}
	h := m.Header
	h.Service.Code, h.Service.Version = code.Text(), ""
	if v := soap.Child(m.Body(), soap.NSXRoad, "serviceVersion"); v != nil {
		h.Service.Version = v.Text()
	}
	got := post(t, described(t, h, securityserver.WSDL, "text/xml", []byte(plainWSDL)), message{contentType: contentType, body: r.data})
	r.wantAnswer(t, got, m, r.data)
	if parts := attachmentsOf(t, answer, got); len(parts) != 1 || !strings.Contains(parts[0], `location="http://example.org/xroad-endpoint"`) || strings.Contains(parts[0], "192.0.2.1") {
		t.Errorf("the description came as %q", parts)
	}
	return true
}

// attachmentsOf are the attachments of a message, each with its head, as they
// stood.
func attachmentsOf(t *testing.T, as role, m message) []string {
	t.Helper()
	opened := soap.OpenRequest
	if as == answer {
		opened = soap.OpenAnswer
	}
	in, err := opened(m.contentType, bytes.NewReader(m.body), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for {
		part, err := in.NextRaw()
		if errors.Is(err, io.EOF) {
			return parts
		}
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for _, f := range part.Header {
			b.WriteString(f.Name + ": " + f.Value + "\n")
		}
		b.WriteString("\n")
		if _, err := io.Copy(&b, part.Body); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, b.String())
	}
}

// tryServedWSDL lets the sandbox give out the file as a service's description.
func (r *row) tryServedWSDL(t *testing.T, address string) {
	h := soap.Header{
		Client:  soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "asker"},
		Service: soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "2", Subsystem: "asked"}, Code: "described"},
		ID:      "1",
	}
	url := described(t, h, securityserver.WSDL, "text/xml", r.data)
	h.Service.Code = "getWsdl"
	body := etree.NewElement("x:getWsdl")
	body.CreateAttr("xmlns:x", soap.NSXRoad)
	body.CreateElement("x:serviceCode").SetText("described")
	sent, err := soap.BuildRequest(h, body)
	if err != nil {
		t.Fatal(err)
	}
	parts := attachmentsOf(t, answer, post(t, url, message{contentType: soap.ContentType, body: sent}))
	if len(parts) != 1 {
		t.Fatalf("%d attachments, want the description", len(parts))
	}
	found := addressInXML.FindAllStringSubmatch(parts[0], -1)
	if len(found) == 0 {
		t.Error("the description has no address")
	}
	for _, a := range found {
		if a[1] != address {
			t.Errorf("the address is %s, want %s", a[1], address)
		}
	}
	_, wsdl, _ := strings.Cut(parts[0], "\n\n")
	name := filepath.Base(r.path)
	if _, err := contract.Load(fstest.MapFS{name: {Data: []byte(wsdl)}}, name); err != nil {
		t.Errorf("the description that came cannot be read: %v", err)
	}
}

// tryServedOpenAPI lets the sandbox give out the file as the description of a
// REST service: of the addresses only the paths are left.
func (r *row) tryServedOpenAPI(t *testing.T) bool {
	type described3 struct{ Servers []struct{ URL string } }
	var before, after described3
	if json.Unmarshal(r.data, &before) != nil || len(before.Servers) == 0 {
		return false
	}
	asker := soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "asker"}
	base := described(t, soap.Header{Client: asker, Service: soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "2", Subsystem: "asked"}, Code: "described"}},
		securityserver.OpenAPI3, "application/json", r.data)
	got := send(t, http.MethodGet, base+"/r1/EE/GOV/2/asked/getOpenAPI?serviceCode=described", message{header: http.Header{"X-Road-Client": {asker.String()}}})
	if err := json.Unmarshal(got.body, &after); err != nil || got.status != http.StatusOK || len(after.Servers) != len(before.Servers) {
		t.Fatalf("status %d, %v: %.300s", got.status, err, got.body)
	}
	for i, s := range before.Servers {
		if strings.Contains(s.URL, "{") { // an address with variables stays
			if after.Servers[i].URL != s.URL {
				t.Errorf("address %s became %s", s.URL, after.Servers[i].URL)
			}
			continue
		}
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		if want := "/" + strings.TrimPrefix(u.EscapedPath(), "/"); after.Servers[i].URL != want {
			t.Errorf("address %s became %s, want %s", s.URL, after.Servers[i].URL, want)
		}
	}
	return true
}
