package registers_test

import (
	"fmt"
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

// With a table the records are mapped one by one, and what is wrong with the last
// is known before the first is passed on.
func TestALargeAnswerPassesItsTable(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(r *registers.Register) { withTable(t)(r); r.Tolerant = true })
	ask := func(last string) (int, map[string]any) {
		w.says(strings.Repeat(`<car><plate>EE-`+strings.Repeat("ÕÄ&amp;", 400)+`</plate><weight>1.10</weight></car>`, 999) + last)
		return w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":{"personal_code":"38001085718"}}`)
	}
	status, got := ask(`<car><plate>EE-last</plate><colour>red</colour></car>`)
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	cars, _ := got["data"].(map[string]any)["cars"].([]any)
	if len(cars) != 1000 {
		t.Fatalf("%d cars", len(cars))
	}
	if number := cars[998].(map[string]any)["number"]; number != strings.Repeat("ÕÄ&", 400) {
		t.Errorf("number %v", number)
	}
	if last := cars[999].(map[string]any); last["number"] != "last" {
		t.Errorf("the last one is %v", last)
	}
	if unknown, _ := got["unknown"].([]any); len(unknown) != 1 || unknown[0] != "/car/999/colour" {
		t.Errorf("unknown %v", got["unknown"])
	}
	if x, _ := got["exchange"].(map[string]any); x["message_id"] != w.got.Header.ID {
		t.Errorf("exchange %v", x)
	}
	for name, last := range map[string]string{
		"what the table cannot tell": "<car><plate>last</plate></car>", "what the contract does not have": "<car/>", "a refusal": "<Viga>no</Viga>",
	} {
		if status, got = ask(last); status == http.StatusOK || got["data"] != nil {
			t.Errorf("%s: %d", name, status)
		}
	}
	if status, got = ask("<car><plate>last</plate></car>"); !strings.Contains(fmt.Sprint(got["errors"]), "/car/999/plate") {
		t.Errorf("what the table cannot tell: %d %v", status, got)
	}
}
