package consultation_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
)

func TestARevisionSupersedesWhateverWasAnswered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("residence_permit.employment")
	w.mustReceive(answer(c, "tax", "t", consultation.CodeNoData))
	changed := request("residence_permit.employment")
	changed.Employer.RegistryCode = "70008747"
	second, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
		return w.Revise(ctx, tx, c.ID, changed)
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(second, w.get(c.ID)); diff != "" || second.Round != 2 || len(second.Legs) != 3 {
		t.Errorf("round %d:\n%s", second.Round, diff)
	}
	if n := w.count(`select count(*) from consultation.leg where consultation_id = $1 and round = 1 and state = 'SUPERSEDED'`, c.ID); n != 3 {
		t.Errorf("%d legs are superseded", n)
	}
	if r := w.mustReceive(answer(c, "labour", "l", consultation.CodeApproved)); r.Status != consultation.StatusLate || r.LegState != consultation.LegSuperseded {
		t.Errorf("an answer to the old revision: %+v", r)
	}
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeOpen || got.State != consultation.RoundCollecting {
		t.Errorf("%+v", got)
	}
	for _, a := range []consultation.Answer{
		answer(second, "tax", "t", consultation.CodeNoData), answer(second, "labour", "l", consultation.CodeOpinionPositive), answer(second, "security", "s", consultation.CodeNoObjection),
	} {
		w.mustReceive(a)
	}
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeClear {
		t.Errorf("%+v", got)
	}
	wrong := changed
	wrong.CaseReference, wrong.Type = "ELT-2026/004712", "short"
	_, err = w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
		return w.Revise(ctx, tx, c.ID, wrong)
	})
	if diff := cmp.Diff([]string{"/case_reference case.other", "/type case.other"}, codes(err)); diff != "" {
		t.Error(diff)
	}
}

func TestTwoRevisionsAtOnceMakeTwoRounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
				return w.Revise(ctx, tx, c.ID, request("short"))
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := w.get(c.ID); got.Round != 7 {
		t.Errorf("round %d", got.Round)
	}
	if n := w.count("select count(*) from consultation.round where state = 'COLLECTING'"); n != 1 {
		t.Errorf("%d rounds collect", n)
	}
}

func TestAWithdrawnCaseWaitsForNobody(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(5)))
	c := w.open("one")
	for range 2 {
		got, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
			return w.Withdraw(ctx, tx, c.ID, "Taotlus võeti tagasi")
		})
		if err != nil || got.State != consultation.RoundCancelled || got.Legs[0].State != consultation.LegWithdrawn || got.Outcome != consultation.OutcomeOpen {
			t.Fatalf("%+v %v", got, err)
		}
	}
	list, err := w.Notices(context.Background(), w.pool, labour, 0, 10)
	if err != nil || len(list) != 2 || list[0].What != "opened" || list[1].What != consultation.HappenedWithdrawn || list[1].State != consultation.LegWithdrawn {
		t.Errorf("%+v %v", list, err)
	}
	if _, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) {
		return w.Revise(ctx, tx, c.ID, request("one"))
	}); !hasCode(err, consultation.FaultState) {
		t.Errorf("a revision of it: %v", err)
	}
}
