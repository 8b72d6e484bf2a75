package xroad_test

import (
	"bytes"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/conformance"
)

// multipartServer reads a message with attachments and answers with answer's.
func multipartServer(t testing.TB, p soap.Packaging, received func(*soap.Incoming), answer func() []soap.Attachment) string {
	t.Helper()
	s := serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		in, err := soap.OpenRequest(r.Header.Get("Content-Type"), r.Body, soap.DefaultLimits())
		if err != nil {
			t.Errorf("the request is refused: %v", err)
			return
		}
		received(in)
		contentType, body, err := soap.WriteMessage([]byte(soapAnswer(t, in.Envelope())), p, "answer-boundary", answer())
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Type", contentType)
		_, _ = io.Copy(w, body)
	})
	return s.URL
}

func TestAttachmentsGoOutAndComeIn(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-089", "C-096", "C-097")
	for name, p := range map[string]soap.Packaging{"SwA": soap.PackagingSwA, "MTOM": soap.PackagingMTOM} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := "\x00\xff\r\n--answer-boundar"
			var got []string
			url := multipartServer(t, p, func(in *soap.Incoming) {
				for {
					a, err := in.Next()
					if err != nil {
						break
					}
					text, err := io.ReadAll(a.Body)
					if err != nil {
						t.Error(err)
					}
					got = append(got, a.ContentID, a.ContentType, string(text))
				}
			}, func() []soap.Attachment {
				return []soap.Attachment{{ContentID: "back", ContentType: "image/png", Body: strings.NewReader(binary)}, {Body: strings.NewReader("")}}
			})
			a, err := client(t, url).Open(t.Context(), xroad.Call{
				Service: them, Body: notice(), Packaging: p,
				Attachments: []soap.Attachment{{ContentID: "one@x", ContentType: "text/plain", Body: strings.NewReader(binary)}},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			if diff := cmp.Diff([]string{"one@x", "text/plain", binary}, got); diff != "" {
				t.Errorf("the server got:\n%s", diff)
			}
			var back []string
			for {
				part, err := a.Next()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(part.Body)
				if err != nil {
					t.Fatal(err)
				}
				back = append(back, part.ContentID, part.ContentType, string(text))
			}
			if diff := cmp.Diff([]string{"back", "image/png", binary, "", "application/octet-stream", ""}, back); diff != "" {
				t.Errorf("the client got:\n%s", diff)
			}
			if a.Exchange.RequestHash == "" || soap.Child(a.Message.Body(), "", "receiptId") == nil {
				t.Errorf("answer is %+v", a.Answer)
			}
		})
	}
}

// A message whose end is missing is not taken for a whole one.
func TestAnswerWithoutItsEndIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-105")
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		w.Header().Set("Content-Type", `multipart/related; type="text/xml"; boundary=b`)
		_, _ = io.WriteString(w, "--b\r\nContent-Type: text/xml\r\n\r\n"+soapAnswer(t, body)+"\r\n--b\r\nContent-Type: text/plain\r\n\r\nhalf")
	})
	_, err := client(t, s.URL).Call(t.Context(), xroad.Call{Service: them, Body: notice()})
	if f := failure(t, err); f.Kind != soap.KindUnknownResult || f.MessageID != "attempt-1" {
		t.Errorf("failure is %+v", f)
	}
}

// A Fault is one inside a multipart answer as well.
func TestFaultInMultipartIsAFault(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-090", "C-093")
	fault := string(soap.BuildFault(soap.Fault{Code: "Server.ServerProxy.AccessDenied", String: "no", Detail: "uuid-1"}))
	s := server(t, func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Content-Type", `multipart/related; type="text/xml"; boundary=b`)
		_, _ = io.WriteString(w, "--b\r\nContent-Type: text/xml\r\n\r\n"+fault+"\r\n--b--\r\n")
	})
	_, err := client(t, s.URL).Call(t.Context(), xroad.Call{Service: them, Body: notice()})
	if f := failure(t, err); f.Kind != soap.KindFixRights || f.Detail != "uuid-1" {
		t.Errorf("failure is %+v", f)
	}
}

// pattern gives size bytes and watches how much memory is in use meanwhile.
type pattern struct {
	left int64
	peak *peak
	next int64
}

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	clear(b[:n])
	p.left -= int64(n)
	if p.next -= int64(n); p.next <= 0 {
		p.next = 4 << 20
		p.peak.look()
	}
	return n, nil
}

type peak struct {
	mu   sync.Mutex
	most uint64
}

func (p *peak) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, m.HeapInuse)
}

// 200 MB pass in both directions through the memory of a few buffers. The test
// is not parallel: the memory it looks at is that of the whole process.
func TestLargeAttachmentsAreStreamed(t *testing.T) {
	conformance.Covers(t, "C-037")
	if testing.Short() {
		t.Skip("moves 400 MB")
	}
	const size = 200 << 20
	var most peak
	var received int64
	url := multipartServer(t, soap.PackagingSwA, func(in *soap.Incoming) {
		a, err := in.Next()
		if err != nil {
			t.Error(err)
			return
		}
		received, err = io.Copy(io.Discard, a.Body)
		if err != nil {
			t.Error(err)
		}
	}, func() []soap.Attachment {
		return []soap.Attachment{{ContentID: "back", Body: &pattern{left: size, peak: &most}}}
	})
	runtime.GC()
	a, err := client(t, url).Open(t.Context(), xroad.Call{
		Service: them, Body: notice(), Attachments: []soap.Attachment{{ContentID: "big", Body: &pattern{left: size, peak: &most}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	part, err := a.Next()
	if err != nil {
		t.Fatal(err)
	}
	back, err := io.Copy(io.Discard, part.Body)
	if err != nil || back != size || received != size {
		t.Errorf("%d bytes out, %d back, %v", received, back, err)
	}
	t.Logf("most memory in use: %d MB", most.most>>20)
	if most.most > 64<<20 {
		t.Errorf("%d MB of memory were in use, want at most 64", most.most>>20)
	}
}

// Every field of the header goes out, blocks of other protocols included.
func TestEveryHeaderFieldGoesOut(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-106", "C-108", "C-109", "C-159")
	var got *soap.Message
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		m, err := soap.ReadRequest(body, soap.DefaultLimits())
		if err != nil {
			t.Error(err)
		}
		got = m
		sendSOAP(w, 200, soapAnswer(t, body))
	})
	extra := notice()
	extra.Tag = "pdu"
	var recorded []xroad.Exchange
	a, err := client(t, s.URL, func(o *xroad.Options) { o.Record = func(x xroad.Exchange) { recorded = append(recorded, x) } }).Call(t.Context(), xroad.Call{
		Service: them, Body: notice(), UserID: "EE80001010000", Issue: "CASE-1", Extra: []*etree.Element{extra},
		RepresentedParty: &soap.RepresentedParty{Class: "COM", Code: "10000002"},
		SecurityServer:   &soap.ServerID{Instance: "EE", Class: "GOV", Member: "70008440", Code: "arendus"},
		SecurityToken:    &soap.SecurityToken{Type: "urn:jwt", Value: "abc"},
	})
	if err != nil {
		t.Fatal(err)
	}
	h := got.Header
	if h.UserID != "EE80001010000" || h.Issue != "CASE-1" || *h.RepresentedParty != (soap.RepresentedParty{Class: "COM", Code: "10000002"}) ||
		h.SecurityServer.Code != "arendus" || h.SecurityToken.Value != "abc" || h.Block("http://ristmik.x-road.eu/permits", "pdu") == nil {
		t.Errorf("header is %+v", h)
	}
	x := a.Exchange
	if x.Client != us || x.Service != them || x.UserID != "EE80001010000" || x.Issue != "CASE-1" || x.RepresentedParty != "COM/10000002" || x.MessageID != h.ID || x.RequestHash != soap.HashOf(got.Raw) {
		t.Errorf("exchange is %+v", x)
	}
	if len(recorded) != 1 || recorded[0] != x {
		t.Errorf("recorded is %+v", recorded)
	}
}

// A failed call is recorded with everything that one would ask the partner or
// an administrator with.
func TestFailedCallsAreRecorded(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-093", "C-159")
	s := server(t, func(w http.ResponseWriter, r *http.Request, _ []byte) {
		if r.Method == http.MethodPost {
			sendSOAP(w, 200, string(soap.BuildFault(soap.Fault{Code: "Server.ServerProxy.AccessDenied", String: "no", Detail: "uuid-1"})))
			return
		}
		w.Header().Set("X-Road-Error", "Server.ServerProxy.AccessDenied")
		w.WriteHeader(500)
		_, _ = io.WriteString(w, `{"type":"Server.ServerProxy.AccessDenied","message":"no","detail":"uuid-1"}`)
	})
	var recorded []xroad.Exchange
	c := client(t, s.URL, func(o *xroad.Options) { o.Record = func(x xroad.Exchange) { recorded = append(recorded, x) } })
	_, _ = c.Call(t.Context(), xroad.Call{Service: them, Body: notice(), UserID: "EE80001010000", Issue: "CASE-1"})
	_, _ = c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "GET", UserID: "EE80001010000", Issue: "CASE-1", RepresentedParty: "COM/1"})
	_, _ = c.REST(t.Context(), xroad.RESTCall{Service: rest, Method: "BREW"})
	if len(recorded) != 3 {
		t.Fatalf("%d calls are recorded", len(recorded))
	}
	for i, x := range recorded[:2] {
		f := x.Failure
		if x.MessageID == "" || x.Client != us || x.Service != []soap.ServiceID{them, rest}[i] || x.UserID != "EE80001010000" || x.Issue != "CASE-1" || x.Finished.IsZero() ||
			f == nil || f.Raw != "Server.ServerProxy.AccessDenied" || f.Code != "server.serverproxy.access_denied" || f.Detail != "uuid-1" {
			t.Errorf("recorded is %+v with %+v", x, f)
		}
	}
	if recorded[1].RepresentedParty != "COM/1" || recorded[2].Failure.Code != "request.method" {
		t.Errorf("recorded is %+v", recorded[1:])
	}
}

// A body of a REST call is streamed in both directions, with any method that
// has one.
func TestRESTBodiesAreStreamed(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-110")
	s := server(t, func(w http.ResponseWriter, r *http.Request, body []byte) {
		w.Header().Set("X-Seen", r.Method+" "+r.Header.Get("X-Road-Security-Server")+" "+r.Header.Get("X-Road-Represented-Party"))
		restAnswer(w, r, 200, string(body))
	})
	for _, method := range []string{"POST", "PUT", "PATCH"} {
		for _, length := range []int64{0, 1 << 20} {
			a, err := client(t, s.URL).OpenREST(t.Context(), xroad.RESTCall{
				Service: rest, Method: method, Stream: io.LimitReader(repeat('x'), 1<<20), Length: length, ContentType: "application/octet-stream",
				RepresentedParty: "COM/10000002", SecurityServer: &soap.ServerID{Instance: "EE", Class: "GOV", Member: "70008440", Code: "a/b"},
			})
			if err != nil {
				t.Fatal(err)
			}
			back, err := io.ReadAll(a.Body)
			_ = a.Body.Close()
			if err != nil || len(back) != 1<<20 || len(bytes.Trim(back, "x")) > 0 {
				t.Errorf("%s: %d bytes came back, %v", method, len(back), err)
			}
			if got := a.Header.Get("X-Seen"); got != method+" EE/GOV/70008440/a%2Fb COM/10000002" {
				t.Errorf("the server saw %s", got)
			}
		}
	}
}

type repeat byte

func (r repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(r)
	}
	return len(p), nil
}
