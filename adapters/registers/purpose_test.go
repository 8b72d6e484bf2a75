package registers_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/registers"
)

// A register whose entry demands a purpose is not asked without one, and its
// description and page say so.
func TestAPurposeIsDemandedWhereTheEntryDoes(t *testing.T) {
	t.Parallel()
	for _, demanded := range []bool{true, false} {
		w := newWorld(t, func(r *registers.Register) { r.RequirePurpose = demanded })
		w.says("")
		for name, tc := range map[string]struct {
			headers []string
			good    bool
			code    string
		}{
			"none":      {nil, !demanded, "required"},
			"one":       {[]string{"X-Purpose", "elamisluba: kontroll"}, true, ""},
			"two":       {[]string{"X-Purpose", "a", "X-Purpose", "b"}, false, "duplicate"},
			"too long":  {[]string{"X-Purpose", strings.Repeat("a", 256)}, false, "character"},
			"not UTF-8": {[]string{"X-Purpose", "a\xff"}, false, "character"},
		} {
			w.mu.Lock()
			w.got = nil
			w.mu.Unlock()
			status, got := w.ask(t, http.MethodPost, "/v1/registers/cars/cars", `{"owner":"x"}`, tc.headers...)
			if good := status == http.StatusOK; good != tc.good || !good && fmt.Sprint(got["errors"].([]any)[0].(map[string]any)["path"], got["errors"].([]any)[0].(map[string]any)["code"]) != fmt.Sprint("X-Purpose", tc.code) {
				t.Errorf("demanded %t, %s: %d %v", demanded, name, status, got)
			}
			w.mu.Lock()
			if asked := w.got != nil; asked != tc.good {
				t.Errorf("demanded %t, %s: the register was asked: %t", demanded, name, asked)
			}
			w.mu.Unlock()
		}
		_, got := w.ask(t, http.MethodGet, "/v1/registers/cars/openapi.json", "")
		if !strings.Contains(fmt.Sprint(got["paths"]), fmt.Sprintf("name:X-Purpose required:%t", demanded)) {
			t.Errorf("demanded %t: the description has it otherwise", demanded)
		}
		if _, _, page := reading(t, w.api.Pages(), "/registers/cars/cars?lang=et"); !strings.Contains(page, "Milleks andmeid") || strings.Contains(page, "-H &#39;X-Purpose") != demanded {
			t.Errorf("demanded %t: the page has it otherwise", demanded)
		}
	}
}
