package registers_test

import (
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/registers"
	"ristmik/soap/contract"
)

// A register whose description takes more than there is for one says so wherever
// somebody looks for it.
func TestARegisterWhoseDescriptionIsTooMuchSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { r.Title, r.Contract, r.Unusable = "Broken", nil, contract.ErrTooSlow })
	for path, method := range map[string]string{"/v1/registers/cars/any": http.MethodPost, "/v1/registers/cars/openapi.json": http.MethodGet} {
		status, got := w.ask(t, method, path, "{}")
		if detail, _ := got["detail"].(string); status != http.StatusNotImplemented || !strings.Contains(detail, contract.ErrTooSlow.Error()) {
			t.Errorf("%s: %d %v", path, status, got)
		}
	}
	_, got := w.ask(t, http.MethodGet, "/v1/registers", "")
	list, _ := got["registers"].([]any)
	if len(list) != 1 || list[0].(map[string]any)["unusable"] != contract.ErrTooSlow.Error() {
		t.Errorf("the list: %v", got)
	}
	for path, want := range map[string]string{"/registers?lang=en": "Broken", "/registers/cars?lang=en": contract.ErrTooSlow.Error()} {
		if status, _, page := reading(t, w.api.Pages(), path); status != http.StatusOK || !strings.Contains(page, want) {
			t.Errorf("%s: %d, %q is missing", path, status, want)
		}
	}
	if status, _, _ := reading(t, w.api.Pages(), "/registers/cars/any"); status != http.StatusNotFound {
		t.Errorf("an operation of it: %d", status)
	}
}
