package authority_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What an authority is told of itself, and what it tells of itself, is the same
// through either door.
func TestBothDoorsTellAnAuthorityOfItself(t *testing.T) {
	t.Parallel()
	for name, through := range doors {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, now := newTermWorld(t)
			ctx := context.Background()
			do := func(operation string, content map[string]any) map[string]any {
				t.Helper()
				answer, refused := through(w, labour, operation, content)
				if refused != "" {
					t.Fatalf("%s was refused: %s", operation, refused)
				}
				return answer
			}
			refused := func(code, operation string, content map[string]any) {
				t.Helper()
				if _, got := through(w, labour, operation, content); got != code {
					t.Errorf("%s: refused with %q, want %q", operation, got, code)
				}
			}

			// Half of the term has passed on the 9th; the term of the world's first round as well.
			*now = time.Date(2026, 3, 9, 7, 30, 0, 0, time.UTC)
			if reminders, digests, err := w.procedure.Remind(ctx, w.pool); err != nil || reminders != 1 || digests != 0 {
				t.Fatalf("%d %d %v", reminders, digests, err)
			}
			*now = time.Date(2026, 3, 10, 7, 15, 0, 0, time.UTC)
			if reminders, digests, err := w.procedure.Remind(ctx, w.pool); err != nil || reminders != 0 || digests != 1 {
				t.Fatalf("%d %d %v", reminders, digests, err)
			}
			list, _ := do("listDigests", map[string]any{})["digests"].([]any)
			if len(list) != 1 {
				t.Fatalf("digests: %v", list)
			}
			digest := list[0].(map[string]any)
			reminder := digest["reminders"].([]any)[0].(map[string]any)
			if digest["day"] != "2026-03-10" || fmt.Sprint(reminder["percent"]) != "50" || reminder["consultation_id"] != w.leg("labour") || reminder["state"] != "SENT" {
				t.Errorf("%v", digest)
			}
			if list, _ := do("listDigests", map[string]any{"after_day": "2026-03-10", "limit": 1})["digests"].([]any); len(list) != 0 {
				t.Errorf("after the last: %v", list)
			}
			refused("range", "listDigests", map[string]any{"limit": 101})
			if list, _ := through(w, security, "listDigests", map[string]any{}); len(list) != 0 && list["digests"] != nil && len(list["digests"].([]any)) != 0 {
				t.Errorf("another authority's: %v", list)
			}

			downtime := func(id, from, until string) map[string]any {
				return map[string]any{"downtime_id": id, "from": from, "until": until, "reason": "Hooldus & uuendus"}
			}
			if got := do("announceDowntime", downtime("d1", "2026-03-11T20:00:00Z", "2026-03-12T00:00:00Z")); cmp.Diff(map[string]any{"status": "accepted"}, got) != "" {
				t.Errorf("%v", got)
			}
			if got := do("announceDowntime", downtime("d1", "2026-03-11T20:00:00Z", "2026-03-12T00:00:00Z")); cmp.Diff(map[string]any{"status": "duplicate"}, got) != "" {
				t.Errorf("%v", got)
			}
			refused("range", "announceDowntime", downtime("d2", "2026-03-01T20:00:00Z", "2026-03-12T00:00:00Z"))
			refused("range", "announceDowntime", downtime("d2", "2026-03-12T20:00:00Z", "2026-03-12T00:00:00Z"))
			known, err := w.procedure.Downtimes(ctx, w.pool)
			if err != nil || len(known) != 1 || known[0].Authority != "labour" || known[0].Reason != "Hooldus & uuendus" {
				t.Errorf("%+v %v", known, err)
			}

			leg := w.leg("labour")
			do("submitAnswer", map[string]any{"answer_id": "a", "consultation_id": leg, "round": 1, "answer_code": "NO_OBJECTION", "answered_at": "2026-03-10T07:00:00Z"})
			statistics := do("getStatistics", map[string]any{})
			got, _ := statistics["statistics"].([]any)
			if len(got) != 1 {
				t.Fatalf("%v", statistics)
			}
			want := map[string]string{
				"case_type": "residence_permit.employment", "answered": "1", "answered_in_time": "1", "unanswered": "0", "median_seconds": "688500", "p90_seconds": "688500",
				"open": "1", "overdue": "0", "due_this_week": "0", "due_next_week": "0", // the one of the world has no term
			}
			texts := map[string]string{}
			for key, value := range got[0].(map[string]any) {
				texts[key] = fmt.Sprint(value)
			}
			if diff := cmp.Diff(want, texts); diff != "" {
				t.Error(diff)
			}
		})
	}
}
