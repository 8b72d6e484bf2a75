package consultation_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
)

// What cannot be sent waits in the inbox under the same id, and the first answer
// counts, whichever way it comes.
func TestADeadWireFallsBackToTheInbox(t *testing.T) {
	t.Parallel()
	policy := national(5)
	policy.Fallback = true
	w := newTimedWorld(t, one(policy))
	c := w.open("one")
	w.die(c, "labour", "temporary: network.connect")
	got := w.get(c.ID).Legs[0]
	if got.State != consultation.LegSent || got.ID != c.Legs[0].ID || got.ProblemReason != "" {
		t.Fatalf("%+v", got)
	}
	if asked, err := w.Fetch(context.Background(), w.pool, labour, got.ID); err != nil || asked.Question.LegID != got.ID {
		t.Errorf("%+v %v", asked, err)
	}
	w.die(c, "labour", "temporary: network.connect") // told again
	if r := w.mustReceive(answer(c, "labour", "desk", consultation.CodeNoObjection)); r.Status != consultation.StatusAccepted {
		t.Errorf("%+v", r)
	}
	if r := w.mustReceive(answer(c, "labour", "wire", consultation.CodeObjection)); r.Status != consultation.StatusLate {
		t.Errorf("the second answer: %+v", r)
	}
	want := []string{"consultation.requested", "consultation.delivery_problem", "consultation.rerouted", "consultation.answered",
		"consultation.round_completed", "consultation.late_answer"}
	if diff := cmp.Diff(want, w.types(c.ID)); diff != "" {
		t.Error(diff)
	}
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeClear {
		t.Errorf("%+v", got)
	}
}

// Mere information ends with its delivery, and holds a round up only until then.
func TestInformationWaitsForNobody(t *testing.T) {
	t.Parallel()
	told := func() (*timedWorld, consultation.Consultation) {
		w := newTimedWorld(t, one(consultation.LegPolicy{Information: true, Binding: consultation.BindingFacts}))
		return w, w.open("one")
	}
	complete := func(w *timedWorld, c consultation.Consultation) {
		t.Helper()
		got := w.get(c.ID)
		if got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeClear || got.Unanswered || got.Legs[0].State != consultation.LegClosedNoAnswer {
			t.Errorf("%+v", got)
		}
	}
	w, c := told()
	w.deliver(c)
	complete(w, c)
	if w.get(c.ID).Legs[0].DeliveredAt == nil {
		t.Error("it was not delivered")
	}
	w.deliver(c)
	complete(w, c)

	w, c = told()
	w.mustAct(deed(c, "labour", "t", consultation.HappenedTaken))
	complete(w, c)

	w, c = told()
	w.die(c, "labour", "permanent: x")
	complete(w, c)

	w, c = told()
	asks := deed(c, "labour", "q", consultation.HappenedAsked)
	asks.Text = "Miks?"
	if _, err := w.act(asks); !hasCode(err, consultation.FaultNoQuestions) {
		t.Errorf("a question back: %v", err)
	}
}

// Who has no system has no subsystem, and nobody answers as it over X-Road.
func TestAnAuthorityWithoutASystem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	all := append(authorities(), consultation.Authority{Name: "europol", Title: "Europol", Pull: true},
		consultation.Authority{Name: "interior", Title: "Ministry of the Interior", Pull: true})
	var err error
	w.Procedure, err = consultation.New(consultation.Options{
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"one": {Legs: []consultation.LegPolicy{
			{Authority: "europol", Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true},
		}}}}, Authorities: all,
	})
	if err != nil {
		t.Fatal(err)
	}
	c := w.open("one")
	if c.Legs[0].State != consultation.LegSent {
		t.Errorf("%+v", c.Legs[0])
	}
	a := answer(c, "europol", "a", consultation.CodeNoObjection)
	if a.LegID != c.Legs[0].ID || a.From.Member != "" {
		t.Fatalf("%+v", a)
	}
	nobody := []string{"/consultation_id " + consultation.FaultUnknownConsultation}
	if _, err := w.receive(a); cmp.Diff(nobody, codes(err)) != "" {
		t.Errorf("an answer of nobody: %v", err)
	}
	if _, err := w.act(deed(c, "europol", "t", consultation.HappenedTaken)); cmp.Diff(nobody, codes(err)) != "" {
		t.Errorf("a deed of nobody: %v", err)
	}
	if list, err := w.Notices(context.Background(), w.pool, a.From, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("notices of nobody: %v %v", list, err)
	}
	if err := w.in(func(ctx context.Context, tx pgx.Tx) error { _, err := w.Withdraw(ctx, tx, c.ID, "Tagasi"); return err }); err != nil {
		t.Error(err)
	}
}
