package registers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/registers"
)

// heads asks and returns the headers of the answer beside its exchange.
func (w *world) heads(t *testing.T, path, body string, headers ...string) (http.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	_, doc := w.ask(t, http.MethodPost, path, body, headers...)
	x, _ := doc["exchange"].(map[string]any)
	return res.Header, x
}

// An answer says which exchange it was, how old its data are and how long the
// register took: in its body and in its headers.
func TestAnAnswerSaysHowOldItsDataAre(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { r.AsOf = "/Viga"; r.Refusals = nil })
	// The register's own field; the test's contract has one to spare.
	for said, want := range map[string]string{
		"2020-02-29T10:00:00Z": "2020-02-29T10:00:00Z", "2020-02-29T10:00:00": "2020-02-29T10:00:00Z", "2020-02-29": "2020-02-29T00:00:00Z",
		"29.02.2020": "2020-02-29T00:00:00Z", "2020-02-29T12:00:00.5+02:00": "2020-02-29T10:00:00.5Z",
	} {
		w.says("<Viga>" + said + "</Viga>")
		h, x := w.heads(t, "/v1/registers/cars/cars", `{"owner":"x"}`)
		if x["data_as_of"] != want || h.Get("Age") == "0" || !strings.HasPrefix(h.Get("Server-Timing"), "register;dur=") || h.Get("X-Road-Id") == "" || h.Get("X-Road-Request-Hash") == "" {
			t.Errorf("%s: %v, %v", said, x, h)
		}
	}
	// Nothing, nonsense and the future are the time of the answer: nothing is kept.
	for _, said := range []string{"", "<Viga>soon</Viga>", "<Viga>2999-01-01</Viga>"} {
		w.says(said)
		h, x := w.heads(t, "/v1/registers/cars/cars", `{"owner":"x"}`)
		if x["data_as_of"] != x["answered_at"] || h.Get("Age") != "0" {
			t.Errorf("%q: %v, %v", said, x, h)
		}
	}
	w.says("fault:out of order")
	if h, _ := w.heads(t, "/v1/registers/cars/cars", `{"owner":"x"}`); h.Get("X-Road-Id") == "" {
		t.Errorf("a problem has the headers %v", h)
	}
}

// A REST register may say it in the headers of HTTP.
func TestARESTAnswerSaysHowOldItsDataAre(t *testing.T) {
	t.Parallel()
	var head http.Header
	w := newRESTWorld(t, func(r *registers.Register) { r.AsOf = "/owner/name" }, func(*http.Request, string) {}, func() (int, string) { return 200, `{"plate":"1"}` }, &head)
	ask := func() (http.Header, map[string]any) {
		return w.heads(t, "/v1/registers/cars/getCar", `{"path":{"plate":"12"}}`, "X-Road-Issue", "PERMIT-1")
	}
	head = http.Header{"Age": {"90"}}
	h, x := ask()
	answered, err := time.Parse(time.RFC3339Nano, x["answered_at"].(string))
	if err != nil || h.Get("Age") != "90" || x["data_as_of"] != answered.Add(-90*time.Second).Format(time.RFC3339Nano) {
		t.Errorf("%v, %v", h, x)
	}
	head = http.Header{"Last-Modified": {"Sat, 29 Feb 2020 10:00:00 GMT"}}
	if _, x = ask(); x["data_as_of"] != "2020-02-29T10:00:00Z" {
		t.Errorf("%v", x)
	}
	head = nil
	if h, x = ask(); h.Get("Age") != "0" || x["data_as_of"] != x["answered_at"] {
		t.Errorf("%v, %v", h, x)
	}
}
