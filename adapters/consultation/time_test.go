package consultation_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
)

// timedWorld is a world whose clock the test moves, with one leg of the given
// policy.
type timedWorld struct {
	*world
	now time.Time
}

func newTimedWorld(t *testing.T, types map[string]consultation.TypePolicy) *timedWorld {
	t.Helper()
	w := &timedWorld{world: newWorld(t), now: noon}
	for name, p := range types {
		for i, l := range p.Legs {
			l.Destination = "consultations." + l.Authority
			if l.Binding == "" {
				l.Binding = consultation.BindingAdvisory
			}
			types[name].Legs[i] = l
		}
	}
	p, err := consultation.New(consultation.Options{
		Policy: consultation.Policy{Types: types}, Authorities: authorities(), Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Procedure = p
	return w
}

func one(l consultation.LegPolicy) map[string]consultation.TypePolicy {
	l.Authority = "labour"
	return map[string]consultation.TypePolicy{"one": {Legs: []consultation.LegPolicy{l}}}
}

// at sets the clock to a moment in Tallinn.
func (w *timedWorld) at(s string) {
	w.t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", s, calendar.Tallinn)
	if err != nil {
		w.t.Fatal(err)
	}
	w.now = at
}

// deliver lets the relay's sender succeed.
func (w *timedWorld) deliver(c consultation.Consultation) {
	w.t.Helper()
	err := w.in(func(ctx context.Context, tx pgx.Tx) error {
		o := w.Sender(wireFunc(func(context.Context, consultation.Question) (consultation.Reply, error) {
			return consultation.Reply{ReceiptID: "R-1"}, nil
		})).Send(ctx, outbox.Delivery{Message: outbox.Message{Key: c.Legs[0].ID, Payload: fmt.Appendf(nil, `{"leg_id":%q}`, c.Legs[0].ID)}})
		return o.Apply(ctx, tx)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *timedWorld) fire(want int) {
	w.t.Helper()
	if n, err := w.FireTimers(context.Background(), w.pool); err != nil || n != want {
		w.t.Fatalf("%d legs had timers, not %d: %v", n, want, err)
	}
}

func (w *timedWorld) due(c consultation.Consultation) string {
	w.t.Helper()
	d, err := w.Explain(context.Background(), w.pool, c.ID, c.Legs[0].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	stored := w.get(c.ID).Legs[0].DueAt
	if (stored == nil) != (d.Due == nil) || stored != nil && !stored.Equal(*d.Due) {
		w.t.Fatalf("the leg is due %v, the explanation says %v", stored, d.Due)
	}
	if stored == nil {
		return "paused"
	}
	return stored.In(calendar.Tallinn).Format("2006-01-02 15:04:05")
}

func TestATermCountsFromTheProofOfDelivery(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(consultation.LegPolicy{
		Mandatory: true, Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 15}, Silence: consultation.SilenceEscalate,
	}))
	w.at("2026-02-11 10:00:00")
	c := w.open("one")
	if got := w.due(c); got != "2026-03-05 23:59:59" {
		t.Errorf("from the opening: %s", got)
	}
	w.at("2026-02-16 10:00:00")
	w.deliver(c)
	if got := w.due(c); got != "2026-03-10 23:59:59" { // 24 February is passed over
		t.Errorf("from the delivery: %s", got)
	}
	w.deliver(c)
	d, err := w.Explain(context.Background(), w.pool, c.ID, c.Legs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	holidays := 0
	for _, l := range d.Lines {
		if l.Why == calendar.WhyHoliday && l.Holiday.ET == "iseseisvuspäev" {
			holidays++
		}
	}
	if d.StartEvent != "delivered" || d.Silence != consultation.SilenceEscalate || holidays != 1 || d.Rule.Length != 15 {
		t.Errorf("%+v", d)
	}
}

func TestWhatTheEndOfATermMeans(t *testing.T) {
	t.Parallel()
	sis := &calendar.Rule{Unit: calendar.CalendarDays, Length: 10, LegalBasis: "Regulation (EU) 2018/1861, article 27"}
	for _, c := range []struct {
		name      string
		policy    consultation.LegPolicy
		delivered bool
		leg       consultation.LegState
		round     consultation.RoundState
		outcome   consultation.Outcome
		event     string
	}{
		{"silence is no objection", consultation.LegPolicy{Mandatory: true, Term: sis, Silence: consultation.SilenceNoObjection},
			true, consultation.LegDeemedNoObjection, consultation.RoundComplete, consultation.OutcomeClear, "consultation.deemed_no_objection"},
		{"silence without proof of delivery", consultation.LegPolicy{Mandatory: true, Term: sis, Silence: consultation.SilenceNoObjection},
			false, consultation.LegDeliveryProblem, consultation.RoundCollecting, consultation.OutcomeOpen, "consultation.delivery_problem"},
		{"silence escalates", consultation.LegPolicy{Mandatory: true, Term: sis, Silence: consultation.SilenceEscalate},
			true, consultation.LegOverdue, consultation.RoundCollecting, consultation.OutcomeOpen, "consultation.overdue"},
		{"nobody was reached", consultation.LegPolicy{Mandatory: true, Term: sis, Silence: consultation.SilenceEscalate},
			false, consultation.LegDeliveryProblem, consultation.RoundCollecting, consultation.OutcomeOpen, "consultation.delivery_problem"},
		{"the round goes on", consultation.LegPolicy{Term: sis, Silence: consultation.SilenceProceed},
			true, consultation.LegClosedNoAnswer, consultation.RoundComplete, consultation.OutcomeClear, "consultation.closed_without_answer"},
		{"an optional answer holds no round after its term", consultation.LegPolicy{Term: sis, Silence: consultation.SilenceEscalate},
			true, consultation.LegClosedNoAnswer, consultation.RoundComplete, consultation.OutcomeClear, "consultation.overdue"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newTimedWorld(t, one(c.policy))
			w.at("2026-03-02 10:00:00")
			opened := w.open("one")
			if c.delivered {
				w.deliver(opened)
			}
			w.at("2026-03-12 23:59:58")
			w.fire(0)
			w.at("2026-03-12 23:59:59")
			w.fire(1)
			w.fire(0)
			got := w.get(opened.ID)
			if got.State != c.round || got.Outcome != c.outcome || got.Legs[0].State != c.leg {
				t.Errorf("%s, %s, leg %s", got.State, got.Outcome, got.Legs[0].State)
			}
			if got.ViaSilence != (c.leg == consultation.LegDeemedNoObjection) || got.Unanswered != (c.leg == consultation.LegClosedNoAnswer) {
				t.Errorf("via silence %v, unanswered %v", got.ViaSilence, got.Unanswered)
			}
			told := map[string]int{}
			for _, e := range w.types(opened.ID) {
				told[e]++
			}
			if told[c.event] != 1 {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// The process was down when the term ended: what it does later is what it would
// have done then.
func TestATimerThatFiresLateCountsFromItsDueTime(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(consultation.LegPolicy{
		Mandatory: true, Term: &calendar.Rule{Unit: calendar.Hours, Length: 60}, Silence: consultation.SilenceNoObjection,
	}))
	w.at("2026-03-28 12:00:00")
	c := w.open("one")
	w.deliver(c)
	if got := w.due(c); got != "2026-03-31 01:00:00" {
		t.Errorf("60 hours end %s", got)
	}
	w.at("2026-04-02 08:00:00")
	w.fire(1)
	var at, recorded time.Time
	err := w.pool.QueryRow(context.Background(), `select at, recorded_at from consultation.happening where leg_id = $1 and what = 'due'`, c.Legs[0].ID).
		Scan(&at, &recorded)
	if err != nil || at.In(calendar.Tallinn).Format("2006-01-02 15:04:05") != "2026-03-31 01:00:00" || !recorded.Equal(w.now) {
		t.Errorf("it happened %s, noted %s, %v", at, recorded, err)
	}
}

// An answer that comes after the end of the term is late, even when it is
// faster than the timer.
func TestAnAnswerDoesNotOvertakeTheEndOfTheTerm(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(consultation.LegPolicy{
		Mandatory: true, Term: &calendar.Rule{Unit: calendar.CalendarDays, Length: 7}, Silence: consultation.SilenceNoObjection,
	}))
	w.at("2026-03-02 10:00:00")
	c := w.open("one")
	w.deliver(c)
	w.at("2026-03-10 00:00:00")
	a := answer(c, "labour", "late", consultation.CodeObjection)
	if r := w.mustReceive(a); r.Status != consultation.StatusLate || r.LegState != consultation.LegDeemedNoObjection {
		t.Errorf("%+v", r)
	}
	got := w.get(c.ID)
	if got.Outcome != consultation.OutcomeClear || !got.ViaSilence || len(got.Legs[0].LateAnswers) != 1 {
		t.Errorf("%+v", got)
	}
	events := w.events(c.ID)
	var late told
	for _, e := range events {
		if e.Type == "consultation.late_answer" {
			late = e
		}
	}
	if late.Data["adverse"] != true {
		t.Errorf("told: %+v", events)
	}
	w.fire(0)
}

func TestAnOverdueAnswerCountsAndIsMarked(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(consultation.LegPolicy{
		Mandatory: true, Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: 5}, Silence: consultation.SilenceEscalate,
	}))
	c := w.open("one")
	w.deliver(c)
	w.at("2026-03-20 10:00:00")
	w.fire(1)
	w.mustReceive(answer(c, "labour", "a", consultation.CodeOpinionPositive))
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeClear || !got.Legs[0].Late || got.Legs[0].State != consultation.LegAnswered {
		t.Errorf("%+v", got)
	}
	if n := w.count("select count(*) from consultation.timer"); n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

func TestAVetoWithdrawsTheRestWhereTheTypeFailsFast(t *testing.T) {
	t.Parallel()
	term := &calendar.Rule{Unit: calendar.WorkingDays, Length: 5}
	w := newTimedWorld(t, map[string]consultation.TypePolicy{"fast": {FailFast: true, Legs: []consultation.LegPolicy{
		{Authority: "labour", Mandatory: true, Term: term, Silence: consultation.SilenceEscalate},
		{Authority: "security", Mandatory: true, Binding: consultation.BindingVeto},
	}}})
	c := w.open("fast")
	w.mustReceive(answer(c, "security", "s", consultation.CodeObjection))
	got := w.get(c.ID)
	if got.State != consultation.RoundComplete || got.Outcome != consultation.OutcomeBlocked || got.Legs[0].State != consultation.LegWithdrawn {
		t.Errorf("%+v", got)
	}
	if r := w.mustReceive(answer(c, "labour", "l", consultation.CodeOpinionPositive)); r.Status != consultation.StatusLate {
		t.Errorf("an answer to a withdrawn question: %+v", r)
	}
}

// Timers are rows: whoever is there fires them, each once.
func TestManyProcessesFireATimerOnce(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(consultation.LegPolicy{
		Mandatory: true, Term: &calendar.Rule{Unit: calendar.Hours, Length: 1}, Silence: consultation.SilenceNoObjection,
	}))
	const rounds = 30
	for range rounds {
		w.deliver(w.open("one"))
	}
	w.now = w.now.Add(2 * time.Hour)
	done := make(chan error, 4)
	for range cap(done) {
		go func() {
			_, err := w.FireTimers(context.Background(), w.pool)
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	want := map[string]int{"consultation.deemed_no_objection": rounds, "consultation.round_completed": rounds, "consultation.delivered": rounds, "consultation.requested": rounds}
	got := map[string]int{}
	rows, err := w.pool.Query(context.Background(), `select type, count(*) from outbox.event group by type`)
	if err != nil {
		t.Fatal(err)
	}
	var kind string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&kind, &n}, func() error { got[kind] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
