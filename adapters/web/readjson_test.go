package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/adapters/web"
)

func read(t testing.TB, contentType, body string, limit int64) ([]byte, *web.Problem) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return web.ReadJSON(httptest.NewRecorder(), r, limit)
}

// What is read is exactly one document, unambiguous and storable; anything
// else gets the problem that says what is wrong with it.
func TestReadJSONRefusesWhatReadersCouldTakeDifferently(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, contentType, body string
		status                  int
		says                    string
	}{
		{"no content type", "", `{}`, 415, "application/json"},
		{"form", "application/x-www-form-urlencoded", `{}`, 415, "application/json"},
		{"text", "text/plain", `{}`, 415, "application/json"},
		{"other charset", "application/json; charset=latin1", `{}`, 415, "UTF-8"},
		{"broken content type", "application/json; charset", `{}`, 415, "application/json"},
		{"too large", "application/json", `"` + strings.Repeat("a", 100) + `"`, 413, "100 bytes"},
		{"empty", "application/json", "", 400, "empty"},
		{"blank", "application/json", " \n", 400, "empty"},
		{"byte order mark", "application/json", "\ufeff{}", 400, "byte order mark"},
		{"not UTF-8", "application/json", "\"\xff\"", 400, "UTF-8"},
		{"no JSON", "application/json", `{"a":}`, 400, "byte 6"},
		{"cut", "application/json", `{"a":1`, 400, "not a complete"},
		{"two documents", "application/json", `{} {}`, 400, "follows"},
		{"trailing comma", "application/json", `{},`, 400, "follows"},
		{"too deep", "application/json", strings.Repeat("[", 40) + strings.Repeat(`{"":`, 25) + "1" + strings.Repeat("}", 25) + strings.Repeat("]", 40), 413, ""},
		{"NUL", "application/json", `"a\u0000"`, 400, "U+0000"},
		{"half a pair", "application/json", `"\ud83d"`, 400, "surrogate"},
		{"half a pair and a letter", "application/json", `"\ud83dx\ude00"`, 400, "surrogate"},
		{"wrong half first", "application/json", `"\ude00\ud83d"`, 400, "surrogate"},
	} {
		limit := int64(100)
		if c.name == "too deep" {
			limit, c.status, c.says = 1000, 400, "64 levels"
		}
		body, p := read(t, c.contentType, c.body, limit)
		if p == nil {
			t.Errorf("%s: accepted %q", c.name, body)
			continue
		}
		if p.Status != c.status || !strings.Contains(p.Detail, c.says) {
			t.Errorf("%s: %d %q, want %d and %q", c.name, p.Status, p.Detail, c.status, c.says)
		}
	}
}

func TestReadJSONGivesTheBodyAsItCame(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{"a":1,"b":{"a":2}}`, ` [1, 2.50, "x"] `, `null`, `"\\u0000 \ud83d\ude00 \u00f5"`, "\"õ\"", `[{"a":1},{"a":2}]`,
		strings.Repeat("[", 64) + strings.Repeat("]", 64),
	} {
		for _, contentType := range []string{"application/json", "Application/JSON; charset=UTF-8"} {
			got, p := read(t, contentType, body, 1000)
			if p != nil || string(got) != body {
				t.Errorf("%s: got %q, problem %+v", body, got, p)
			}
		}
	}
}

// All keys that come twice are named, as JSON pointers.
func TestReadJSONNamesDuplicateKeys(t *testing.T) {
	t.Parallel()
	_, p := read(t, "application/json", `{"a":1,"a":2,"b":[{"c/d":1,"c\/d":2}],"\u0061":3}`, 1000)
	if p == nil {
		t.Fatal("accepted")
	}
	var paths []string
	for _, e := range p.Errors {
		paths = append(paths, e.Path)
	}
	if diff := cmp.Diff([]string{"/a", "/b/0/c~1d", "/a"}, paths); diff != "" {
		t.Error(diff)
	}
}

// Whatever comes, reading neither panics nor lets through what is not JSON.
func TestReadJSONTakesOnlyJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.Map(rapid.StringMatching(`[\[\]{}:,"\\ud08DcC0-9a ]{0,40}`), func(s string) []byte { return []byte(s) }),
			rapid.Map(rapid.StringMatching(`"(\\u[dD][89a-fA-F][0-9]{2}|\\\\|\\u0000|x){0,4}"`), func(s string) []byte { return []byte(s) }),
		).Draw(rt, "body")
		got, p := read(t, "application/json", string(body), 1<<20)
		if p != nil {
			if p.Status < 400 || p.Detail == "" {
				rt.Fatalf("problem %+v", p)
			}
			return
		}
		var v any
		if err := json.Unmarshal(got, &v); err != nil || !bytes.Equal(got, body) {
			rt.Fatalf("let through %q: %v", got, err)
		}
		again, _ := json.Marshal(v)
		if bytes.ContainsRune(again, '\ufffd') && !bytes.ContainsRune(body, '\ufffd') && !strings.Contains(strings.ToLower(string(body)), `\ufffd`) {
			rt.Fatalf("%q holds half a pair", body)
		}
	})
}

// The limit also holds for a body whose length is not announced, and the
// answer reaches the caller.
func TestReadJSONLimitsChunkedBodies(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, p := web.ReadJSON(w, r, 1000); p != nil {
			web.WriteProblem(w, *p)
		}
	}))
	defer s.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, io.MultiReader(strings.NewReader(`"`+strings.Repeat("a", 2000)), strings.NewReader(`"`)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// A body that stops half way is the caller's fault and says so.
func TestReadJSONOfACutBody(t *testing.T) {
	t.Parallel()
	got := make(chan *web.Problem, 1)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, p := web.ReadJSON(w, r, 1000)
		got <- p
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{}"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if p := <-got; p == nil || p.Status != http.StatusBadRequest {
		t.Errorf("problem %+v", p)
	}
}
