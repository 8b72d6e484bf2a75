package population_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/adapters/sandbox/population"
	"ristmik/mapping"
)

func TestTheSameSeedGivesTheSamePeople(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(population.Generate(7), population.Generate(7)); diff != "" {
		t.Error(diff)
	}
	if cmp.Equal(population.Generate(7), population.Generate(8)) {
		t.Error("two seeds give the same people")
	}
}

// ruleOf says which of the three check rules a personal code uses.
func ruleOf(code string) int {
	for i, weights := range []string{"1234567891", "3456789123"} {
		sum := 0
		for j := range weights {
			sum += int(weights[j]-'0') * int(code[j]-'0')
		}
		if sum%11 < 10 {
			return i + 1
		}
	}
	return 3
}

func TestEveryPopulationIsSyntheticAndValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people := population.Generate(rapid.Uint64().Draw(t, "seed"))
		codes, ids, rules := map[string]bool{}, map[int64]bool{}, map[int]int{}
		for _, p := range people {
			if fault := mapping.CheckPersonalCode(p.PersonalCode); fault != "" || p.PersonalCode[0] != '7' && p.PersonalCode[0] != '8' {
				t.Fatalf("personal code %s: %s", p.PersonalCode, fault)
			}
			if p.PersonalCode[1:7] != p.Born.Format("060102") || p.Born.Year() < 2100 {
				t.Fatalf("%s is not born on %s", p.PersonalCode, p.Born)
			}
			if codes[p.PersonalCode] {
				t.Fatalf("%s stands twice", p.PersonalCode)
			}
			codes[p.PersonalCode] = true
			rules[ruleOf(p.PersonalCode)]++
			if len(p.Employments) == 0 || !p.Employments[0].End.IsZero() {
				t.Fatalf("%s has no employment that lasts", p.PersonalCode)
			}
			for _, e := range p.Employments {
				if fault := mapping.CheckRegistryCode(e.Employer.Code); fault != "" {
					t.Fatalf("employer %s: %s", e.Employer.Code, fault)
				}
				if ids[e.ID] || !e.End.IsZero() && e.End.Before(e.Start) || e.Changed.Before(e.Entered) {
					t.Fatalf("employment %+v", e)
				}
				ids[e.ID] = true
			}
		}
		if len(people) != population.Size || rules[2] < 3 || rules[3] < 3 {
			t.Fatalf("%d persons, by check rule %v", len(people), rules)
		}
	})
}
