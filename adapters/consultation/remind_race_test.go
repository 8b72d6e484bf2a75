package consultation_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/provetest"
)

// blocked waits until a session of the database waits for a lock, or done.
func (w *world) blocked(done <-chan struct{}) bool {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for w.count(`select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == 0 {
		select {
		case <-done:
			return false
		case <-tick.C:
		}
	}
	return true
}

// What is answered in the moment in which it would be reminded of is not: neither
// the reminder nor the digest comes out before the answer is known to be there or
// not.
func TestNobodyIsRemindedOfWhatIsAnsweredInTheSameMoment(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]struct{ remind, then string }{
		"before the reminder": {"2026-03-09 09:00:00", "2026-03-09 09:15:00"},
		"before the digest":   {"", "2026-03-09 09:15:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTimedWorld(t, one(national(10)))
			w.at("2026-03-02 14:00:00")
			c, other := w.open("one"), w.open("one")
			w.deliver(c)
			w.deliver(other)
			w.at("2026-03-09 09:00:00")
			if at.remind == "" {
				w.remind("2026-03-09 09:00:00", 2, 0)
				w.at(at.then)
			}
			ctx := context.Background()
			tx, err := w.pool.Begin(ctx)
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback(ctx)
			if _, err := w.Receive(ctx, tx, answer(c, "labour", "a", consultation.CodeOpinionPositive)); err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				if _, _, err := w.Remind(ctx, w.pool); err != nil {
					t.Error(err)
				}
			}()
			if !w.blocked(done) {
				t.Error("it was decided whether to remind before the answer was known")
			}
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			<-done
			if at.remind != "" {
				w.remind(at.then, 0, 1)
			}
			list := w.digests()
			if len(list) != 1 || len(list[0].Reminders) != 1 || list[0].Reminders[0].LegID != other.Legs[0].ID {
				t.Errorf("%+v", list)
			}
		})
	}
}

// While many questions are answered, others remind of all of them: who has answered
// is not reminded afterwards, nothing is reminded of twice, and every reminder
// stands in the one digest.
func TestRemindersBesideAnswers(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 14:00:00")
	var open []consultation.Consultation
	for range provetest.Sized(60, 2000) {
		c := w.open("one")
		w.deliver(c)
		open = append(open, c)
	}
	w.at("2026-03-09 09:00:00")
	ctx := context.Background()
	var all sync.WaitGroup
	reminded := make([]int, 2)
	for i := range reminded {
		all.Go(func() {
			for range 5 {
				n, _, err := w.Remind(ctx, w.pool)
				if err != nil {
					t.Error(err)
				}
				reminded[i] += n
			}
		})
	}
	for half := range 2 {
		all.Go(func() {
			for i := half; i < len(open); i += 4 { // half of them, in all
				err := w.in(func(ctx context.Context, tx pgx.Tx) error {
					_, err := w.Receive(ctx, tx, answer(open[i], "labour", "a", consultation.CodeOpinionPositive))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	w.at("2026-03-09 09:15:00")
	_, digests, err := w.Remind(ctx, w.pool)
	if err != nil || digests != 1 {
		t.Fatalf("%d digests (%v)", digests, err)
	}
	if n := w.count(`select count(*) from consultation.happening where what = 'reminded'`); n != reminded[0]+reminded[1] || n < len(open)/2 {
		t.Errorf("%d reminders are noted, %v were made", n, reminded)
	}
	for query, what := range map[string]string{
		`select count(*) from consultation.happening r join consultation.happening a using (leg_id) where r.what = 'reminded' and a.what = 'answered' and r.number > a.number`:         "were reminded after their answer",
		`select count(*) from (select from consultation.happening where what = 'reminded' group by leg_id having count(*) > 1) x`:                                                      "were reminded twice",
		`select count(*) from consultation.reminder m join consultation.leg l on l.id = m.leg_id where m.told <> (l.state <> 'ANSWERED')`:                                              "stand in the digest and should not, or the other way round",
		`select count(*) from consultation.happening h where what = 'reminded' and not exists (select from consultation.reminder m where m.leg_id = h.leg_id and m.number = h.number)`: "are in no digest",
	} {
		if n := w.count(query); n != 0 {
			t.Errorf("%d questions %s", n, what)
		}
	}
}
