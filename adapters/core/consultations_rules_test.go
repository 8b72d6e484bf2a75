package core_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/receivers"
	"ristmik/adapters/core"
	"ristmik/soap"
)

// newCaseWorld is a world that knows a kind of case.
func newCaseWorld(t *testing.T) *world {
	t.Helper()
	leg := func(name string) consultation.TypePolicy {
		return consultation.TypePolicy{Legs: []consultation.LegPolicy{
			{Authority: name, Mandatory: true, Binding: consultation.BindingAdvisory, Destination: "consultations." + name},
		}}
	}
	procedure, err := consultation.New(consultation.Options{
		Policy: consultation.Policy{
			Types: map[string]consultation.TypePolicy{"LABOUR": leg("labour"), "SECURITY": leg("security")},
			Cases: map[string]consultation.CasePolicy{"WORK": {
				Facts: map[string]receivers.FactType{"employer_months": receivers.Integer}, Version: "1", Shadow: "2",
				Versions: map[string][]receivers.Rule{
					"1": {
						{Ask: "SECURITY", Because: receivers.Reason{ET: "alati", EN: "always"}},
						{Ask: "LABOUR", When: "facts.employer_months < 12", Because: receivers.Reason{ET: "noor", EN: "employer has fewer than 12 months"}},
					},
					"2": {{Ask: "SECURITY", Because: receivers.Reason{ET: "alati", EN: "always"}}},
				},
			}},
		},
		Authorities: []consultation.Authority{
			{Name: "labour", Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "labour"}},
			{Name: "security", Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "security"}},
		}, Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldWith(t, newPool(t), func(o *core.Options) { o.Procedure = procedure })
	w.procedure = procedure
	return w
}

func TestRulesDecideOverTheDoor(t *testing.T) {
	t.Parallel()
	w := newCaseWorld(t)
	body := consultationBody(map[string]any{"type": "WORK", "facts": map[string]any{"employer_months": 11}})
	tried := w.do("POST", "/v1/consultations/dry-run", body)
	var run consultation.DryRun
	if err := json.Unmarshal([]byte(tried.body), &run); err != nil || tried.status != http.StatusOK {
		t.Fatalf("%d %s", tried.status, tried.body)
	}
	if len(run.Receivers) != 2 || run.Receivers[1].Because[0].EN != "employer has fewer than 12 months" || run.Choice.Shadow.Removed[0] != "LABOUR" {
		t.Errorf("%s", tried.body)
	}
	if n := w.count("select count(*) from consultation.round"); n != 0 {
		t.Errorf("the dry run opened %d rounds", n)
	}
	c := w.consultation(w.do("POST", "/v1/consultations", body), http.StatusAccepted)
	if len(c.Legs) != 2 || c.Legs[1].Type != "LABOUR" || c.Legs[1].Because[0].EN != "employer has fewer than 12 months" {
		t.Errorf("%+v", c)
	}
	if r := w.do("GET", "/v1/consultations/"+c.ID+"/receivers", ""); r.status != http.StatusOK || !strings.Contains(r.body, `"when":"facts.employer_months < 12"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := w.do("GET", "/v1/consultations/shadow?case_type=WORK&limit=1", ""); r.status != http.StatusOK || !strings.Contains(r.body, `"differing":1`) || !strings.Contains(r.body, c.ID) {
		t.Errorf("%d %s", r.status, r.body)
	}
	named := w.consultation(w.do("POST", "/v1/consultations", consultationBody(map[string]any{"type": "WORK", "types": []string{"LABOUR"}})), http.StatusAccepted)
	if len(named.Legs) != 1 || named.Legs[0].Authority != "labour" {
		t.Errorf("%+v", named)
	}
}

func TestFaultsOfFactsAndTypesAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := newCaseWorld(t)
	for _, path := range []string{"/v1/consultations", "/v1/consultations/dry-run"} {
		for _, c := range []struct {
			change map[string]any
			want   string
		}{
			{map[string]any{"type": "WORK"}, "/facts/employer_months required"},
			{map[string]any{"type": "WORK", "purpose": "", "facts": map[string]any{"employer_months": "x", "wage": 1}},
				"/facts/employer_months type, /facts/wage unknown_field, /purpose length"},
			{map[string]any{"type": "WORK", "facts": []string{}}, "/facts type"},
			{map[string]any{"type": "WORK", "types": []string{"LABOUR", "X"}}, "/types/1 type.unknown"},
			{map[string]any{"type": "LABOUR", "types": []string{"LABOUR"}}, "/types not_allowed"},
		} {
			r := w.do("POST", path, consultationBody(c.change))
			if got := strings.Join(r.codes(t), ", "); r.status != http.StatusUnprocessableEntity || got != c.want {
				t.Errorf("%v: %d %s", c.change, r.status, r.body)
			}
		}
	}
	for _, query := range []string{"?limit=0", "?after=x", "?x=1", "?limit=1&limit=2", "?after=eA"} {
		if r := w.do("GET", "/v1/consultations/shadow"+query, ""); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
}

func TestStatisticsAndDowntimesOverTheDoor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.opened(nil)
	w.answers(c, 1, consultation.CodeNoObjection)
	r := w.do("GET", "/v1/consultations/statistics?authority=labour&since="+url.QueryEscape("2026-03-01T00:00:00Z"), "")
	want := `{"since":"2026-03-01T00:00:00Z","statistics":[{"authority":"labour","type":"residence_permit.employment","answered":1,"answered_in_time":1,` +
		`"unanswered":0,"median_seconds":0,"p90_seconds":0,"open":0,"overdue":0,"due_this_week":0,"due_next_week":0}]}`
	if r.status != http.StatusOK || strings.TrimSpace(r.body) != want {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := w.do("GET", "/v1/consultations/statistics", ""); r.status != http.StatusOK || strings.Count(r.body, `"authority"`) != 5 {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, query := range []string{"?since=yesterday", "?x=1", "?authority=a&authority=b"} {
		if r := w.do("GET", "/v1/consultations/statistics"+query, ""); r.status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", query, r.status, r.body)
		}
	}
	w.authority(func(ctx context.Context, tx pgx.Tx) error {
		_, err := w.procedure.Announce(ctx, tx, consultation.DowntimeNotice{
			ID: "d", Begins: noon.Add(time.Hour), Ends: noon.Add(2 * time.Hour), Reason: "Hooldus", From: clientOf("labour"), Door: "rest",
		})
		return err
	})
	if r := w.do("GET", "/v1/consultations/downtimes", ""); r.status != http.StatusOK || !strings.Contains(r.body, `"from":"2026-03-02T13:00:00Z"`) {
		t.Errorf("%d %s", r.status, r.body)
	}
}
