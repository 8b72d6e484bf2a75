package configs_test

import (
	"strings"
	"testing"

	"ristmik/configs"
)

func TestEveryFaultOfATermIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	data := `xroad: {client: EE/GOV/70008747/ristmik}
authorities:
  register: {title: {et: R, en: R}, subsystem: EE/GOV/70000591/r, wire: employment_register, service: EE/GOV/70000591/r/k}
  a: {title: {et: A, en: A}, subsystem: EE/GOV/70000591/a, wire: rest, service: EE/GOV/70000591/a/k}
consultations:
  x:
    legs:
      - authority: a
        binding: veto
        mandatory: true
        term: {working_days: 3, hours: 2}
        silence: proceed_without
        questions: clock_stops
  y:
    legs:
      - authority: a
        binding: veto
        silence: no_objection
        downtime: clock_stops
  z:
    legs:
      - authority: a
        binding: veto
        term: {hours: 60, roll_over: true}
        silence: no_objection
        counts_from: opening
  v:
    legs:
      - authority: a
        binding: veto
        term: {calendar_days: 10001}
  w:
    legs:
      - {authority: a, binding: veto, silence: never, fields: [surname, health, surname]}
      - {authority: register, binding: facts, fields: [surname]}
`
	_, err := configs.Parse("f.yaml", []byte(data))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{
		"f.yaml:11: consultations.x.legs[0].term: exactly one of",
		"f.yaml:12: consultations.x.legs[0].silence: a mandatory answer cannot be done without",
		"consultations.x.legs[0].question_term: a question that stops the clock needs a term",
		"f.yaml:18: consultations.y.legs[0].silence: the leg has no term",
		"f.yaml:24: consultations.z.legs[0].term.roll_over: only a term in calendar days",
		"f.yaml:26: consultations.z.legs[0].counts_from: silence is no objection only when",
		"f.yaml:31: consultations.v.legs[0].term.calendar_days: a number from 1 to 10000",
		"consultations.v.legs[0].silence: a term needs a rule for silence",
		"f.yaml:34: consultations.w.legs[0].silence",
		`f.yaml:34: consultations.w.legs[0].fields[1]: "health" is not one of the values (allowed: personal_code, given_name`,
		"consultations.w.legs[1].fields: the register finds people by their personal code",
		"f.yaml:34: consultations.w.legs[0].fields[2]: the field stands twice",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\nin:\n%v", want, err)
		}
	}
}

func TestEveryFaultOfAKindOfCaseIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	data := `xroad: {client: EE/GOV/70008747/ristmik}
authorities:
  a: {title: {et: A, en: A}, wire: desk}
consultations:
  x: {legs: [{authority: a, binding: facts}]}
cases:
  x: {version: "1", versions: {"1": [{ask: x, because: {et: a, en: b}}]}}
  y:
    facts: {Months: integer, debt: money}
    version: "3"
    shadow: "3"
    versions:
      "1":
        - {ask: z, after: w}
      "2": []
  z: {versions: {"1": [{ask: x, because: {et: a, en: b}}]}}
`
	_, err := configs.Parse("f.yaml", []byte(data))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{
		"f.yaml:7: cases.x: a type of consultation has this name too",
		"f.yaml:9: cases.y.facts.Months: a name of small letters",
		`f.yaml:9: cases.y.facts.debt: "money" is not one of the values (allowed: text, integer, decimal, boolean, list)`,
		`f.yaml:10: cases.y.version: no version is called "3" (allowed: 1, 2)`,
		"f.yaml:11: cases.y.shadow: no version",
		"f.yaml:11: cases.y.shadow: this version is in force already",
		`f.yaml:14: cases.y.versions.1[0].ask: no type of consultation is called "z" (allowed: x)`,
		`f.yaml:14: cases.y.versions.1[0].after: no type of consultation is called "w" (allowed: x)`,
		"f.yaml:14: cases.y.versions.1[0].because: people want to know why",
		"f.yaml:15: cases.y.versions.2: a version needs at least one rule",
		"f.yaml:16: cases.z.version: a value is needed (allowed: 1)",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\nin:\n%v", want, err)
		}
	}
}
