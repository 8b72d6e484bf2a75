package consultation_test

import (
	"strings"
	"testing"

	"ristmik/adapters/consultation"
	"ristmik/soap"
)

func TestEveryFaultOfAPolicyIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := consultation.New(consultation.Options{
		Authorities: append(authorities(),
			consultation.Authority{Name: "tax", Client: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000350", Subsystem: "x"}},
			consultation.Authority{Name: "twin", Client: labour}, consultation.Authority{Name: "nobody"}, consultation.Authority{}),
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{
			"empty": {},
			"bad": {Legs: []consultation.LegPolicy{
				{Authority: "tax", Binding: "facts", Destination: "d"},
				{Authority: "tax", Binding: "facts", Destination: "d"},
				{Authority: "stranger", Binding: "absolute"},
			}},
		}},
	})
	if err == nil {
		t.Fatal("the policy was taken")
	}
	for _, want := range []string{
		`authority "tax" is there twice`, `"labour" and "twin" have the same subsystem`, `"nobody" has no subsystem`, "authority 7 has no name",
		`"empty" asks nobody`, `leg 2: authority "tax" is asked twice`, `leg 3: unknown authority "stranger"`,
		`leg 3: unknown binding "absolute"`, "leg 3: no outbox destination",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not named: %s\nin: %v", want, err)
		}
	}
}

func TestAGoodPolicyIsTaken(t *testing.T) {
	t.Parallel()
	p, err := consultation.New(consultation.Options{Policy: policy(), Authorities: authorities()})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(p.Types(), " "); got != "residence_permit.employment short" {
		t.Errorf("types: %s", got)
	}
}
