package consultation_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	"ristmik/adapters/consultation/receivers"
)

func because(en string) receivers.Reason { return receivers.Reason{ET: "et " + en, EN: en} }

// caseWorld knows one kind of case with rules of two versions.
func caseWorld(t *testing.T, change func(*consultation.CasePolicy)) *timedWorld {
	t.Helper()
	leg := func(authority string, mandatory bool, binding consultation.Binding) consultation.LegPolicy {
		return consultation.LegPolicy{
			Authority: authority, Mandatory: mandatory, Binding: binding, Destination: "consultations." + authority,
			Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 5}, Silence: consultation.SilenceEscalate,
		}
	}
	c := consultation.CasePolicy{
		Facts:   map[string]receivers.FactType{"employer_months": receivers.Integer, "alert": receivers.Boolean},
		Version: "1",
		Versions: map[string][]receivers.Rule{
			"1": {
				{Ask: "security", Because: because("always")},
				{Ask: "labour", When: "facts.employer_months < 12", Because: because("employer has fewer than 12 months")},
				{After: "security", When: `answer.code == "APPROVED_WITH_CONDITIONS" and any(answer.conditions, # == "wage")`, Ask: "tax", Because: because("wage")},
			},
			"2": {
				{Ask: "security", Because: because("always")},
				{Ask: "labour", When: "facts.employer_months < 24", Because: because("employer has fewer than 24 months")},
				{After: "security", When: `answer.code == "NO_OBJECTION"`, Ask: "tax", Because: because("nothing said")},
			},
			"3": {{Ask: "security", When: "facts.alert", Because: because("alert")}},
		},
	}
	if change != nil {
		change(&c)
	}
	w := &timedWorld{world: newWorld(t), now: noon}
	p, err := consultation.New(consultation.Options{
		Policy: consultation.Policy{
			Types: map[string]consultation.TypePolicy{
				"security": {FailFast: true, Legs: []consultation.LegPolicy{leg("security", true, consultation.BindingVeto)}},
				"labour":   {Legs: []consultation.LegPolicy{leg("labour", true, consultation.BindingAdvisory)}},
				"tax":      {Legs: []consultation.LegPolicy{leg("tax", true, consultation.BindingFacts), leg("labour", false, consultation.BindingFacts)}},
			},
			Cases: map[string]consultation.CasePolicy{"work": c},
		},
		Authorities: authorities(), Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Procedure = p
	return w
}

func caseRequest(months int, types ...string) consultation.OpenRequest {
	r := request("work")
	r.Types, r.Facts = types, map[string]any{"employer_months": json.Number("0"), "alert": false}
	r.Facts["employer_months"] = float64(months)
	return r
}

func (w *timedWorld) openCase(r consultation.OpenRequest) consultation.Consultation {
	w.t.Helper()
	c, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) { return w.Open(ctx, tx, r) })
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func receiversOf(c consultation.Consultation) string {
	var list []string
	for _, l := range c.Legs {
		list = append(list, l.Authority+"/"+l.Type)
	}
	return strings.Join(list, " ")
}

func (w *timedWorld) choices(c consultation.Consultation) []consultation.StoredChoice {
	w.t.Helper()
	list, err := w.Choices(context.Background(), w.pool, c.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func TestRulesDecideWhoIsAskedAndWhy(t *testing.T) {
	t.Parallel()
	w := caseWorld(t, nil)
	young, old := w.openCase(caseRequest(11)), w.openCase(caseRequest(12))
	if got := receiversOf(young); got != "security/security labour/labour" {
		t.Errorf("%s", got)
	}
	if got := receiversOf(old); got != "security/security" {
		t.Errorf("%s", got)
	}
	if got := w.get(young.ID); cmp.Diff(young, got) != "" || got.Legs[1].Because[0].EN != "employer has fewer than 12 months" || got.Type != "work" {
		t.Errorf("%+v", got)
	}
	list := w.choices(old)
	if len(list) != 1 || list[0].Version != "1" || list[0].Shadow != nil || len(list[0].Decisions) != 2 {
		t.Fatalf("%+v", list)
	}
	if d := list[0].Decisions[1]; d.Asked || d.Ask != "labour" || d.When != "facts.employer_months < 12" || d.Because.ET != "et employer has fewer than 12 months" {
		t.Errorf("why not: %+v", d)
	}
	asked, err := w.Fetch(context.Background(), w.pool, labour, young.Legs[1].ID)
	if err != nil || asked.Question.CaseType != "labour" {
		t.Errorf("%+v %v", asked, err)
	}
	if e := w.events(young.ID)[1]; e.Data["leg_type"] != "labour" || e.Data["case_type"] != "work" {
		t.Errorf("%+v", e)
	}
	// A revision decides anew.
	second, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
		return w.Revise(ctx, tx, old.ID, caseRequest(3))
	})
	if err != nil || receiversOf(second) != "security/security labour/labour" || len(w.choices(second)) != 2 {
		t.Errorf("%+v %v", second, err)
	}
	// What the core names is asked without rules; two types that ask one authority ask it once.
	named := w.openCase(caseRequest(0, "tax", "labour"))
	if got := receiversOf(named); got != "tax/tax labour/tax" || len(w.choices(named)) != 0 {
		t.Errorf("%s", got)
	}
	if _, err := w.Choices(context.Background(), w.pool, "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"); err != consultation.ErrNotFound {
		t.Errorf("%v", err)
	}
}

func TestWhatRulesCannotDecideIsRefusedWithEveryFault(t *testing.T) {
	t.Parallel()
	w := caseWorld(t, nil)
	for _, tc := range []struct {
		change func(*consultation.OpenRequest)
		want   []string
	}{
		{func(r *consultation.OpenRequest) { r.Facts = nil }, []string{"/facts/employer_months required"}},
		{func(r *consultation.OpenRequest) { r.Facts["employer_months"], r.Facts["x/y"] = "many", 1 },
			[]string{"/facts/employer_months type", "/facts/x~1y unknown_field"}},
		{func(r *consultation.OpenRequest) { r.Types = []string{"labour", "x", "labour"} }, []string{"/types/1 type.unknown", "/types/2 duplicate"}},
		{func(r *consultation.OpenRequest) { r.Type, r.Types = "labour", []string{"tax"} },
			[]string{"/types not_allowed", "/facts/alert unknown_field", "/facts/employer_months unknown_field"}},
		{func(r *consultation.OpenRequest) { r.Type = "nothing" }, []string{"/type type.unknown"}},
	} {
		r := caseRequest(1)
		tc.change(&r)
		err := w.in(func(ctx context.Context, tx pgx.Tx) error { _, err := w.Open(ctx, tx, r); return err })
		if diff := cmp.Diff(tc.want, codes(err)); diff != "" {
			t.Error(diff)
		}
		if _, err := w.Try(r); cmp.Diff(tc.want, codes(err)) != "" {
			t.Errorf("tried: %v", err)
		}
	}
	none := caseWorld(t, func(c *consultation.CasePolicy) { c.Version = "3" })
	if _, err := none.Try(caseRequest(1)); cmp.Diff([]string{"/type receivers.none"}, codes(err)) != "" {
		t.Errorf("nobody: %v", err)
	}
	if n := w.count("select (select count(*) from consultation.round) + (select count(*) from consultation.choice)"); n != 0 {
		t.Errorf("%d rows were stored", n)
	}
}

func TestADryRunTellsAndDoesNothing(t *testing.T) {
	t.Parallel()
	w := caseWorld(t, func(c *consultation.CasePolicy) { c.Shadow = "2" })
	run, err := w.Try(caseRequest(20))
	if err != nil || len(run.Receivers) != 1 || run.Receivers[0].Authority != "security" || run.Receivers[0].DueAt.Format(time.DateOnly) != "2026-03-09" {
		t.Fatalf("%+v %v", run, err)
	}
	if s := run.Choice.Shadow; s == nil || cmp.Diff([]string{"labour"}, s.Added) != "" || len(s.Removed) != 0 {
		t.Errorf("%+v", run.Choice)
	}
	if run, err := w.Try(request("work")); err == nil {
		t.Errorf("without facts: %+v", run)
	}
	if n := w.count("select (select count(*) from consultation.round) + (select count(*) from outbox.message) + (select count(*) from outbox.event)"); n != 0 {
		t.Errorf("%d rows were stored", n)
	}
}

func TestAnAnswerBringsFurtherReceivers(t *testing.T) {
	t.Parallel()
	w := caseWorld(t, nil)
	c := w.openCase(caseRequest(12))
	w.now = noon.AddDate(0, 0, 2)
	a := answer(c, "security", "s", consultation.CodeApprovedWithConditions)
	w.mustReceive(a)
	w.mustReceive(a) // again
	got := w.get(c.ID)
	if receiversOf(got) != "security/security tax/tax labour/tax" || got.State != consultation.RoundCollecting {
		t.Fatalf("%s %+v", receiversOf(got), got)
	}
	if l := got.Legs[1]; l.Because[0].EN != "wage" || l.DueAt.Format(time.DateOnly) != "2026-03-11" || l.State != consultation.LegQueued {
		t.Errorf("%+v", l)
	}
	if list := w.choices(c); len(list) != 2 || list[1].Wave != 1 || list[1].AfterLeg != c.Legs[0].ID {
		t.Errorf("%+v", list)
	}
	if n := w.count(`select count(*) from outbox.message where kind = 'consultation.ask'`); n != 3 {
		t.Errorf("%d questions were sent", n)
	}
	w.mustReceive(answer(got, "tax", "t", consultation.CodeNoData))
	w.mustReceive(answer(got, "labour", "l", consultation.CodeFacts))
	if got := w.get(c.ID); got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeClearWithConditions {
		t.Errorf("%+v", got)
	}

	// Who has been asked is not asked again, and a correction decides anew.
	c = w.openCase(caseRequest(1))
	w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
	if got := w.get(c.ID); len(got.Legs) != 2 {
		t.Errorf("%s", receiversOf(got))
	}
	correction := answer(c, "security", "s2", consultation.CodeApprovedWithConditions)
	correction.Correction = "Tingimus jäi lisamata"
	w.mustReceive(correction)
	if got := w.get(c.ID); receiversOf(got) != "security/security labour/labour tax/tax" {
		t.Errorf("%s", receiversOf(got))
	}

	// A veto of a type that fails fast asks nobody any more.
	c = w.openCase(caseRequest(1))
	w.mustReceive(answer(c, "security", "v", consultation.CodeObjection))
	if got := w.get(c.ID); got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeBlocked || got.Legs[1].State != consultation.LegWithdrawn {
		t.Errorf("%+v", got)
	}

	// Where the core has named the types, rules stay silent.
	c = w.openCase(caseRequest(1, "security", "labour"))
	w.mustReceive(answer(c, "security", "s", consultation.CodeApprovedWithConditions))
	if got := w.get(c.ID); len(got.Legs) != 2 {
		t.Errorf("%s", receiversOf(got))
	}
}

func TestAShadowVersionIsComparedAndSendsNothing(t *testing.T) {
	t.Parallel()
	w := caseWorld(t, func(c *consultation.CasePolicy) { c.Shadow = "2" })
	for _, months := range []int{1, 11, 12, 23, 24, 30} {
		c := w.openCase(caseRequest(months))
		w.now = w.now.Add(time.Second)
		if months == 30 {
			w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
			if got := w.get(c.ID); len(got.Legs) != 1 {
				t.Errorf("the shadow asked: %s", receiversOf(got))
			}
		}
	}
	report, err := w.Shadow(context.Background(), w.pool, "work", "", 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []consultation.ShadowNumbers{{
		CaseType: "work", Version: "1", ShadowVersion: "2", Decided: 7, Differing: 3, Added: map[string]int{"labour": 2, "tax": 1}, Removed: map[string]int{},
	}}
	if diff := cmp.Diff(want, report.Numbers); diff != "" {
		t.Error(diff)
	}
	if len(report.Differences) != 2 || report.Differences[0].Wave != 1 || report.Differences[0].Added[0] != "tax" {
		t.Errorf("%+v", report)
	}
	rest, err := w.Shadow(context.Background(), w.pool, "", report.Next, 2)
	if err != nil || len(rest.Differences) != 1 || rest.Next != "" || rest.Differences[0].ConsultationID == report.Differences[1].ConsultationID {
		t.Errorf("%+v %v", rest, err)
	}
	if n := w.count("select count(*) from consultation.leg"); n != 8 { // security for all six, labour for two
		t.Errorf("%d were asked", n)
	}
	if _, err := w.Shadow(context.Background(), w.pool, "", "x", 2); err != consultation.ErrBadCursor {
		t.Errorf("%v", err)
	}
	// A shadow that cannot decide holds nothing up.
	w = caseWorld(t, func(c *consultation.CasePolicy) { c.Shadow = "3" })
	r := caseRequest(1)
	delete(r.Facts, "alert")
	w.openCase(r)
	if report, err = w.Shadow(context.Background(), w.pool, "", "", 10); err != nil || report.Numbers[0].Undecided != 1 || report.Differences[0].Problem != "facts are missing: alert" {
		t.Errorf("%+v %v", report, err)
	}
}

func TestEveryFaultOfTheRulesIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := consultation.New(consultation.Options{
		Authorities: authorities(),
		Policy: consultation.Policy{Types: policy().Types, Cases: map[string]consultation.CasePolicy{
			"short": {Version: "1", Versions: map[string][]receivers.Rule{"1": {{Ask: "short"}}}},
			"work":  {Version: "2", Versions: map[string][]receivers.Rule{"1": {{Ask: "x", After: "y"}, {Ask: "short", When: "1"}}}},
		}},
	})
	if err == nil {
		t.Fatal("the rules were taken")
	}
	for _, want := range []string{
		`"short" is a type of consultation too`, `"work" has no version "2"`, `rule 1: unknown type of consultation "x"`,
		`rule 1: unknown type of consultation "y"`, `rule 2: expected bool`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\nin: %v", want, err)
		}
	}
}
