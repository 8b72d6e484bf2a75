package consultation_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/provetest"
)

// A question that could not be delivered is answered by three doors at the same
// moment, twice by one of them, while the wire comes back to life: the first
// answer counts, one that comes by another door is kept beside it, another by the
// same door is refused, and the question is the same one throughout.
func TestTheFirstDoorWinsWhileTheWireComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range provetest.Sized(30, 1000) {
		c := w.open("short")
		if i%2 == 0 { // the round ends with the first answer; else it goes on
			w.mustReceive(answer(c, "security", "s", consultation.CodeNoObjection))
		}
		start := make(chan struct{})
		var mu sync.Mutex
		taken, refused := map[consultation.ReceiptStatus]int{}, map[string]int{}
		var wg sync.WaitGroup
		desk, rest := answer(c, "labour", "at the desk", consultation.CodeNoObjection), answer(c, "labour", "by rest", consultation.CodeObjection)
		desk.Door, rest.Door = "desk", "rest"
		for _, a := range []consultation.Answer{
			answer(c, "labour", "by soap", consultation.CodeApproved), desk, rest, answer(c, "labour", "by soap again", consultation.CodeApproved),
		} {
			wg.Go(func() {
				<-start
				r, err := w.receive(a)
				mu.Lock()
				defer mu.Unlock()
				if err != nil && !hasCode(err, consultation.FaultAlreadyAnswered) {
					t.Error(err)
				}
				if err != nil {
					refused[a.Door]++
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
		if refused["desk"]+refused["rest"] > 0 {
			t.Errorf("refused by another door: %v", refused)
		}
		if taken[consultation.StatusAccepted] != 1 || got.State != consultation.LegAnswered || got.ID != leg(c, "labour").ID ||
			len(got.LateAnswers) != taken[consultation.StatusLate] || len(got.EarlierAnswers) != 0 {
			t.Fatalf("%v, %+v", taken, got)
		}
	}
}
