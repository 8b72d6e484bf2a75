package xroad_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

const clientsJSON = `{"member":[
 {"id":{"member_class":"GOV","member_code":"70000001","object_type":"MEMBER","xroad_instance":"EE-DEV"},"name":"Permit Office"},
 {"id":{"member_class":"GOV","member_code":"70000001","object_type":"SUBSYSTEM","subsystem_code":"permits","xroad_instance":"EE-DEV"},"name":"Permit Office","subsystem_name":"Permits"}]}`

const clientsXML = `<a:clientList xmlns:a="http://x-road.eu/xsd/xroad.xsd" xmlns:b="http://x-road.eu/xsd/identifiers">
 <a:member><a:id b:objectType="MEMBER"><b:xRoadInstance>EE-DEV</b:xRoadInstance><b:memberClass>GOV</b:memberClass><b:memberCode>70000001</b:memberCode></a:id><a:name>Permit Office</a:name></a:member>
 <a:member><a:id b:objectType="SUBSYSTEM"><b:xRoadInstance>EE-DEV</b:xRoadInstance><b:memberClass>GOV</b:memberClass><b:memberCode>70000001</b:memberCode><b:subsystemCode>permits</b:subsystemCode></a:id><a:name>Permit Office</a:name><a:subsystemName>Permits</a:subsystemName></a:member>
</a:clientList>`

func TestListClientsInBothForms(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-142")
	office := soap.ClientID{Instance: "EE-DEV", Class: "GOV", Member: "70000001"}
	permits := office
	permits.Subsystem = "permits"
	want := []xroad.Member{{ID: office, Name: "Permit Office"}, {ID: permits, Name: "Permit Office", SubsystemName: "Permits"}}
	for contentType, body := range map[string]string{"application/json; charset=utf-8": clientsJSON, "text/xml; charset=UTF-8": clientsXML} {
		var asked *http.Request
		s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
			asked = r
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		})
		got, err := client(t, s.URL).ListClients(t.Context(), "EE-DEV")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", contentType, diff)
		}
		if asked.RequestURI != "/listClients?xRoadInstance=EE-DEV" || len(asked.Header.Values("X-Road-Client")) > 0 {
			t.Errorf("asked %s with %v", asked.RequestURI, asked.Header)
		}
	}
}

func TestListClientsThatFails(t *testing.T) {
	t.Parallel()
	fault := string(soap.BuildFault(soap.Fault{Code: "server.clientproxy.internal_error", String: "Invalid instance identifier", Detail: "uuid-1"}))
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		code              string
	}{
		"fault":     {200, "text/xml", fault, "server.clientproxy.internal_error"},
		"page":      {502, "text/html", "<html>", "transport.http_502"},
		"half JSON": {200, "application/json", `{"member":[`, "answer.unreadable"},
		"other XML": {200, "text/xml", "<x/>", "answer.unreadable"},
	} {
		s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
			w.Header().Set("Content-Type", c.contentType)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		_, err := client(t, s.URL).ListClients(t.Context(), "")
		if f := failure(t, err); f.Code != c.code {
			t.Errorf("%s: failure is %+v", name, f)
		}
	}
}

// metaAnswer answers a metaservice over SOAP: the body is made by fill, the
// description is attached when there is one.
func metaAnswer(t testing.TB, w http.ResponseWriter, body []byte, fill func(req, answer *etree.Element), attachments ...soap.Attachment) {
	t.Helper()
	req, err := soap.ReadRequest(body, soap.DefaultLimits())
	if err != nil {
		t.Error(err)
		return
	}
	answer := etree.NewElement("q:" + req.Body().Tag + "Response")
	answer.CreateAttr("xmlns:q", soap.NSXRoad)
	answer.CreateAttr("xmlns:n", soap.NSIdentifiers)
	fill(req.Body(), answer)
	out, err := soap.BuildAnswer(req, answer)
	if err != nil {
		t.Error(err)
		return
	}
	withHash := strings.Replace(string(out), "</x:id>", `</x:id><x:requestHash algorithmId="`+soap.HashAlgorithm+`">`+soap.HashOf(body)+`</x:requestHash>`, 1)
	if len(attachments) == 0 {
		sendSOAP(w, 200, withHash)
		return
	}
	contentType, text, err := soap.WriteMessage([]byte(withHash), soap.PackagingSwA, "meta", attachments)
	if err != nil {
		t.Error(err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	_, _ = io.Copy(w, text)
}

func TestMethodsOverSOAP(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		metaAnswer(t, w, body, func(req, answer *etree.Element) {
			if len(req.ChildElements()) != 0 || req.NamespaceURI() != soap.NSXRoad {
				t.Errorf("the request's body is not one empty element: %v", req)
			}
			e := answer.CreateElement("q:service")
			e.CreateAttr("n:objectType", "SERVICE")
			for _, p := range [][2]string{{"xRoadInstance", "EE"}, {"memberClass", "GOV"}, {"memberCode", "70000349"}, {"subsystemCode", "tor"}, {"serviceCode", req.Tag}, {"serviceVersion", "v2"}} {
				e.CreateElement("n:" + p[0]).SetText(p[1])
			}
		})
	})
	c := client(t, s.URL)
	for code, ask := range map[string]func(context.Context, soap.ClientID) ([]soap.ServiceID, error){"listMethods": c.ListMethods, "allowedMethods": c.AllowedMethods} {
		got, err := ask(t.Context(), them.Provider)
		if err != nil || len(got) != 1 || got[0] != (soap.ServiceID{Provider: them.Provider, Code: code, Version: "v2"}) {
			t.Errorf("%s: %v, %v", code, got, err)
		}
	}
}

// metaREST plays the metaservices over REST.
func metaREST(t testing.TB, status int, contentType, body string) string {
	t.Helper()
	return server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h["x-road-id"], h["x-road-client"] = r.Header["X-Road-Id"], r.Header["X-Road-Client"]
		h.Set("x-road-service", strings.TrimPrefix(r.URL.Path, "/r1/"))
		h.Set("x-road-request-hash", "opaque")
		h.Set("X-Asked", r.RequestURI)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}).URL
}

func TestMethodsOverREST(t *testing.T) {
	t.Parallel()
	url := metaREST(t, 200, "application/json", `{"service":[{"member_class":"GOV","member_code":"79990000","object_type":"SERVICE","service_code":"konsult","service_type":"OPENAPI","subsystem_code":"jarelevalve","xroad_instance":"EE","endpoint_list":[{"method":"GET","path":"/v1/**"}]}]}`)
	c := client(t, url)
	want := []xroad.RESTService{{ID: rest, Type: "OPENAPI", Endpoints: []xroad.Endpoint{{Method: "GET", Path: "/v1/**"}}}}
	for _, ask := range []func(context.Context, soap.ClientID) ([]xroad.RESTService, error){c.ListRESTMethods, c.AllowedRESTMethods} {
		got, err := ask(t.Context(), rest.Provider)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
	}
	_, err := client(t, metaREST(t, 200, "application/json", `[`)).ListRESTMethods(t.Context(), rest.Provider)
	if f := failure(t, err); f.Code != "answer.unreadable" {
		t.Errorf("failure is %+v", f)
	}
}

// Descriptions come as they are; the addresses in them are called by nobody.
func TestDescriptionsAreFetched(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-148")
	const wsdl = `<definitions><soap:address location="http://example.org/xroad-endpoint"/></definitions>`
	calls := 0
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		calls++
		metaAnswer(t, w, body, func(req, _ *etree.Element) {
			if v := soap.Child(req, soap.NSXRoad, "serviceVersion"); v == nil || v.Text() != "v1" || soap.Child(req, soap.NSXRoad, "serviceCode").Text() != "permitNotice" {
				t.Errorf("the request's body is %v", req)
			}
		}, soap.Attachment{ContentID: "wsdl=1@x-road.eu", ContentType: "text/xml", Body: strings.NewReader(wsdl)})
	})
	got, err := client(t, s.URL).WSDL(t.Context(), them)
	if err != nil || string(got) != wsdl || calls != 1 {
		t.Errorf("%q after %d calls, %v", got, calls, err)
	}
	without := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		metaAnswer(t, w, body, func(_, _ *etree.Element) {})
	})
	_, err = client(t, without.URL).WSDL(t.Context(), them)
	if f := failure(t, err); f.Code != "answer.unreadable" {
		t.Errorf("failure is %+v", f)
	}
	text, contentType, err := client(t, metaREST(t, 200, "text/yaml", "openapi: 3.0.3")).OpenAPI(t.Context(), rest)
	if err != nil || string(text) != "openapi: 3.0.3" || contentType != "text/yaml" {
		t.Errorf("%q %s, %v", text, contentType, err)
	}
	_, _, err = client(t, metaREST(t, 404, "text/plain", "")).OpenAPI(t.Context(), rest)
	if f := failure(t, err); f.Code != "answer.http_status" {
		t.Errorf("failure is %+v", f)
	}
}

// Message ids are arbitrary strings; neither a query nor a path can be made of
// them.
func TestSignedDocumentsAreFetchedByAnyID(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-152")
	var asked string
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		asked = r.RequestURI
		w.Header().Set("Content-Type", "application/zip")
		w.Header().Set("Content-Disposition", `attachment; filename="../../evil"`)
		_, _ = io.WriteString(w, "PK")
	})
	d, err := client(t, s.URL).SignedDocuments(t.Context(), xroad.DocumentQuery{MessageID: "../a b&force/ä", Part: xroad.PartRequest})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Body.Close()
	body, err := io.ReadAll(d.Body)
	if err != nil || string(body) != "PK" {
		t.Errorf("%q, %v", body, err)
	}
	if want := "/asic?queryId=..%2Fa+b%26force%2F%C3%A4&xRoadInstance=EE&memberClass=GOV&memberCode=70008747&subsystemCode=ristmik&requestOnly"; asked != want {
		t.Errorf("asked %s", asked)
	}
	if want := "%2E.%2Fa%20b%26force%2F%C3%A4-request.zip"; d.Name != want {
		t.Errorf("name is %s, want %s", d.Name, want)
	}
}

func TestSignedDocumentsAreWaitedFor(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-150")
	for name, c := range map[string]struct {
		answers []int // one after the other, the last one for ever
		code    string
		pauses  int
	}{
		"stamped in the end": {[]int{500, 500, 200}, "", 2},
		"never stamped":      {[]int{500}, "asic.not_timestamped", 9},
		"not there":          {[]int{500, 404}, "asic.not_found", 1},
		"not for us":         {[]int{401}, "asic.unauthorized", 0},
		"bad parameters":     {[]int{400}, "asic.parameters", 0},
		"another trouble":    {[]int{503}, "transport.http_503", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := 0
			s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
				status := c.answers[min(n, len(c.answers)-1)]
				n++
				w.WriteHeader(status)
				if status == 500 {
					_, _ = io.WriteString(w, "Message signature has not been timestamped yet!")
				}
			})
			var pauses []time.Duration
			d, err := client(t, s.URL).SignedDocuments(t.Context(), xroad.DocumentQuery{MessageID: "m", Wait: func(_ context.Context, d time.Duration) error {
				pauses = append(pauses, d)
				return nil
			}})
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				_ = d.Body.Close()
			} else if f := failure(t, err); f.Code != c.code || f.MessageID != "m" {
				t.Errorf("failure is %+v", f)
			}
			if len(pauses) != c.pauses {
				t.Errorf("pauses are %v", pauses)
			}
			for i, p := range pauses {
				if i > 0 && p < pauses[i-1] || p > time.Minute {
					t.Errorf("pauses are %v", pauses)
				}
			}
		})
	}
	over := errors.New("over")
	s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.WriteHeader(500)
		_, _ = io.WriteString(w, "Message signature has not been timestamped yet!")
	})
	_, err := client(t, s.URL).SignedDocuments(t.Context(), xroad.DocumentQuery{MessageID: "m", Wait: func(context.Context, time.Duration) error { return over }})
	if f := failure(t, err); f.Kind != soap.KindWait || !errors.Is(err, over) {
		t.Errorf("failure is %+v", f)
	}
}

func TestVerificationConfIsFetched(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if r.URL.Path != "/verificationconf" {
			w.WriteHeader(404)
		}
		w.Header().Set("Content-Type", "application/zip")
		_, _ = io.WriteString(w, "PK")
	})
	d, err := client(t, s.URL).VerificationConf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Body.Close()
	if body, err := io.ReadAll(d.Body); err != nil || string(body) != "PK" || d.Name != "verificationconf.zip" {
		t.Errorf("%s holds %q, %v", d.Name, body, err)
	}
}
