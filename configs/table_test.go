package configs_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/configs"
)

// The types of consultation that ship are the whole table of the procedure, each
// with its receivers, whether they must answer, the term, what silence means and
// what a negative answer does.
func TestTheTableOfConsultationsShipsWhole(t *testing.T) {
	t.Parallel()
	c, err := configs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"VISA.NAT.APPROVAL":    "security! border-guard! 3 working_days escalate override",
		"VISA.PRIOR":           "visa-network! 7 calendar_days no_objection veto",
		"VISA.EXPOST":          "visa-network informed facts",
		"SIS.PRE_PERMIT":       "sirene! 10 calendar_days no_objection advisory",
		"SIS.PRE_ALERT":        "sirene! 14 calendar_days escalate veto extendable",
		"ETIAS.NU":             "etias-units! 60 hours no_objection advisory",
		"ETIAS.EUROPOL":        "europol! 60 hours no_objection advisory",
		"ETIAS.APPLICANT_INFO": "applicant 10 calendar_days proceed_without facts",
		"RP.SECURITY":          "security! 10 working_days escalate veto extendable",
		"RP.WORK.TI":           "labour 5 working_days escalate advisory extendable",
		"LTR.MTA.FACTS":        "tax! 1 working_days escalate facts",
		"LTR.TI":               "labour 5 working_days proceed_without advisory extendable",
		"CIT.ALL":              "security! foreign-intelligence! border-guard! interior! 20 working_days escalate advisory extendable",
		"SCREENING.SECURITY":   "sirene entry-exit etias-units europol visa-system criminal-records 7 calendar_days proceed_without facts",

		"residence_permit.employment": "", // the story of the sandbox
	}
	got := map[string]string{}
	for name, one := range c.Consultations {
		var receivers, rules []string
		for _, l := range one.Legs {
			who := l.Authority
			if l.Mandatory {
				who += "!"
			}
			receivers = append(receivers, who)
			rules = append(rules, ruleOf(l))
			if len(l.Fields) == 0 {
				t.Errorf("%s lets %s see nothing of the case", name, l.Authority)
			}
		}
		if want[name] == "" {
			got[name] = ""
			continue
		}
		got[name] = strings.Join(append(receivers, slices.Compact(rules)...), " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"VISA.PRIOR", "SIS.PRE_PERMIT", "SIS.PRE_ALERT", "ETIAS.NU", "ETIAS.EUROPOL"} {
		for _, l := range c.Consultations[name].Legs {
			if l.Questions == "clock_stops" || l.Term.LegalBasis == "" {
				t.Errorf("%s: a question stops the clock, or the term has no basis: %+v", name, l)
			}
		}
	}
}

func ruleOf(l configs.Leg) string {
	if l.Information {
		return "informed " + string(l.Binding)
	}
	term := fmt.Sprintf("%d working_days", l.Term.WorkingDays)
	if l.Term.CalendarDays > 0 {
		term = fmt.Sprintf("%d calendar_days", l.Term.CalendarDays)
	} else if l.Term.Hours > 0 {
		term = fmt.Sprintf("%d hours", l.Term.Hours)
	}
	extendable := ""
	if l.Extendable {
		extendable = " extendable"
	}
	return fmt.Sprintf("%s %s %s%s", term, l.Silence, l.Binding, extendable)
}

func TestEveryFaultOfAWayToAnAuthorityIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	_, err := configs.Parse("f.yaml", []byte(`xroad: {client: EE/GOV/70008747/ristmik}
authorities:
  a: {title: {et: A, en: A}, wire: desk, service: EE/GOV/70000591/a/k}
  b: {title: {et: A, en: A}, wire: pull}
  c: {title: {et: A, en: A}, subsystem: EE/GOV/70000591/c, wire: rest, fallback: nowhere}
  d: {title: {et: A, en: A}, wire: desk, fallback: desk, notices: push}
consultations:
  x:
    legs:
      - {authority: d, binding: facts, information: true, mandatory: true, silence: escalate}
`))
	if err == nil {
		t.Fatal("it was taken")
	}
	for _, want := range []string{
		"f.yaml:3: authorities.a.service: nothing is sent over this wire",
		"f.yaml:4: authorities.b.subsystem: a value is needed",
		`f.yaml:5: authorities.c.fallback: "nowhere" is not one of the values (allowed: desk)`,
		"f.yaml:5: authorities.c.service: a value is needed",
		"f.yaml:6: authorities.d.fallback: what is not sent waits",
		"f.yaml:6: authorities.d.notices: notices are sent over the wires soap and rest only",
		"f.yaml:10: consultations.x.legs[0].mandatory: no answer to mere information",
		"f.yaml:10: consultations.x.legs[0].silence: no answer to mere information",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\nin:\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 8 {
		t.Errorf("%d faults:\n%v", n, err)
	}
}
