package core_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"ristmik/adapters/consultation"
	"ristmik/adapters/core"
	"ristmik/adapters/web"
)

// Calls of registers need a token, what people read about them needs none.
func TestRegistersNeedATokenAndTheirPagesDoNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokens, err := web.ParseTokens([]byte("core 0123456789abcdef0123456789abcdef\n"))
	if err != nil {
		t.Fatal(err)
	}
	told := func(text string) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, text) })
	}
	api, err := core.New(core.Options{Pool: w.pool, Procedure: &consultation.Procedure{}, Tokens: tokens, Registers: told("called"), RegisterPages: told("read")})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/registers": "read", "/registers/a/b": "read", "/v1/registers": "", "/v1/registers/a/b": ""} {
		rec := httptest.NewRecorder()
		api.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "http://127.0.0.1"+path, nil))
		if got := rec.Body.String(); want != "" && got != want || want == "" && rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", path, rec.Code, got)
		}
	}
}
