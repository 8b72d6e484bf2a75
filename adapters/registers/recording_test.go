package registers_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/registers/record"
	"ristmik/soap"
)

// Every exchange is in the record with what became of it, under the id that the
// answer names; what never left is not.
func TestExchangesAreRecorded(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, postgres.MigrationSet{Name: "register", FS: record.Migrations})
	w := newRecordedWorld(t, nil, record.NewBook(pool))
	w.says(`<car><plate>123ABC</plate></car>`)
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"38001085718"}`, "X-Road-UserId", "EE38001085718", "X-Road-Issue", "PERMIT-1", "X-Purpose", "elamisloa kehtetuks tunnistamine")
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, got)
	}
	list, err := record.List(t.Context(), pool, record.Filter{}, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	w.mu.Lock()
	hash := soap.HashOf(w.got.Raw)
	if strings.Contains(string(w.got.Raw), "kehtetuks") {
		t.Error("the purpose was sent to the register")
	}
	w.mu.Unlock()
	if list[0].Purpose != "elamisloa kehtetuks tunnistamine" {
		t.Errorf("the purpose is recorded as %q", list[0].Purpose)
	}
	x := list[0]
	exchange := got["exchange"].(map[string]any)
	if x.MessageID != exchange["message_id"] || x.RequestHash == "" || x.RequestHash != exchange["request_hash"] || x.RequestHash != hash ||
		x.Register != "cars" || x.Operation != "cars" || x.Service != "EE/GOV/70000310/cars/cars/v1" || x.UserID != "EE38001085718" || x.Issue != "PERMIT-1" {
		t.Errorf("recorded %+v, told %v", x.Sent, exchange)
	}
	if x.Ended == nil || x.Ended.Result != "answered" || x.Ended.StatedHash != hash || x.Ended.At.Before(x.At) || time.Since(x.At) > time.Hour {
		t.Errorf("ended %+v", x.Ended)
	}
	for answer, want := range map[string]string{
		`<faultCode>no</faultCode><faultString>not yours</faultString>`: "business answer.refused",
		`<strange/>`:          "unknown_result answer.contract",
		`fault:out of memory`: "",
	} {
		w.says(answer)
		_, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"38001085718"}`)
		if want == "" {
			want = got["kind"].(string) + " " + got["code"].(string)
		}
		list, err := record.List(t.Context(), pool, record.Filter{MessageID: got["message_id"].(string)}, 10)
		if err != nil || len(list) != 1 || list[0].Ended == nil || list[0].Ended.Result+" "+list[0].Ended.Code != want {
			t.Errorf("%s: %+v, %v", answer, list, err)
		}
	}
	// What is refused here is no exchange.
	if status, _ := w.ask(t, "POST", "/v1/registers/cars/cars", `{}`); status != http.StatusUnprocessableEntity {
		t.Errorf("a wrong request: %d", status)
	}
	if list, err := record.List(t.Context(), pool, record.Filter{}, 10); err != nil || len(list) != 4 {
		t.Errorf("%d exchanges, %v", len(list), err)
	}
}

// What cannot be recorded does not leave the house.
func TestNothingLeavesUnrecorded(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, postgres.MigrationSet{Name: "register", FS: record.Migrations})
	w := newRecordedWorld(t, nil, record.NewBook(pool))
	w.says(`<car><plate>123ABC</plate></car>`)
	if _, err := pool.Exec(t.Context(), `alter table register.exchange_result rename to elsewhere`); err != nil {
		t.Fatal(err)
	}
	// The end is not recorded: the register has answered, so the caller gets it,
	// and the log says what is missing.
	if status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"38001085718"}`); status != http.StatusOK {
		t.Errorf("%d %v", status, got)
	}
	if !strings.Contains(w.log.String(), "the end of an exchange is not recorded") {
		t.Errorf("the log says %s", w.log)
	}
	if list, err := record.List(t.Context(), pool, record.Filter{}, 10); err == nil {
		t.Errorf("a table is gone, and the list is %v", list)
	}
	pool.Close()
	w.mu.Lock()
	w.got = nil
	w.mu.Unlock()
	status, got := w.ask(t, "POST", "/v1/registers/cars/cars", `{"owner":"38001085718"}`)
	if status != http.StatusServiceUnavailable || got["code"] != "request.not_recorded" || got["kind"] != string(soap.KindRetryNow) {
		t.Errorf("%d %v", status, got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.got != nil {
		t.Error("the register was asked")
	}
}

// REST exchanges are recorded as well; their hash is known when they are
// answered.
func TestRESTExchangesAreRecorded(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, postgres.MigrationSet{Name: "register", FS: record.Migrations})
	answer := func() (int, string) { return http.StatusNotFound, `{"message":"no"}` }
	w := newRecordedRESTWorld(t, nil, record.NewBook(pool), func(*http.Request, string) {}, func() (int, string) { return answer() })
	ask := func() map[string]any {
		_, got := w.ask(t, "POST", "/v1/registers/cars/getCar", `{"path":{"plate":"12"}}`, "X-Road-Issue", "PERMIT-1")
		return got
	}
	got := ask()
	list, err := record.List(t.Context(), pool, record.Filter{MessageID: got["message_id"].(string)}, 10)
	if err != nil || len(list) != 1 || list[0].Ended == nil || list[0].Ended.Result != got["kind"] || list[0].Ended.Code != "http.404" || list[0].Issue != "PERMIT-1" {
		t.Errorf("%+v, %v; told %v", list, err, got)
	}
	answer = func() (int, string) { return http.StatusOK, `{"plate":"12"}` }
	exchange := ask()["exchange"].(map[string]any)
	list, err = record.List(t.Context(), pool, record.Filter{MessageID: exchange["message_id"].(string)}, 10)
	if err != nil || len(list) != 1 || list[0].Ended == nil || list[0].Ended.Result != "answered" || list[0].Ended.StatedHash != exchange["request_hash"] || list[0].Ended.RequestID == "" {
		t.Errorf("%+v, %v; told %v", list, err, exchange)
	}
}
