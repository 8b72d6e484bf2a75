package xroad_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

var (
	us   = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}
	them = soap.ServiceID{
		Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "tor"}, Code: "permitNotice", Version: "v1",
	}
	rest = soap.ServiceID{
		Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "79990000", Subsystem: "jarelevalve"}, Code: "konsult",
	}
)

// server plays a Security Server: answer gets the request and its whole body.
func server(t testing.TB, answer func(w http.ResponseWriter, r *http.Request, body []byte)) *httptest.Server {
	t.Helper()
	return serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		answer(w, r, body)
	})
}

func serverOf(t testing.TB, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func client(t testing.TB, address string, change ...func(*xroad.Options)) *xroad.Client {
	t.Helper()
	o := xroad.Options{SecurityServer: address, Client: us, NewID: counter(), Timeout: 30 * time.Second}
	for _, c := range change {
		c(&o)
	}
	c, err := xroad.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// counter returns an id source: attempt-1, attempt-2, …
func counter() func() string {
	var mu sync.Mutex
	n := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		n++
		return fmt.Sprintf("attempt-%d", n)
	}
}

// soapAnswer answers as a Security Server does: header repeated, hash of the
// received bytes behind the id.
func soapAnswer(t testing.TB, body []byte) string {
	t.Helper()
	req, err := soap.ReadRequest(body, soap.DefaultLimits())
	if err != nil {
		t.Errorf("the request is refused: %v", err)
		return ""
	}
	wrapper := etree.NewElement("p:" + req.Body().Tag + "Response")
	wrapper.CreateAttr("xmlns:p", req.Body().NamespaceURI())
	wrapper.CreateElement("receiptId").SetText("R-1")
	out, err := soap.BuildAnswer(req, wrapper)
	if err != nil {
		t.Errorf("the answer cannot be built: %v", err)
		return ""
	}
	return strings.Replace(string(out), "</x:id>", `</x:id><x:requestHash algorithmId="`+soap.HashAlgorithm+`">`+soap.HashOf(body)+`</x:requestHash>`, 1)
}

func sendSOAP(w http.ResponseWriter, status int, answer string) {
	w.Header().Set("Content-Type", "text/xml;charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

func notice() *etree.Element {
	el := etree.NewElement("p:permitNotice")
	el.CreateAttr("xmlns:p", "http://ristmik.x-road.eu/permits")
	el.CreateElement("request").CreateElement("eventId").SetText("e-1")
	return el
}

func failure(t testing.TB, err error) *soap.Failure {
	t.Helper()
	var f *soap.Failure
	if !errors.As(err, &f) {
		t.Fatalf("error is %v, want a *soap.Failure", err)
	}
	return f
}

func TestCallSendsOneMessageAndReadsItsAnswer(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-018", "C-038", "C-039", "C-045")
	var got []*http.Request
	s := server(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		got = append(got, r)
		sendSOAP(w, 200, soapAnswer(t, body))
	})
	c := client(t, s.URL)
	for i := 1; i <= 2; i++ {
		a, err := c.Call(t.Context(), xroad.Call{Service: them, Body: notice(), UserID: "EE80001010000", Issue: "CASE-1", SOAPAction: "urn:notice"})
		if err != nil {
			t.Fatal(err)
		}
		if r := soap.Child(a.Message.Body(), "", "receiptId"); r == nil || r.Text() != "R-1" {
			t.Errorf("body is %v", a.Message.Body())
		}
		x, id := a.Exchange, fmt.Sprintf("attempt-%d", i)
		if x.MessageID != id || a.Message.Header.ID != id || x.RequestHash == "" || x.Service != them || x.Started.IsZero() || x.Finished.Before(x.Started) {
			t.Errorf("exchange is %+v, want message id %s", x, id)
		}
	}
	r := got[0]
	want := map[string]string{"Content-Type": "text/xml; charset=UTF-8", "Soapaction": `"urn:notice"`, "Accept-Encoding": "identity", "Cookie": ""}
	for name, v := range want {
		if r.Header.Get(name) != v {
			t.Errorf("header %s is %q, want %q", name, r.Header.Get(name), v)
		}
	}
	if r.Method != "POST" || r.URL.Path != "/" || r.ContentLength <= 0 {
		t.Errorf("request is %s %s with length %d", r.Method, r.URL, r.ContentLength)
	}
}

// Only the answer to exactly these bytes is used.
func TestAnswerToAnotherRequestIsTampered(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-089", "C-094")
	for code, change := range map[string]func(string) string{
		"answer.request_hash":    func(s string) string { return replaceBetween(s, `sha512">`, "</", soap.HashOf([]byte("other"))) },
		"answer.no_request_hash": func(s string) string { return replaceBetween(s, "</x:id>", "\n", "") },
		"answer.id":              func(s string) string { return replaceBetween(s, "<x:id>", "</", "attempt-2") },
		"answer.client":          func(s string) string { return strings.Replace(s, "ristmik</i:", "other</i:", 1) },
		"answer.service":         func(s string) string { return strings.Replace(s, "<i:serviceVersion>v1", "<i:serviceVersion>v2", 1) },
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
				good := soapAnswer(t, body)
				bad := change(good)
				if bad == good {
					t.Error("nothing was changed")
				}
				sendSOAP(w, 200, bad)
			})
			var told func() []string
			c := client(t, s.URL, func(o *xroad.Options) { told = alarms(o) })
			_, err := c.Call(t.Context(), xroad.Call{Service: them, Body: notice()})
			f := failure(t, err)
			want, alarm := soap.KindTampered, xroad.AlarmTampered
			if code == "answer.request_hash" {
				want, alarm = soap.KindHashMismatch, xroad.AlarmHashMismatch
			}
			if got := told(); len(got) != 1 || got[0] != alarm {
				t.Errorf("alarms are %v", got)
			}
			if f.Kind != want || f.Code != code || f.MessageID != "attempt-1" {
				t.Errorf("failure is %+v", f)
			}
		})
	}
}

func replaceBetween(s, from, to, with string) string {
	i := strings.Index(s, from)
	if i < 0 {
		return s
	}
	i += len(from)
	j := strings.Index(s[i:], to)
	return s[:i] + with + s[i+j:]
}

// Old servers wrap the hash over lines.
func TestWrappedRequestHashIsTheSameHash(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-089")
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		h := soap.HashOf(body)
		sendSOAP(w, 200, strings.Replace(soapAnswer(t, body), h, "\n  "+h[:40]+"\n  "+h[40:]+"\n", 1))
	})
	a, err := client(t, s.URL).Call(t.Context(), xroad.Call{Service: them, Body: notice()})
	if err != nil || strings.ContainsAny(a.Exchange.RequestHash, " \n") {
		t.Errorf("answer %+v, error %v", a, err)
	}
}

func TestSOAPFailuresByWhatCameBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-090", "C-092", "C-166")
	denied := string(soap.BuildFault(soap.Fault{Code: "Server.ServerProxy.AccessDenied", String: "Request is not allowed", Detail: "uuid-1"}))
	provider := `<s:Envelope xmlns:s="` + soap.NSEnvelope + `"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>secret 38001085718</faultstring></s:Fault></s:Body></s:Envelope>`
	for name, c := range map[string]struct {
		status      int
		contentType string
		body        string
		kind        soap.Kind
		code        string
	}{
		"fault with 200":             {200, "text/xml;charset=utf-8", denied, soap.KindFixRights, "server.serverproxy.access_denied"},
		"fault with 500":             {500, "text/xml;charset=utf-8", denied, soap.KindFixRights, "server.serverproxy.access_denied"},
		"fault of the provider":      {200, "text/xml", provider, soap.KindRetryLater, "provider.server"},
		"page with 502":              {502, "text/html", "<html>Bad gateway</html>", soap.KindOwnServer, "transport.http_502"},
		"bare 400":                   {400, "", "", soap.KindOwnServer, "transport.http_400"},
		"redirect":                   {302, "", "", soap.KindOwnServer, "transport.http_302"},
		"page with 200":              {200, "text/html", "<html>Welcome</html>", soap.KindUnknownResult, "answer.content_type"},
		"no content":                 {200, "text/xml", "", soap.KindUnknownResult, "server.serverproxy.service_failed.invalid_soap"},
		"half an answer":             {200, "text/xml", provider[:80], soap.KindUnknownResult, "server.serverproxy.service_failed.invalid_soap"},
		"fault with a document type": {200, "text/xml", "<!DOCTYPE x>" + provider, soap.KindUnknownResult, "server.serverproxy.service_failed.invalid_soap"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
				w.Header()["Content-Type"] = []string{c.contentType}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			})
			_, err := client(t, s.URL).Call(t.Context(), xroad.Call{Service: them, Body: notice()})
			f := failure(t, err)
			if f.Kind != c.kind || f.Code != c.code || f.MessageID != "attempt-1" {
				t.Errorf("failure is %+v, want %s %s", f, c.kind, c.code)
			}
			if strings.Contains(err.Error(), "38001085718") {
				t.Errorf("the error quotes the partner: %v", err)
			}
		})
	}
}

func TestAnswerOverTheLimitIsCut(t *testing.T) {
	t.Parallel()
	s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		sendSOAP(w, 200, strings.Repeat(" ", 5000))
	})
	c := client(t, s.URL, func(o *xroad.Options) { o.Limits.Bytes = 4096 })
	_, err := c.Call(t.Context(), xroad.Call{Service: them, Body: notice()})
	if f := failure(t, err); f.Code != "answer.too_large" || !f.Kind.CountsAgainstPartner() {
		t.Errorf("failure is %+v", f)
	}
}

func TestOptionsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "ss:8080", "ftp://ss", "http://", "http://u:secret@ss", "http://ss/path", "http://ss?x=1", "http://ss/#x", "http://%zz:secret"} {
		_, err := xroad.New(xroad.Options{SecurityServer: address, Client: us})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: error is %v", address, err)
		}
	}
	if _, err := xroad.New(xroad.Options{SecurityServer: "http://ss"}); err == nil {
		t.Error("a client without identifier was made")
	}
}

func TestRequestThatCannotBeWrittenIsNotSent(t *testing.T) {
	t.Parallel()
	c := client(t, "http://127.0.0.1:1")
	for name, call := range map[string]xroad.Call{
		"no body":         {Service: them},
		"no service":      {Body: notice()},
		"line in action":  {Service: them, Body: notice(), SOAPAction: "a\r\nX: y"},
		"quote in action": {Service: them, Body: notice(), SOAPAction: `a"b`},
		"nul in issue":    {Service: them, Body: notice(), Issue: "\x00"},
	} {
		_, err := c.Call(t.Context(), call)
		if f := failure(t, err); f.Kind != soap.KindFixData || f.MessageID == "" {
			t.Errorf("%s: failure is %+v", name, f)
		}
	}
}
