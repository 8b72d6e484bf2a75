package web_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"ristmik/adapters/web"
)

func ok(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, web.Caller(r.Context())) }

func TestBearer(t *testing.T) {
	t.Parallel()
	tokens := []web.Token{web.NewToken("core", "token-of-the-core-1234"), web.NewToken("ops", "token-of-the-operators")}
	for _, c := range []struct {
		name   string
		tokens []web.Token
		set    func(r *http.Request)
		caller string // "" = refused
	}{
		{"nothing", tokens, func(*http.Request) {}, ""},
		{"bearer", tokens, func(r *http.Request) { r.Header.Set("Authorization", "Bearer token-of-the-core-1234") }, "core"},
		{"scheme in other case", tokens, func(r *http.Request) { r.Header.Set("Authorization", "bearer token-of-the-operators") }, "ops"},
		{"basic", tokens, func(r *http.Request) { r.SetBasicAuth("anybody", "token-of-the-operators") }, "ops"},
		{"token as the user", tokens, func(r *http.Request) { r.SetBasicAuth("token-of-the-operators", "") }, ""},
		{"wrong token", tokens, func(r *http.Request) { r.Header.Set("Authorization", "Bearer token-of-the-core-1235") }, ""},
		{"beginning of a token", tokens, func(r *http.Request) { r.Header.Set("Authorization", "Bearer token") }, ""},
		{"empty token", tokens, func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, ""},
		{"other scheme", tokens, func(r *http.Request) { r.Header.Set("Authorization", "Digest token-of-the-core-1234") }, ""},
		{"empty secret configured", []web.Token{web.NewToken("x", "")}, func(r *http.Request) { r.SetBasicAuth("x", "") }, ""},
		{"zero token configured", []web.Token{{}}, func(*http.Request) {}, ""},
		{"no tokens configured", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer token-of-the-core-1234") }, ""},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		c.set(r)
		w := httptest.NewRecorder()
		web.Bearer(c.tokens, http.HandlerFunc(ok)).ServeHTTP(w, r)
		if c.caller == "" {
			if w.Code != http.StatusUnauthorized || len(w.Header().Values("WWW-Authenticate")) != 2 {
				t.Errorf("%s: status %d, header %v", c.name, w.Code, w.Header())
			}
			continue
		}
		if w.Code != http.StatusOK || w.Body.String() != c.caller {
			t.Errorf("%s: status %d, caller %q", c.name, w.Code, w.Body)
		}
	}
}

func TestParseTokens(t *testing.T) {
	t.Parallel()
	tokens, err := web.ParseTokens([]byte("# who may call\n\ncore  0123456789abcdefghij\nops\tabcdefghij0123456789\n"))
	if err != nil || len(tokens) != 2 || tokens[0] != web.NewToken("core", "0123456789abcdefghij") || tokens[1].Name != "ops" {
		t.Errorf("tokens %v, %v", tokens, err)
	}
	_, err = web.ParseTokens([]byte("core short\nonly-a-name\ncore 0123456789abcdefghij extra\nops 0123456789abcdefghij\nops 0123456789abcdefghij\n"))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"line 1: the token is shorter", "line 2: not a name", "line 3: not a name", "line 5: the name has"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "0123456789") || strings.Contains(err.Error(), "short\n") {
		t.Errorf("the error holds a token: %v", err)
	}
	if _, err := web.ParseTokens([]byte("# nobody\n")); err == nil {
		t.Error("an empty file is accepted")
	}
}

func TestAllowFromGoesByTheConnection(t *testing.T) {
	t.Parallel()
	prefixes := []netip.Prefix{netip.MustParsePrefix("10.1.2.3/32"), netip.MustParsePrefix("fd00::/8"), netip.MustParsePrefix("127.0.0.0/8")}
	for remote, want := range map[string]int{
		"10.1.2.3:5555":          200,
		"10.1.2.4:5555":          403,
		"[::ffff:10.1.2.3]:5555": 200,
		"[fd00::1]:5555":         200,
		"[fd00::1%eth0]:5555":    200,
		"[fe80::1]:5555":         403,
		"@":                      403,
		"":                       403,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "10.1.2.3")
		w := httptest.NewRecorder()
		web.AllowFrom(prefixes, http.HandlerFunc(ok)).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", remote, w.Code, want)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, header, value string
		want                  int
	}{
		{"POST", "", "", 200},
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "Sec-Fetch-Site", "none", 200},
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "Origin", "https://example.org", 403},
		{"GET", "Sec-Fetch-Site", "cross-site", 200},
	} {
		r := httptest.NewRequest(c.method, "http://127.0.0.1:8082/", nil)
		if c.header != "" {
			r.Header.Set(c.header, c.value)
		}
		w := httptest.NewRecorder()
		web.SameOrigin(http.HandlerFunc(ok)).ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s with %s %q: status %d, want %d", c.method, c.header, c.value, w.Code, c.want)
		}
		if c.want == 403 && w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("content type %q", w.Header().Get("Content-Type"))
		}
	}
}

// A name of another site that resolves to this machine does not get in.
func TestLocalHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]int{
		"localhost": 200, "LOCALHOST:8082": 200, "127.0.0.1:8082": 200, "127.0.0.1": 200, "[::1]:8082": 200, "[::1]": 200,
		"evil.example": 421, "evil.example:8082": 421, "localhost.evil.example": 421, "10.0.0.1": 421, "": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		web.LocalHost(http.HandlerFunc(ok)).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("host %q: status %d, want %d", host, w.Code, want)
		}
	}
}

func TestOpenListenersNeedAuthentication(t *testing.T) {
	t.Parallel()
	for addr, loopback := range map[string]bool{
		"127.0.0.1:8080": true, "127.9.9.9:0": true, "localhost:8080": true, "[::1]:8080": true, "[::ffff:127.0.0.1]:1": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "10.0.0.1:8080": false, "hub.example:8080": false, "localhost.example:8080": false,
	} {
		if err := web.RequireLoopbackOrAuth(addr, false); (err == nil) != loopback {
			t.Errorf("%s without authentication: %v", addr, err)
		}
		if err := web.RequireLoopbackOrAuth(addr, true); err != nil {
			t.Errorf("%s with authentication: %v", addr, err)
		}
	}
	for _, addr := range []string{"", "8080", "127.0.0.1", "::1:8080:"} {
		if err := web.RequireLoopbackOrAuth(addr, true); err == nil {
			t.Errorf("%q is taken for an address", addr)
		}
	}
}
