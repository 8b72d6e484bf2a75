package core_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/core"
	"ristmik/outbox"
)

func TestAFactReachesEveryIntakeOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.do("POST", "/v1/events", eventBody(nil))
	if want := `{"id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","duplicate":false}`; first.status != http.StatusAccepted || strings.TrimSpace(first.body) != want {
		t.Fatalf("%d %s", first.status, first.body)
	}
	same := []string{
		eventBody(nil), strings.ReplaceAll(eventBody(nil), ",", " ,\n"),
		eventBody(map[string]any{"occurred_at": "2026-03-02T08:15:00Z", "id": "6F9619FF-8B86-4D01-B42D-00CF4FC964FF"}),
	}
	for _, body := range same {
		if r := w.do("POST", "/v1/events", body); r.status != http.StatusAccepted || !strings.Contains(r.body, `"duplicate":true`) {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	other := w.do("POST", "/v1/events", eventBody(map[string]any{"type": "permit.revoked"}))
	if diff := cmp.Diff([]string{"/id event_id.reused"}, other.codes(t)); diff != "" || other.status != http.StatusConflict {
		t.Errorf("%d\n%s", other.status, diff)
	}
	want := []core.CoreEvent{{
		ID: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", Type: "permit.issued", OccurredAt: time.Date(2026, 3, 2, 8, 15, 0, 0, time.UTC),
		Data: core.Permit{
			PermitID: "EL-1", Person: core.Person{PersonalCode: "71506150007", GivenName: "Mai", Surname: "Sünteetiline"},
			Employer: &core.Employer{RegistryCode: "10000024"}, ValidFrom: "2026-03-15", ValidTo: "2028-03-14", GroundCode: "TOOTAMINE",
		},
	}}
	if diff := cmp.Diff(want, w.told()); diff != "" {
		t.Error(diff)
	}
	if got := want[0].Data.EmployerCode() + (core.Permit{}).EmployerCode(); got != "10000024" {
		t.Errorf("employer codes %q", got)
	}
}

func TestOneEventSentManyTimesAtOnceHasOneEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	for i := range 30 {
		wg.Go(func() {
			r, err := w.insist("POST", "/v1/events", eventBody(nil), "Idempotency-Key", fmt.Sprint("k", i))
			if err != nil || r.status != http.StatusAccepted {
				t.Errorf("%d %v", r.status, err)
			}
		})
	}
	wg.Wait()
	if got := len(w.told()); got != 1 || w.count("select count(*) from core.event_in") != 1 {
		t.Errorf("told %d times", got)
	}
}

func TestAnIntakeThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.failWith(errors.New("a register's table is locked"))
	r := w.do("POST", "/v1/events", eventBody(nil), "Idempotency-Key", "k")
	if r.status != http.StatusInternalServerError || strings.Contains(r.body, "table") {
		t.Fatalf("%d %s", r.status, r.body)
	}
	for _, table := range []string{"core.event_in", "core.idempotency_key", "outbox.message"} {
		if n := w.count("select count(*) from " + table); n != 0 {
			t.Errorf("%s has %d rows", table, n)
		}
	}
	var p struct{ Instance string }
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || p.Instance == "" || !strings.Contains(w.log.String(), p.Instance) {
		t.Errorf("the log does not know problem %q", p.Instance)
	}
}

func TestEveryFaultOfAFactIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name string
		body string
		want []string
	}{
		{"nothing", `{}`, []string{"/data required", "/id required", "/occurred_at required", "/type required"}},
		{"no object", `[{}]`, []string{" type"}},
		{"forms", eventBody(map[string]any{"id": "EL-1", "type": "permit.lost", "occurred_at": "yesterday", "data.valid_from": "15.03.2026", "data.valid_to": "2026-02-30"}), []string{
			"/data/valid_from format", "/data/valid_to format", "/id format", "/occurred_at format", "/type enum",
		}},
		{"leap second", eventBody(map[string]any{"occurred_at": "2016-12-31T23:59:60Z"}), []string{"/occurred_at format"}},
		{"before the hub's time", eventBody(map[string]any{"occurred_at": "1999-12-31T23:59:59Z"}), []string{"/occurred_at range"}},
		{"past the last year", eventBody(map[string]any{"occurred_at": "9999-12-31T23:59:59-10:00"}), []string{"/occurred_at range"}},
		{"no such year", eventBody(map[string]any{"data.valid_from": "0000-01-01", "data.valid_to": "0000-01-01", "data.effective_from": "0000-01-01"}), []string{
			"/data/effective_from pattern", "/data/valid_from pattern", "/data/valid_to pattern",
		}},
		{"characters and forms together", eventBody(map[string]any{"type": "permit.lost", "data.ground_code": "a\u0007b"}), []string{
			"/data/ground_code character", "/type enum",
		}},
		{"no zone", eventBody(map[string]any{"occurred_at": "2026-03-02T10:15:00"}), []string{"/occurred_at format"}},
		{"inside", eventBody(map[string]any{"data.permit_id": nil, "data.person.personal_code": nil, "data.person.age": 30, "data.employer.registry_code": "1", "data.note": "x"}), []string{
			"/data/employer/registry_code registry_code.length", "/data/note unknown_field", "/data/permit_id required",
			"/data/person/age unknown_field", "/data/person/personal_code required",
		}},
		{"nobody", eventBody(map[string]any{"data.person": nil}), []string{"/data/person required"}},
		{"personal code", eventBody(map[string]any{"data.person.personal_code": "36805280108"}), []string{"/data/person/personal_code personal_code.checksum"}},
		{"ends before it begins", eventBody(map[string]any{"data.valid_from": "2026-03-15", "data.valid_to": "2020-01-01"}), []string{"/data/valid_to order"}},
		{"null", eventBody(map[string]any{"data.employer": json.RawMessage("null")}), []string{"/data/employer type"}},
	} {
		r := w.do("POST", "/v1/events", c.body)
		if diff := cmp.Diff(c.want, r.codes(t)); diff != "" || r.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d\n%s", c.name, r.status, diff)
		}
	}
	if len(w.told()) != 0 {
		t.Error("an intake was told of a fault")
	}
}

// page reads the feed once.
func (w *world) page(query string) (events []map[string]any, next string) {
	w.t.Helper()
	r := w.do("GET", "/v1/events"+query, "")
	var p struct {
		Events []map[string]any
		Next   string
	}
	if err := json.Unmarshal([]byte(r.body), &p); err != nil || r.status != http.StatusOK {
		w.t.Fatalf("%d %v %s", r.status, err, r.body)
	}
	return p.Events, p.Next
}

func (w *world) append(events ...outbox.Event) {
	w.t.Helper()
	ctx := context.Background()
	if err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error { return outbox.Append(ctx, tx, events...) }); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheFeedIsReadInPagesWithoutLossOrRepetition(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if events, next := w.page(""); len(events) != 0 || next != "" {
		t.Fatalf("an empty feed: %v %q", events, next)
	}
	const all = 25
	for i := range all {
		w.append(outbox.Event{ID: fmt.Sprint("e", i), Type: "test.happened", Source: "/test", Subject: "s", Time: noon, Data: []byte(fmt.Sprintf(`{"n":%d}`, i))})
	}
	var seen []any
	after := ""
	for len(seen) < all {
		events, next := w.page("?limit=10&wait=30&after=" + url.QueryEscape(after))
		if len(events) == 0 || len(events) > 10 {
			t.Fatalf("a page of %d after %d events", len(events), len(seen))
		}
		for _, e := range events {
			seen = append(seen, e["data"].(map[string]any)["n"])
			if e["specversion"] != "1.0" || e["datacontenttype"] != "application/json" || e["time"] != "2026-03-02T12:00:00Z" {
				t.Errorf("%v", e)
			}
		}
		if last := events[len(events)-1]["position"]; last != next {
			t.Errorf("next %q, last position %q", next, last)
		}
		after = next
	}
	for i, n := range seen {
		if n != float64(i) {
			t.Fatalf("event %d is %v", i, n)
		}
	}
	if events, next := w.page("?after=" + url.QueryEscape(after)); len(events) != 0 || next != after {
		t.Errorf("at the end: %v, next %q", events, next)
	}
}

func TestTheFeedWaitsForTheNextEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		w.append(outbox.Event{ID: "e", Type: "test.happened", Source: "/test", Subject: "s", Time: noon})
	})
	began := time.Now()
	events, _ := w.page("?wait=60")
	wg.Wait()
	if len(events) != 1 || events[0]["id"] != "e" || events[0]["data"] != nil || events[0]["datacontenttype"] != nil {
		t.Errorf("%v", events)
	}
	if took := time.Since(began); took > 50*time.Second {
		t.Errorf("the reader waited %s", took)
	}
}

func TestTheFeedsParametersAreReadStrictly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for query, want := range map[string][]string{
		"after=nonsense":                    {"?after position"},
		"after=1-1-1":                       {"?after position"},
		"after=" + strings.Repeat("z", 101): {"?after position"},
		"limit=0":                           {"?limit range"},
		"limit=1001":                        {"?limit range"},
		"limit=ten":                         {"?limit type"},
		"limit=+5":                          {"?limit type"},
		"limit=":                            {"?limit type"},
		"limit=99999999999999999999":        {"?limit type"},
		"wait=61":                           {"?wait range"},
		"wait=-1":                           {"?wait range"},
		"wait=0.5":                          {"?wait type"},
		"After=x":                           {"?After unknown_field"},
		"limit=1&limit=2":                   {"?limit parameter"},
		"limit=0&wait=99&from=1":            {"?from unknown_field", "?limit range", "?wait range"},
		"limit=%zz":                         {"? parameter"},
		"limit=1;wait=1":                    {"? parameter"},
	} {
		r := w.do("GET", "/v1/events?"+query, "")
		if diff := cmp.Diff(want, r.codes(t)); diff != "" || r.status != http.StatusBadRequest {
			t.Errorf("%s: %d\n%s", query, r.status, diff)
		}
	}
}
