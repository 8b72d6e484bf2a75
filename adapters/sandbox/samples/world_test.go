package samples_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// message is what travels over HTTP.
type message struct {
	status         int
	contentType    string
	header         http.Header
	body           []byte
	method, target string // of a request that reached a provider
}

// provider is an information system behind the sandbox: it keeps what reached
// it and answers with what it was given.
type provider struct {
	url   string
	reply func(got message) message

	mu   sync.Mutex
	last *message
}

func newProvider(t *testing.T, reply func(message) message) *provider {
	t.Helper()
	p := &provider{reply: reply}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		got := message{contentType: r.Header.Get("Content-Type"), header: r.Header, body: body, method: r.Method, target: r.RequestURI}
		p.mu.Lock()
		p.last = &got
		p.mu.Unlock()
		out := p.reply(got)
		for name, values := range out.header {
			w.Header()[name] = values
		}
		if out.contentType != "" {
			w.Header().Set("Content-Type", out.contentType)
		}
		if out.status != 0 {
			w.WriteHeader(out.status)
		}
		w.Write(out.body)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// received is the last message that reached the provider, or nil.
func (p *provider) received() *message {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

// world is what a Security Server has to know for one message: derived from the
// message, but for what the expected fault says is missing.
func worldOf(h soap.Header, expect string, words *row, address string) securityserver.Options {
	o := securityserver.Options{
		Instance: h.Client.Instance, Server: targetOf(h), Spelling: securityserver.Spelling78,
		Limits: soap.DefaultLimits(), NewID: uuid.NewString, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	known := map[soap.ClientID]bool{}
	register := func(id soap.ClientID) {
		member := id
		member.Subsystem = ""
		for _, one := range []soap.ClientID{member, id} {
			if !known[one] && !one.IsZero() {
				known[one] = true
				o.Subsystems = append(o.Subsystems, securityserver.Subsystem{ID: one, MemberName: one.Member, SubsystemName: one.Subsystem})
			}
		}
	}
	service := securityserver.Service{ID: h.Service, Kind: securityserver.WSDL, URL: address, Clients: []soap.ClientID{h.Client}, Timeout: 30 * time.Second}
	unknownProvider := strings.HasSuffix(expect, ".unknown_member") && words != nil && words.says("provider", "addresses")
	if !strings.HasSuffix(expect, ".unknown_member") || unknownProvider {
		register(h.Client)
	}
	if !unknownProvider {
		register(h.Service.Provider)
	}
	if strings.HasSuffix(expect, ".access_denied") {
		service.Clients = nil
	}
	if strings.HasSuffix(expect, ".service_disabled") {
		service.Disabled = "out of order"
	}
	if strings.HasSuffix(expect, ".service_type") {
		service.Kind = securityserver.REST
	}
	if strings.HasSuffix(expect, ".invalid_security_server") {
		o.Server = "EE/GOV/0/another"
	}
	if !strings.HasSuffix(expect, ".unknown_service") && service.ID.Code != "" {
		o.Services = append(o.Services, service)
	}
	return o
}

// targetOf is the Security Server that a message asks for, or any.
func targetOf(h soap.Header) string {
	e := h.Block(soap.NSXRoad, "securityServer")
	if e == nil {
		return "EE/GOV/1/ss1"
	}
	var parts []string
	for _, c := range e.ChildElements() {
		parts = append(parts, c.Text())
	}
	return strings.Join(parts, "/")
}

// start opens a sandbox Security Server on loopback and gives its address.
func start(t *testing.T, o securityserver.Options) string {
	t.Helper()
	server, err := securityserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := wire.Serve(context.Background(), ln, server.Handle, wire.Options{
		MaxBody: int64(o.Limits.Bytes), Idle: time.Minute, Read: time.Minute, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { w.Abort(); server.Close() })
	return "http://" + ln.Addr().String()
}

// post sends a message as an information system does.
func post(t *testing.T, url string, m message) message {
	t.Helper()
	return send(t, http.MethodPost, url, m)
}

func send(t *testing.T, method, url string, m message) message {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(m.body))
	if err != nil {
		t.Fatal(err)
	}
	if m.header != nil {
		req.Header = m.header
	}
	if m.contentType != "" {
		req.Header.Set("Content-Type", m.contentType)
	}
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return message{status: resp.StatusCode, contentType: resp.Header.Get("Content-Type"), header: resp.Header, body: body}
}
