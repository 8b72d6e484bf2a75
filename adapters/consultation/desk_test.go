package consultation_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
)

// Officials, synthetic as everybody.
var (
	marko = consultation.Clerk{Code: "EE71506150007", Assurance: "high"}
	kadri = consultation.Clerk{Code: "EE71506150400", Assurance: "high"}
	liis  = consultation.Clerk{Code: "EE81506150008", Assurance: "high"} // of another authority
)

// newDesk is a world in which marko and kadri work at the desk of the Labour
// Inspectorate, which has no system, and liis at another one.
func newDesk(t *testing.T) (*world, *time.Time) {
	t.Helper()
	w, now := newWorld(t), noon
	list := authorities()
	list[1].Pull = true
	rule := func(days int) *calendar.Rule { return &calendar.Rule{Unit: calendar.WorkingDays, Length: days} }
	leg := func(days int) consultation.LegPolicy {
		return consultation.LegPolicy{
			Authority: "labour", Fields: seen, Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true, Term: rule(days), Silence: consultation.SilenceEscalate, Extendable: true,
		}
	}
	var err error
	w.Procedure, err = consultation.New(consultation.Options{
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{
			"three": {Legs: []consultation.LegPolicy{leg(3)}}, "five": {Legs: []consultation.LegPolicy{leg(5)}}, "ten": {Legs: []consultation.LegPolicy{leg(10)}},
		}},
		Authorities: list, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.in(func(ctx context.Context, tx pgx.Tx) error {
		for authority, codes := range map[string][]string{"labour": {marko.Code, kadri.Code}, "security": {liis.Code}} {
			for _, code := range codes {
				if err := w.Enrol(ctx, tx, authority, code); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, &now
}

// refusedFor says whether the procedure has refused for that reason.
func refusedFor(err error, code string) bool {
	r, ok := errors.AsType[*consultation.Refusal](err)
	return ok && r.Violations[0].Code == code
}

func (w *world) inbox(c consultation.Clerk) ([]consultation.InboxEntry, error) {
	return w.Inbox(context.Background(), w.pool, c, "", consultation.MaxInbox)
}

// atDesk answers at the desk.
func (w *world) atDesk(c consultation.Clerk, a consultation.Answer) (r consultation.Receipt, err error) {
	err = w.in(func(ctx context.Context, tx pgx.Tx) error {
		r, err = w.AnswerAtDesk(ctx, tx, c, a)
		return err
	})
	return r, err
}

func TestScenario17InboxWithoutOwnSystem(t *testing.T) {
	t.Parallel()
	w, _ := newDesk(t)
	want := map[string]int{w.open("ten").Legs[0].ID: 2, w.open("three").Legs[0].ID: 0, w.open("five").Legs[0].ID: 1}
	list, err := w.inbox(marko)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for i, e := range list {
		if want[e.LegID] != i || e.State != consultation.LegSent {
			t.Errorf("at place %d: %+v", i, e)
		}
	}
	// Page by page it is the same.
	after := ""
	for i := range list {
		page, err := w.Inbox(context.Background(), w.pool, marko, after, 1)
		if err != nil || len(page) != 1 || page[0].LegID != list[i].LegID {
			t.Fatalf("page %d: %+v, %v", i, page, err)
		}
		after = page[0].LegID
	}
	if others, err := w.inbox(liis); err != nil || len(others) != 0 {
		t.Errorf("another authority sees %+v, %v", others, err)
	}
	for _, level := range []string{"", "low", "substantial"} {
		if _, err := w.inbox(consultation.Clerk{Code: marko.Code, Assurance: level}); !refusedFor(err, consultation.FaultAssurance) {
			t.Errorf("with the level %q: %v", level, err)
		}
	}
	if _, err := w.inbox(consultation.Clerk{Code: "EE36805280109", Assurance: "high"}); !refusedFor(err, consultation.FaultNoClerk) {
		t.Errorf("a stranger: %v", err)
	}
	// Who is not of the authority gets nothing of a question by its id either.
	if _, err := w.AtDesk(context.Background(), w.pool, liis, list[0].LegID); !refusedFor(err, consultation.FaultUnknownConsultation) {
		t.Errorf("another authority's question: %v", err)
	}
}

func TestScenario18TwoClicks(t *testing.T) {
	t.Parallel()
	w, _ := newDesk(t)
	c := w.open("five")
	// The first click opens it, which proves that it has arrived.
	asked, err := w.AtDesk(context.Background(), w.pool, marko, c.Legs[0].ID)
	if err != nil || asked.Question.Surname != "Sünteetiline" || asked.DueAt == nil {
		t.Fatalf("%+v, %v", asked, err)
	}
	err = w.in(func(ctx context.Context, tx pgx.Tx) error {
		r, err := w.ActAtDesk(ctx, tx, marko, consultation.Deed{ID: "open", LegID: c.Legs[0].ID, Round: 1, What: consultation.HappenedTaken})
		if err == nil && r.LegState != consultation.LegInReview {
			err = fmt.Errorf("opened: %s", r.LegState)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	negative := answer(c, "labour", "n", consultation.CodeOpinionNegative)
	negative.LegalGround = ""
	if _, err := w.atDesk(marko, negative); !slices.Contains(codes(err), "/legal_ground required") {
		t.Errorf("negative without a ground: %v", err)
	}
	// The second one answers.
	r, err := w.atDesk(marko, answer(c, "labour", "a", consultation.CodeNoObjection))
	if err != nil || r.Status != consultation.StatusAccepted {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := w.atDesk(marko, answer(c, "labour", "a", consultation.CodeNoObjection)); err != nil || again.Status != consultation.StatusDuplicate {
		t.Errorf("clicked twice: %+v, %v", again, err)
	}
	got := w.get(c.ID)
	if got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeClear || got.Legs[0].Answer.Door != consultation.DoorDesk {
		t.Errorf("%+v", got)
	}
	if n := w.count(`select count(*) from consultation.answer where official = $1`, marko.Code); n != 1 {
		t.Errorf("who answered is kept %d times", n)
	}
}

func TestScenario24Delegation(t *testing.T) {
	t.Parallel()
	w, now := newDesk(t)
	*now = time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC) // a Friday
	c := w.open("ten")
	id := c.Legs[0].ID
	do := func(fn func(ctx context.Context, tx pgx.Tx) error) {
		t.Helper()
		if err := w.in(fn); err != nil {
			t.Fatal(err)
		}
	}
	do(func(ctx context.Context, tx pgx.Tx) error { return w.Assign(ctx, tx, marko, id, marko.Code) })
	do(func(ctx context.Context, tx pgx.Tx) error {
		return w.Delegate(ctx, tx, marko, consultation.Absence{Deputy: kadri.Code, From: "2026-03-09", To: "2026-03-13"})
	})
	for _, step := range []struct {
		at           time.Time
		deputy       string
		marko, kadri string
		what         string
	}{
		{time.Date(2026, 3, 8, 21, 59, 59, 0, time.UTC), "", "", consultation.FaultAssigned, "the last second of Sunday"},
		{time.Date(2026, 3, 8, 22, 0, 0, 0, time.UTC), kadri.Code, consultation.FaultAway, "", "Monday 00:00"},
		{time.Date(2026, 3, 13, 21, 59, 59, 0, time.UTC), kadri.Code, consultation.FaultAway, "", "the last second of Friday"},
		{time.Date(2026, 3, 13, 22, 0, 0, 0, time.UTC), "", "", consultation.FaultAssigned, "Saturday 00:00"},
	} {
		*now = step.at
		list, err := w.inbox(kadri)
		if err != nil || len(list) != 1 || list[0].AssignedTo != marko.Code || list[0].Deputy != step.deputy {
			t.Errorf("%s: %+v, %v", step.what, list, err)
		}
		for _, who := range []struct {
			clerk consultation.Clerk
			fault string
		}{{marko, step.marko}, {kadri, step.kadri}} {
			_, err := w.AtDesk(context.Background(), w.pool, who.clerk, id)
			if who.fault == "" && err != nil || who.fault != "" && !refusedFor(err, who.fault) {
				t.Errorf("%s: %v", step.what, err)
			}
		}
	}
	*now = time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)
	if _, err := w.atDesk(marko, answer(c, "labour", "m", consultation.CodeNoObjection)); !refusedFor(err, consultation.FaultAway) {
		t.Errorf("who is away answers: %v", err)
	}
	if r, err := w.atDesk(kadri, answer(c, "labour", "k", consultation.CodeNoObjection)); err != nil || r.Status != consultation.StatusAccepted {
		t.Errorf("the deputy: %+v, %v", r, err)
	}
	// Nobody of another authority can stand in, and nobody for oneself.
	for _, a := range []consultation.Absence{{Deputy: liis.Code, From: "2026-03-09"}, {Deputy: marko.Code, From: "2026-03-09"}, {Deputy: kadri.Code, From: "soon"}, {Deputy: kadri.Code, From: "2026-03-09", To: "2026-03-08"}} {
		if err := w.in(func(ctx context.Context, tx pgx.Tx) error { return w.Delegate(ctx, tx, marko, a) }); codes(err) == nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
	// An absence that is ended early.
	do(func(ctx context.Context, tx pgx.Tx) error { return w.Delegate(ctx, tx, marko, consultation.Absence{}) })
	other := w.open("five").Legs[0].ID
	do(func(ctx context.Context, tx pgx.Tx) error { return w.Assign(ctx, tx, marko, other, kadri.Code) })
	do(func(ctx context.Context, tx pgx.Tx) error { return w.Assign(ctx, tx, kadri, other, "") })
	do(func(ctx context.Context, tx pgx.Tx) error { return w.Dismiss(ctx, tx, kadri.Code) })
	if _, err := w.inbox(kadri); !refusedFor(err, consultation.FaultNoClerk) {
		t.Errorf("who was dismissed: %v", err)
	}
}
