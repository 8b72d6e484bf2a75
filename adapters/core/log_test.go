package core_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

// Whatever is sent, well or badly: the log knows routes and statuses only.
func TestTheLogNeverHoldsPersonalData(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("POST", "/v1/consultations", consultationBody(nil), "Idempotency-Key", "71506150007")
	w.do("POST", "/v1/consultations", consultationBody(nil)+"x")
	w.do("POST", "/v1/consultations", consultationBody(map[string]any{"71506150007": "Mai", "official": "Sünteetiline"}))
	w.do("POST", "/v1/events", eventBody(nil))
	w.do("POST", "/v1/events", eventBody(map[string]any{"type": "71506150007"}))
	w.do("GET", "/v1/events?after=71506150007", "")
	w.do("GET", "/v1/consultations/71506150007", "")
	w.do("GET", "/people/71506150007?name=Sünteetiline", "")
	w.failWith(errors.New("the register is away"))
	if r := w.do("POST", "/v1/events?code=71506150007", eventBody(map[string]any{"id": "00000000-0000-4000-8000-000000000001"}), "Idempotency-Key", "71506150007"); r.status != http.StatusInternalServerError {
		t.Fatalf("%d", r.status)
	}
	log := w.log.String()
	if n := strings.Count(log, `"msg":"request"`); n < 10 { // with the one for the description
		t.Errorf("%d requests were logged:\n%s", n, log)
	}
	if strings.Count(log, "the register is away") != 1 {
		t.Errorf("our own fault is not logged once:\n%s", log)
	}
	for _, canary := range []string{"71506150007", "81506150008", "Mai", "Sünteetiline", "ELT-2026"} {
		if strings.Contains(log, canary) {
			t.Errorf("the log holds %q:\n%s", canary, log)
		}
	}
}
