package table_test

import (
	"slices"
	"strings"
	"testing"

	"ristmik/mapping/table"
)

func lines(steps []table.Step) []string {
	var out []string
	for _, s := range steps {
		out = append(out, strings.Join([]string{s.Rule, strings.Join(s.From, " "), strings.Join(s.To, " "), s.How, s.Outcome}, "|"))
	}
	return out
}

func contains(t *testing.T, seen []string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !slices.Contains(seen, want) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(seen, "\n"))
		}
	}
}

// Both ways are explained: what a rule does, and what it did to a message.
func TestExplain(t *testing.T) {
	t.Parallel()
	made := good(t)
	contains(t, lines(made.Steps()),
		`request.rules[0]|/kind|/request/kind|values active=A, all=K|`,
		`request.rules[1].each[1]|/persons/*/surname /persons/*/given_name|/request/isik/*/nimi|join(", ")|`,
		`answer.rules[0].each[1]|/response/isik/*/riik|/persons/*/citizenship|code list countries, alpha3 and alpha2; as of /synd|`,
		`answer.rules[0].each[3]|/response/isik/*/olek|/persons/*/state|values alive=E, dead=S; default "E"|`,
		`answer.rules[4]||/source|constant "population"|`,
	)
	value, err := table.ReadJSON([]byte(`{"kind": "all", "persons": [{"surname": "A", "given_name": "B"}, {"surname": "A, B", "given_name": "C"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, steps, err := made.ExplainRequest(value, today)
	if err == nil {
		t.Error("a name with the separator is not refused")
	}
	contains(t, lines(steps),
		`request.rules[0]|/kind|/request/kind|values active=A, all=K|filled`,
		`request.rules[1].each[1]|/persons/0/surname /persons/0/given_name|/request/isik/0/nimi|join(", ")|filled`,
		`request.rules[1].each[1]|/persons/1/surname|/request/isik/1/nimi|join(", ")|refused`,
		`request.rules[10]|/city|/request/aadressid/aadress/0/linn||absent`,
	)
	answer, err := made.ReadAnswer([]byte(`{"response": {"lisa": {"a": "x"}, "isik": [{"nimi": "A, B", "keel": ["et"]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	out, steps, err := made.ExplainAnswer(answer, today)
	if err != nil || out["source"] != "population" {
		t.Errorf("%v, %v", out, err)
	}
	contains(t, lines(steps),
		`answer.rules[0].each[0]|/response/isik/0/nimi|/persons/0/surname /persons/0/given_name|join(", ")|filled`,
		`answer.rules[0].each[3]|/response/isik/0/olek|/persons/0/state|values alive=E, dead=S; default "E"|default`,
		`answer.rules[3]|/response/lisa/a|/more|when response.arv != nil and response.arv > 1|condition`,
	)
}
