package consultation_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
)

// A question that could not be delivered is answered by two doors at the same
// moment, while the wire comes back to life: the first answer counts, the other
// is told so or kept, and the question is the same one throughout.
func TestTheFirstDoorWinsWhileTheWireComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const rounds = 30
	for range rounds {
		c := w.open("short")
		w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
		start := make(chan struct{})
		var mu sync.Mutex
		taken := map[consultation.ReceiptStatus]int{}
		var wg sync.WaitGroup
		for _, a := range []consultation.Answer{
			answer(c, "labour", "by soap", consultation.CodeApproved), answer(c, "labour", "at the desk", consultation.CodeNoObjection),
		} {
			wg.Go(func() {
				<-start
				r, err := w.receive(a)
				mu.Lock()
				defer mu.Unlock()
				if err != nil && !hasCode(err, consultation.FaultAlreadyAnswered) {
					t.Error(err)
				}
				taken[r.Status]++
			})
		}
		wg.Go(func() {
			<-start
			err := w.in(func(ctx context.Context, tx pgx.Tx) error {
				_, err := w.Decide(ctx, tx, c.ID, leg(c, "labour").ID, consultation.Decision{What: consultation.HappenedRerouted, Reason: "Teenus on maas"})
				return err
			})
			if err != nil && !hasCode(err, consultation.FaultState) {
				t.Error(err)
			}
		})
		close(start)
		wg.Wait()
		got := leg(w.get(c.ID), "labour")
		if taken[consultation.StatusAccepted] != 1 || got.State != consultation.LegAnswered || got.ID != leg(c, "labour").ID ||
			len(got.LateAnswers) != taken[consultation.StatusLate] || len(got.EarlierAnswers) != 0 {
			t.Fatalf("%v, %+v", taken, got)
		}
	}
}
