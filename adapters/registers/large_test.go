package registers_test

import (
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/registers"
)

// An answer that is passed on piece by piece says what any other says.
func TestALargeAnswerIsPassedOnWhole(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { r.Tolerant = true })
	car := `<car><plate>` + strings.Repeat("ÕÄ&amp;", 400) + `</plate><weight>1.10</weight></car>`
	w.says(strings.Repeat(car, 999) + `<car><plate>last</plate><colour>red</colour></car>`)
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"x"}`)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	cars, _ := got["data"].(map[string]any)["car"].([]any)
	if len(cars) != 1000 {
		t.Fatalf("%d cars", len(cars))
	}
	if plate := cars[998].(map[string]any)["plate"]; plate != strings.Repeat("ÕÄ&", 400) {
		t.Errorf("plate %v", plate)
	}
	if last := cars[999].(map[string]any); last["plate"] != "last" {
		t.Errorf("the last one is %v", last)
	}
	if unknown, _ := got["unknown"].([]any); len(unknown) != 1 || unknown[0] != "/car/999/colour" {
		t.Errorf("unknown %v", got["unknown"])
	}
	if x, _ := got["exchange"].(map[string]any); x["message_id"] != w.got.Header.ID {
		t.Errorf("exchange %v", x)
	}
	// A refusal and a fault in the contract are found in one too.
	w.says(strings.Repeat(car, 999) + "<faultCode>no</faultCode><faultString>not yours</faultString>")
	if status, got = w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"x"}`); status == http.StatusOK || got["data"] != nil {
		t.Errorf("a refusal: %d", status)
	}
	w.says(strings.Repeat(car, 999) + "<car/>")
	if status, got = w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"x"}`); status == http.StatusOK || got["data"] != nil {
		t.Errorf("an answer that breaks the contract: %d", status)
	}
}
