package core_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The description and the program cannot drift: every described operation is
// there, and every path refuses the methods that are not described.
func TestWhatIsDescribedIsServed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for path, methods := range w.doc.tree["paths"].(map[string]any) {
		at := placeholder.ReplaceAllString(path, "6f9619ff-8b86-4d01-b42d-00cf4fc964ff")
		if path == "/v1/events/stream" {
			at += "?after=nonsense" // a good one would never end
		}
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			_, described := methods.(map[string]any)[strings.ToLower(method)]
			r := w.do(method, at, "{}")
			if served := r.status != http.StatusMethodNotAllowed; served != described {
				t.Errorf("%s %s: described %v, status %d", method, path, described, r.status)
			}
		}
	}
}

func TestEverySchemaOfTheDescriptionCompiles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if v := w.doc.tree["openapi"]; v != "3.1.0" {
		t.Errorf("openapi %v", v)
	}
	for name := range w.doc.tree["components"].(map[string]any)["schemas"].(map[string]any) {
		if _, err := w.doc.compiler.Compile("mem:///served.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Every reference leads somewhere.
	text, err := json.Marshal(w.doc.tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range regexp.MustCompile(`"\$ref":"#/([^"]+)"`).FindAllStringSubmatch(string(text), -1) {
		var at any = w.doc.tree
		for _, step := range strings.Split(ref[1], "/") {
			m, _ := at.(map[string]any)
			at = m[step]
		}
		if at == nil {
			t.Errorf("#/%s leads nowhere", ref[1])
		}
	}
}

var exampleText = regexp.MustCompile(`(?s)<code class="example">(.*?)</code>`)

// Whoever copies an example of the page gets a 202 (a 200 where it is only tried), or, where it does something
// with a consultation, is told that there is none.
func TestTheExamplesOfThePageAreAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.do("GET", "/", "").body
	for _, section := range strings.Split(page, "<section")[1:] {
		example := exampleText.FindStringSubmatch(section)
		at := regexp.MustCompile(`<b>POST</b> <code>([^<]+)</code>`).FindStringSubmatch(section)
		if (example == nil) != (at == nil) {
			t.Errorf("an operation and its example do not go together: %.200s", section)
		}
		if example == nil {
			continue
		}
		want := http.StatusAccepted
		if strings.HasSuffix(at[1], "/dry-run") || strings.HasSuffix(at[1], "/search") {
			want = http.StatusOK
		}
		if strings.Contains(at[1], "{") {
			want = http.StatusNotFound
		}
		r := w.do("POST", placeholder.ReplaceAllString(at[1], "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"), html.UnescapeString(example[1]))
		if r.status != want {
			t.Errorf("%s: %d %s", at[1], r.status, r.body)
		}
	}
}

func TestThePageShowsTheWholeDescriptionWithoutScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	page := w.do("GET", "/", "")
	if page.status != http.StatusOK || page.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d %v", page.status, page.header)
	}
	for path, methods := range w.doc.tree["paths"].(map[string]any) {
		for method, o := range methods.(map[string]any) {
			want := fmt.Sprintf(`<b>%s</b> <code>%s</code>`, strings.ToUpper(method), path)
			if !strings.Contains(page.body, want) || !strings.Contains(page.body, html.EscapeString(o.(map[string]any)["summary"].(string))) {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	var ids []string
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		if slices.Contains(ids, m[1]) {
			t.Errorf("two elements have the id %s", m[1])
		}
		ids = append(ids, m[1])
	}
	for name := range w.doc.tree["components"].(map[string]any)["schemas"].(map[string]any) {
		if !slices.Contains(ids, name) {
			t.Errorf("schema %s is not on the page", name)
		}
	}
	for _, m := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page.body, -1) {
		if !slices.Contains(ids, m[1]) {
			t.Errorf("a link leads to #%s, which is not there", m[1])
		}
	}
	for _, no := range []string{"<script", "<style", " style=", " onclick", "http://", "https://"} {
		if strings.Contains(page.body, no) {
			t.Errorf("the page has %s", no)
		}
	}
	if csp := page.header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "style-src 'self'") {
		t.Errorf("policy %q", csp)
	}
	if r := w.do("HEAD", "/", ""); r.status != http.StatusOK || r.body != "" {
		t.Errorf("HEAD: %d", r.status)
	}
	if r := w.do("GET", "/style.css", ""); r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/css") {
		t.Errorf("style: %d", r.status)
	}
}
