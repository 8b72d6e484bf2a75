package authority_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Of many answers in one message, each stands for itself.
func TestABatchOfAnswers(t *testing.T) {
	t.Parallel()
	const good, old = 40, 3
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := newTermWorld(t)
			var answers []any
			for i := range good + old + 1 {
				w.round = w.open()
				a := map[string]any{
					"answer_id": fmt.Sprintf("a%d", i), "consultation_id": w.leg("labour"), "round": 1, "answer_code": "OPINION_POSITIVE", "answered_at": "2026-03-02T07:00:00Z",
				}
				switch {
				case i < old:
					a["round"] = 7
				case i == old:
					a["answer_code"] = "PERHAPS"
				}
				answers = append(answers, a)
			}
			for try, want := range []map[string]int{{"accepted": good, "refused": old + 1}, {"duplicate": good, "refused": old + 1}} {
				got := map[string]int{}
				results, code := through(w, labour, "submitAnswers", map[string]any{"answers": answers})
				if code != "" {
					t.Fatal(code)
				}
				for i, r := range results["results"].([]any) {
					r := r.(map[string]any)
					got[r["status"].(string)]++
					if r["answer_id"] != fmt.Sprintf("a%d", i) {
						t.Errorf("result %d: %v", i, r)
					}
					if i < old && r["fault_code"] != "round.not_current" || i == old && r["fault_code"] != "enum" || i > old && r["leg_state"] != "ANSWERED" {
						t.Errorf("result %d: %v", i, r)
					}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("try %d:\n%s", try, diff)
				}
			}
		})
	}
}
