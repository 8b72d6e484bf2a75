package receivers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/adapters/consultation/receivers"
)

var facts = map[string]receivers.FactType{
	"employer_months": receivers.Integer, "wage": receivers.Decimal, "tax_debt": receivers.Boolean, "citizenship": receivers.Text, "grounds": receivers.List,
}

func program(t *testing.T, rules ...receivers.Rule) *receivers.Program {
	t.Helper()
	p, faults := receivers.Compile(facts, rules)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return p
}

func asked(list []receivers.Decision) string {
	var out []string
	for _, d := range list {
		if d.Asked {
			out = append(out, d.Ask)
		}
	}
	return strings.Join(out, " ")
}

func TestRulesDecideOverTheCase(t *testing.T) {
	t.Parallel()
	p := program(t,
		receivers.Rule{Ask: "always"},
		receivers.Rule{Ask: "young", When: "facts.employer_months < 12", Because: receivers.Reason{EN: "employer has fewer than 12 months"}},
		receivers.Rule{Ask: "poor", When: "facts.wage < 2092.0 and not facts.tax_debt"},
		receivers.Rule{Ask: "press", When: `"press" in facts.grounds or occupation matches "ajakirjanik"`},
		receivers.Rule{Ask: "employer", When: `employer_code != "" and facts.citizenship != "EE"`},
	)
	for _, tc := range []struct {
		facts string
		c     receivers.Case
		want  string
	}{
		{`{"employer_months":11,"wage":2091.99,"tax_debt":false,"citizenship":"UA","grounds":[]}`, receivers.Case{}, "always young poor"},
		{`{"employer_months":12,"wage":2092,"tax_debt":false,"citizenship":"UA","grounds":["press"]}`, receivers.Case{}, "always press"},
		{`{"employer_months":12,"wage":1,"tax_debt":true,"citizenship":"UA","grounds":[]}`,
			receivers.Case{Occupation: "ajakirjanik", EmployerCode: "10000024"}, "always press employer"},
	} {
		var given map[string]any
		if err := json.Unmarshal([]byte(tc.facts), &given); err != nil {
			t.Fatal(err)
		}
		read, wrong := receivers.Read(facts, given)
		tc.c.Facts = read
		list, err := p.Decide(tc.c)
		if err != nil || len(wrong) > 0 || asked(list) != tc.want || len(list) != 5 {
			t.Errorf("%s: %q, want %q (%v %v)", tc.facts, asked(list), tc.want, err, wrong)
		}
	}
	_, err := p.Decide(receivers.Case{Facts: map[string]any{"wage": 1.0}})
	if m, ok := errors.AsType[*receivers.MissingError](err); !ok || cmp.Diff([]string{"citizenship", "employer_months", "grounds", "tax_debt"}, m.Facts) != "" {
		t.Errorf("%v", err)
	}
}

func TestAnAnswerBringsASecondWave(t *testing.T) {
	t.Parallel()
	p := program(t,
		receivers.Rule{Ask: "first"},
		receivers.Rule{Ask: "labour", After: "tax", When: `answer.code == "FACTS" && answer.facts?.debt > 0`},
		receivers.Rule{Ask: "interior", After: "security", When: `any(answer.conditions, # == "watch") and facts.tax_debt`},
	)
	debt := receivers.Answer{Type: "tax", Code: "FACTS", Facts: map[string]any{"debt": 5.0}}
	for _, tc := range []struct {
		a    receivers.Answer
		want string
	}{
		{debt, "labour"},
		{receivers.Answer{Type: "tax", Code: "NO_DATA"}, ""},
		{receivers.Answer{Type: "tax", Code: "FACTS", Facts: map[string]any{"debt": 0.0}}, ""},
		{receivers.Answer{Type: "security", Conditions: []string{"x", "watch"}}, "interior"},
		{receivers.Answer{Type: "first", Code: "FACTS"}, ""},
	} {
		list := p.After(receivers.Case{Facts: map[string]any{"tax_debt": true}}, tc.a)
		if asked(list) != tc.want {
			t.Errorf("%+v: %q", tc.a, asked(list))
		}
	}
	if list, err := p.Decide(receivers.Case{Facts: map[string]any{"tax_debt": true}}); err != nil || asked(list) != "first" {
		t.Errorf("the first wave: %v %v", list, err)
	}
	if _, err := p.Decide(receivers.Case{}); err == nil { // the second wave will need it
		t.Error("a fact is missing and nobody said so")
	}
	list := p.After(receivers.Case{}, receivers.Answer{Type: "tax", Code: "FACTS", Facts: "isik 71506150007"})
	if len(list) != 1 || !list[0].Asked || !list[0].Undecided {
		t.Errorf("what cannot be decided: %+v", list)
	}
}

func TestConditionsAreCheckedBeforeTheyDecide(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]string{
		`facts.employer_months < "12"`:         "invalid operation",
		`facts.employer_moths < 12`:            `there is no fact "employer_moths" (known: citizenship, employer_months`,
		`facts.employer_months`:                "expected bool",
		`facts[occupation] == 1`:               "one by one",
		`len(facts) > 0`:                       "one by one",
		`answer.code == "FACTS"`:               "unknown name answer",
		`now() > now()`:                        "now",
		`person == 1`:                          "unknown name person",
		`(`:                                    "unexpected token",
		strings.Repeat("not ", 300) + "1 == 1": "exceeds maximum",
	} {
		_, faults := receivers.Compile(facts, []receivers.Rule{{Ask: "a"}, {Ask: "b", When: when}})
		if len(faults) != 1 || faults[0].Rule != 1 || !strings.Contains(faults[0].Err.Error(), want) || strings.Contains(faults[0].Err.Error(), "\n") {
			t.Errorf("%.40s: %v, want %q", when, faults, want)
		}
	}
}

func TestEveryWrongFactIsNamed(t *testing.T) {
	t.Parallel()
	var given map[string]any
	d := json.NewDecoder(strings.NewReader(`{"employer_months":1.5,"wage":"1","tax_debt":1,"citizenship":null,"grounds":["a",1],"x":1}`))
	d.UseNumber()
	if err := d.Decode(&given); err != nil {
		t.Fatal(err)
	}
	_, wrong := receivers.Read(facts, given)
	var got []string
	for _, w := range wrong {
		got = append(got, w.Fact+" "+w.Code)
	}
	want := "citizenship type, employer_months type, grounds type, tax_debt type, wage type, x unknown_field"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s", strings.Join(got, ", "))
	}
}

// Whatever the facts, a rule decides as the comparison that it is, and never
// fails: what was checked holds.
func TestACheckedRuleAlwaysDecides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit, months := rapid.IntRange(-1000, 1000).Draw(t, "limit"), rapid.IntRange(-1000, 1000).Draw(t, "months")
		p, faults := receivers.Compile(facts, []receivers.Rule{{Ask: "a", When: fmt.Sprintf("facts.employer_months < %d", limit)}})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		read, wrong := receivers.Read(facts, map[string]any{"employer_months": float64(months)})
		list, err := p.Decide(receivers.Case{Facts: read})
		if err != nil || len(wrong) > 0 || list[0].Asked != (months < limit) {
			t.Fatalf("%d < %d: %+v %v", months, limit, list, err)
		}
	})
}
