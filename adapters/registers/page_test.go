package registers_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"ristmik/adapters/registers"
)

// reading is what a reader of the pages gets.
func reading(t *testing.T, pages http.Handler, path string, headers ...string) (int, http.Header, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://hub.example:8080"+path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	pages.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, w.Header(), string(body)
}

var tags = regexp.MustCompile(`<[^>]*>`)

// A register can be read by people, in two languages and without scripts, and
// the call on the page works as it stands there.
func TestARegisterCanBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { r.RequireUser, r.TitleET = true, "Sõidukite register" })
	for _, tc := range []struct {
		path, language string
		has            []string
	}{
		{"/registers", "et", []string{`<html lang="et">`, "Registrid", "Sõidukite register", `href="/registers/cars?lang=et"`, "teenuseid 2"}},
		{"/registers?lang=en", "et", []string{`<html lang="en">`, "Register of cars", `href="/registers?lang=et"`}},
		{"/registers/cars", "en-GB,en;q=0.9", []string{"Cars of an owner", "Omaniku sõidukid", `href="/registers/cars/cars?lang=en"`, "EE/GOV/70000310/cars", "cars.wsdl", "1 of 2 services can be used", "Cannot be used", "/v1/registers/cars/openapi.json"}},
		{"/registers/cars/cars", "", []string{"Omaniku sõidukid", "kohustuslik", "EE/GOV/70000310/cars/cars/v1", "kuni 100", "loend: objekt", "Kuupäev", "X-Road-UserId", "Väikseim", "Täielikem", "plate"}},
		{"/registers/cars/cars?lang=en", "", []string{"required", "at most 100", "list of object", "A date, YYYY-MM-DD", "Smallest"}},
		{"/registers/cars/old?lang=en", "", []string{"Cannot be used", "xs:list"}},
	} {
		status, h, page := reading(t, w.api.Pages(), tc.path, "Accept-Language", tc.language)
		for _, want := range tc.has {
			if status != http.StatusOK || !strings.Contains(page, want) {
				t.Errorf("%s in %q: %d, %q is missing", tc.path, tc.language, status, want)
			}
		}
		if strings.Contains(page, "<script") || strings.Contains(page, "style=") || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s has scripts or styles of its own, or may have: %v", tc.path, h)
		}
		if strings.Contains(page, "%!") {
			t.Errorf("%s: a text was not filled in", tc.path)
		}
	}
	for path, want := range map[string]int{"/registers/boats": 404, "/registers/cars/boats": 404, "/registers/boats/cars": 404, "/registers/pages.css": 200} {
		if status, _, _ := reading(t, w.api.Pages(), path); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	_, _, page := reading(t, w.api.Pages(), "/registers/cars/cars?lang=en")
	text := html.UnescapeString(tags.ReplaceAllString(page, "\n"))
	line := regexp.MustCompile(`curl -s http://hub\.example:8080(\S+) -H 'Content-Type: application/json' -H '(\S+): (\S+)' -d '(.*)'`).FindStringSubmatch(text)
	if line == nil {
		t.Fatalf("there is no call to try on:\n%s", text)
	}
	if status, got := w.ask(t, http.MethodPost, line[1], line[4], line[2], line[3]); status != http.StatusOK {
		t.Errorf("%v: %d %v", line, status, got)
	}
}

// A REST register is read as any other.
func TestARESTRegisterCanBeRead(t *testing.T) {
	t.Parallel()
	w := newRESTWorld(t, nil, func(*http.Request, string) {}, func() (int, string) { return 200, "{}" })
	for path, wants := range map[string][]string{
		"/registers/cars?lang=en":        {"One car", "getCar", "Cannot be used", "EE/GOV/70000310/cars/cars"},
		"/registers/cars/getCar?lang=en": {"plate", "at least 2 characters", "one of: et, en", "weight", "GET /cars/{plate}", "X-Road-Issue"},
		"/registers/cars/putCar?lang=et": {"kohustuslik", "body", "PUT /cars/{plate}"},
	} {
		status, _, page := reading(t, w.api.Pages(), path)
		for _, want := range wants {
			if status != http.StatusOK || !strings.Contains(page, want) {
				t.Errorf("%s: %d, %q is missing in\n%s", path, status, want, tags.ReplaceAllString(page, ""))
			}
		}
	}
}
