package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ristmik/adapters/console"
	"ristmik/adapters/web"
)

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	if a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// The API says what the page shows.
func TestAPITellsTheState(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()

	deliveries := decode[struct {
		Deliveries []struct {
			Destination             string
			Title                   struct{ ET, EN string }
			Parked, Dead, Delivered int
			Oldest                  float64 `json:"oldest_unsent_seconds"`
		}
	}](t, h.get("/api/v1/deliveries")).Deliveries
	if len(deliveries) != 3 || deliveries[0].Dead != 2 || deliveries[1].Delivered != 3 || deliveries[2].Parked != 3 || deliveries[2].Oldest <= 0 || deliveries[0].Title.ET != "Tööinspektsioon" {
		t.Errorf("deliveries: %+v", deliveries)
	}

	type dead struct {
		Dead []struct {
			ID                             int64
			Destination, Kind, Key, Reason string
			Attempts                       int
			Since                          time.Time
		}
		Next int64 `json:"next_before"`
	}
	first := decode[dead](t, h.get("/api/v1/dead?limit=1"))
	if len(first.Dead) != 1 || first.Next != first.Dead[0].ID || first.Dead[0].Reason != "fix_rights server.serverproxy.access_denied" || first.Dead[0].Attempts != 1 || first.Dead[0].Since.IsZero() {
		t.Fatalf("dead: %+v", first)
	}
	second := decode[dead](t, h.get("/api/v1/dead?limit=1&before="+strconv.FormatInt(first.Next, 10)))
	if len(second.Dead) != 1 || second.Dead[0].ID >= first.Dead[0].ID {
		t.Errorf("the second page: %+v", second)
	}
	if none := decode[dead](t, h.get("/api/v1/dead?destination=tax")); len(none.Dead) != 0 || none.Next != 0 {
		t.Errorf("dead messages for tax: %+v", none)
	}
	if got := h.get("/api/v1/dead?limit=0&before=x"); got.status != http.StatusBadRequest || !strings.Contains(got.body, `"limit"`) || !strings.Contains(got.body, `"before"`) {
		t.Errorf("a wrong query: %d %s", got.status, got.body)
	}

	type state struct{ Destination, State, Reason string }
	breakers := decode[struct{ Breakers, History []state }](t, h.get("/api/v1/breakers"))
	open := state{"tax", "open", "partner_down server.serverproxy.service_failed.network_error"}
	if !slices.Contains(breakers.Breakers, open) || !slices.Contains(breakers.History, open) {
		t.Errorf("breakers: %+v", breakers)
	}

	jobs := decode[struct {
		Jobs []struct {
			Name, Cron, Zone string
			Last             struct {
				State, Error string
				Summary      map[string]int
			}
		}
	}](t, h.get("/api/v1/jobs")).Jobs
	if len(jobs) != 2 || jobs[0].Last.State != "succeeded" || jobs[0].Last.Summary["changed"] != 3 || jobs[1].Last.State != "failed" || jobs[1].Last.Error == "" {
		t.Errorf("jobs: %+v", jobs)
	}
}

// Lists of an empty hub are empty lists.
func TestEmptyListsAreLists(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) { o.Titles = nil })
	for path, want := range map[string]string{
		"/api/v1/deliveries": `{"deliveries":[]}`, "/api/v1/dead": `{"dead":[]}`,
		"/api/v1/breakers": `{"breakers":[],"history":[]}`, "/api/v1/jobs": `{"jobs":[]}`, "/api/v1/contracts": `{"contracts":[]}`,
	} {
		if got := h.get(path); strings.TrimSpace(got.body) != want {
			t.Errorf("%s: %s", path, got.body)
		}
	}
}

func TestRetryByAPI(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	path := "/api/v1/dead/" + strconv.FormatInt(h.deadID(), 10) + "/retry"
	for body, status := range map[string]int{
		`{}`: http.StatusUnprocessableEntity, `{"reason":" "}`: http.StatusUnprocessableEntity, `{"reason":7}`: http.StatusUnprocessableEntity,
		`{"reason":"x","force":true}`: http.StatusUnprocessableEntity, `{"reason":"x"`: http.StatusBadRequest,
	} {
		got := h.json(path, body)
		if got.status != status || got.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	got := h.json(path, `{"reason":"the right was granted","by":"mari"}`)
	if got.status != http.StatusOK || h.dead() != 1 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	if h.count(`select count(*) from outbox.intervention where by = 'mari' and action = 'retry'`) != 1 {
		t.Error("who did it is not kept")
	}
	if got := h.json(path, `{"reason":"again"}`); got.status != http.StatusConflict {
		t.Errorf("a second retry: %d", got.status)
	}
	for _, id := range []string{"999999", "x"} {
		if got := h.json("/api/v1/dead/"+id+"/retry", `{"reason":"x"}`); got.status != http.StatusNotFound {
			t.Errorf("message %s: %d", id, got.status)
		}
	}
}

func TestRunByAPI(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	if got := h.do(http.MethodPost, "/api/v1/jobs/employment-changes/run", ""); got.status != http.StatusAccepted {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.json("/api/v1/jobs/tax-debts/run", `{"by":"mari"}`); got.status != http.StatusAccepted || !strings.Contains(got.body, `"due"`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if h.count(`select count(*) from schedules.run where requested_by in ('mari', 'console')`) != 2 {
		t.Error("the runs are not there")
	}
	if got := h.json("/api/v1/jobs/nothing/run", `{}`); got.status != http.StatusNotFound {
		t.Errorf("an unknown job: %d", got.status)
	}
	without := newHub(t, func(o *console.Options) { o.Runner = nil })
	if got := without.json("/api/v1/jobs/tax-debts/run", `{}`); got.status != http.StatusServiceUnavailable {
		t.Errorf("without a runner: %d", got.status)
	}
}

// A page of another site cannot act, whichever door it tries.
func TestOtherSitesCannotAct(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	h.trouble()
	id := strconv.FormatInt(h.deadID(), 10)
	for _, path := range []string{"/dead/" + id + "/retry", "/api/v1/dead/" + id + "/retry", "/jobs/tax-debts/run", "/api/v1/jobs/tax-debts/run"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"}} {
			if got := h.form(path, map[string][]string{"reason": {"x"}}, header...); got.status != http.StatusForbidden {
				t.Errorf("%s with %v: %d", path, header, got.status)
			}
		}
	}
	if h.dead() != 2 {
		t.Error("a message went again")
	}
	if got := h.get("/", "Host", "evil.example"); got.status != http.StatusMisdirectedRequest {
		t.Errorf("a foreign name of this machine: %d", got.status)
	}
}

// With tokens nobody but their holders comes in, except to health; who acts is
// the holder, whatever the request says.
func TestTokensLetOperatorsIn(t *testing.T) {
	t.Parallel()
	h := newHub(t, func(o *console.Options) { o.Tokens = []web.Token{web.NewToken("jaan", "correct-horse-battery")} })
	h.trouble()
	for _, path := range []string{"/", "/api/v1/dead", "/metrics", "/console.css"} {
		if got := h.get(path); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if got := h.get(path); got.status != http.StatusOK {
			t.Errorf("%s: %d", path, got.status)
		}
	}
	token := []string{"Authorization", "Bearer correct-horse-battery", "Host", "console.example"}
	if got := h.get("/", token...); got.status != http.StatusOK {
		t.Errorf("with the token: %d", got.status)
	}
	got := h.json("/api/v1/dead/"+strconv.FormatInt(h.deadID(), 10)+"/retry", `{"reason":"x","by":"somebody else"}`, token...)
	if got.status != http.StatusOK || h.count(`select count(*) from outbox.intervention where by = 'jaan'`) != 1 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestMetricsTellTheState(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	h := newHub(t, func(o *console.Options) { o.Registry = registry })
	h.trouble()
	h.publish("stranger", 2)
	got := h.get("/metrics")
	for _, want := range []string{
		`ristmik_state_readable 1`, `ristmik_deliveries{destination="labour",state="dead"} 2`, `ristmik_deliveries{destination="tax",state="parked"} 3`,
		`ristmik_deliveries{destination="security",state="delivered"} 3`, `ristmik_deliveries{destination="other",state="ready"} 2`,
		`ristmik_breaker_state{destination="tax",state="open"} 1`, `ristmik_breaker_state{destination="tax",state="closed"} 0`,
		`ristmik_job_last_result{job="tax-debts",state="failed"} 1`, `ristmik_build_info{version="1.2.3"} 1`, "go_goroutines", "process_cpu_seconds_total",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got.body, "stranger") {
		t.Error("a label comes from the database")
	}
	h.pool.Close()
	if got := h.get("/metrics"); got.status != http.StatusOK || !strings.Contains(got.body, "ristmik_state_readable 0") || !strings.Contains(got.body, "go_goroutines") {
		t.Errorf("without a database: %d", got.status)
	}
}

func TestRequestsAreMeasured(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	requests, err := console.NewRequests(registry)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := console.NewRequests(registry); err == nil {
		t.Error("a second one is registered")
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	mux.HandleFunc("GET /plain", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) })
	h := newHub(t, func(o *console.Options) { o.Registry = registry })
	inner := serve(t, requests.Wrap("core", mux))
	for _, path := range []string{"/things/71506150400", "/plain", "/nowhere/71506150400"} {
		inner.get(path)
	}
	got := h.get("/metrics")
	for _, want := range []string{
		`ristmik_http_request_duration_seconds_count{listener="core",route="GET /things/{id}",status="418"} 1`,
		`ristmik_http_request_duration_seconds_count{listener="core",route="GET /plain",status="200"} 1`,
		`ristmik_http_request_duration_seconds_count{listener="core",route="none",status="404"} 1`,
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got.body, "71506150400") {
		t.Error("a label comes from a path")
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	var notYet error
	h := newHub(t, func(o *console.Options) { o.Ready = func(context.Context) error { return notYet } })
	if got := h.get("/readyz"); got.status != http.StatusOK || !strings.Contains(got.body, `"migrations":{"ok":true}`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	notYet = errors.New("two migrations of schema outbox on db.internal")
	got := h.get("/readyz")
	if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"database":{"ok":true}`) || strings.Contains(got.body, "db.internal") {
		t.Errorf("%d %s", got.status, got.body)
	}
	h.pool.Close()
	if got := h.get("/readyz"); got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, `"database":{"ok":false`) {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := h.get("/livez"); got.status != http.StatusOK {
		t.Errorf("livez: %d", got.status)
	}
}

func TestUnknownPathsAreProblems(t *testing.T) {
	t.Parallel()
	h := newHub(t)
	if got := h.get("/api/v1/nothing"); got.status != http.StatusNotFound || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %s", got.status, got.header.Get("Content-Type"))
	}
}
