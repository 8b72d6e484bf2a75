package consultation_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
)

func tallinn(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05", s, calendar.Tallinn)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// announce announces a downtime of the labour inspectorate.
func (w *timedWorld) announce(id, from, until string) (consultation.ReceiptStatus, error) {
	w.t.Helper()
	var status consultation.ReceiptStatus
	err := w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		status, err = w.Announce(ctx, tx, consultation.DowntimeNotice{
			ID: id, Begins: tallinn(w.t, from), Ends: tallinn(w.t, until), Reason: "Hooldus", From: labour, Door: "soap",
		})
		return err
	})
	return status, err
}

func (w *timedWorld) keep(at string) {
	w.t.Helper()
	w.at(at)
	if err := w.KeepDowntimes(context.Background(), w.pool); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.FireTimers(context.Background(), w.pool); err != nil {
		w.t.Fatal(err)
	}
}

func (w *timedWorld) held() string {
	w.t.Helper()
	list, err := outbox.Breakers(context.Background(), w.pool)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, b := range list {
		if b.Destination == "consultations.labour" {
			return b.HeldBy
		}
	}
	return ""
}

// downWorld knows where the labour inspectorate is sent its questions.
func downWorld(t *testing.T, policy consultation.LegPolicy) *timedWorld {
	t.Helper()
	w := newTimedWorld(t, one(policy))
	all := authorities()
	all[1].Destination = "consultations.labour"
	policy.Authority, policy.Binding, policy.Destination = "labour", consultation.BindingAdvisory, "consultations.labour"
	p, err := consultation.New(consultation.Options{
		Policy:      consultation.Policy{Types: map[string]consultation.TypePolicy{"one": {Legs: []consultation.LegPolicy{policy}}}},
		Authorities: all, Now: func() time.Time { return w.now },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Procedure = p
	return w
}

func TestWhileADowntimeLastsSendsWaitAndClocksStop(t *testing.T) {
	t.Parallel()
	policy := national(10)
	policy.Downtime = consultation.DowntimeStopsClock
	w := downWorld(t, policy)
	w.at("2026-03-02 14:00:00")
	c, during := w.open("one"), consultation.Consultation{}
	w.deliver(c)
	if status, err := w.announce("d", "2026-03-09 08:00:00", "2026-03-11 18:00:00"); err != nil || status != consultation.StatusAccepted {
		t.Fatalf("%s %v", status, err)
	}
	w.keep("2026-03-09 07:59:59")
	if w.held() != "" || w.due(c) != "2026-03-16 23:59:59" {
		t.Errorf("before it began: held by %q, due %s", w.held(), w.due(c))
	}
	w.keep("2026-03-09 08:00:00")
	if w.held() != "downtime of labour" || w.due(c) != "paused" {
		t.Errorf("while it lasts: held by %q, due %s", w.held(), w.due(c))
	}
	w.remind("2026-03-10 10:00:00", 0, 0)
	during = w.open("one")
	w.keep("2026-03-10 10:00:01")
	if w.due(during) != "paused" {
		t.Errorf("asked while it lasts: due %s", w.due(during))
	}
	w.keep("2026-03-11 18:00:00")
	if w.held() != "" || w.due(c) != "2026-03-18 23:59:59" { // 10 and 11 March did not count
		t.Errorf("after it: held by %q, due %s", w.held(), w.due(c))
	}
	if w.due(during) != "2026-03-25 23:59:59" {
		t.Errorf("asked while it lasted: due %s", w.due(during))
	}
	w.remind("2026-03-12 09:00:00", 1, 0)
	d, err := w.Explain(context.Background(), w.pool, c.ID, c.Legs[0].ID)
	if err != nil || len(d.Pauses) != 1 || d.Pauses[0].Reason != "downtime" {
		t.Errorf("%+v %v", d, err)
	}
	if n := w.count("select count(*) from consultation.downtime where ended"); n != 1 {
		t.Errorf("%d have ended", n)
	}
}

// After a standstill of the hub everything counts from when it happened: a term
// that would have ended within the downtime has not.
func TestADowntimeCountsFromWhenItWas(t *testing.T) {
	t.Parallel()
	policy := national(5)
	policy.Downtime = consultation.DowntimeStopsClock
	w := downWorld(t, policy)
	w.at("2026-03-02 14:00:00")
	c := w.open("one")
	w.deliver(c)
	if _, err := w.announce("d", "2026-03-09 22:00:00", "2026-03-10 02:00:00"); err != nil {
		t.Fatal(err)
	}
	w.keep("2026-03-20 12:00:00")
	if got := w.get(c.ID).Legs[0]; got.State != consultation.LegOverdue || w.due(c) != "2026-03-09 23:59:59" {
		// The day on which the clock stops still counts, so this one had its five days.
		t.Errorf("%+v", got)
	}
	hours := national(1)
	hours.Term, hours.Downtime = &calendar.Rule{Unit: calendar.Hours, Length: 10}, consultation.DowntimeStopsClock
	w = downWorld(t, hours)
	w.at("2026-03-09 16:00:00")
	c = w.open("one")
	w.deliver(c)
	if _, err := w.announce("d", "2026-03-09 22:00:00", "2026-03-10 02:00:00"); err != nil {
		t.Fatal(err)
	}
	w.keep("2026-03-10 05:59:59")
	if got := w.get(c.ID).Legs[0]; got.State != consultation.LegDelivered || w.due(c) != "2026-03-10 06:00:00" {
		t.Errorf("%+v due %s", got, w.due(c))
	}
	w.keep("2026-03-10 06:00:00")
	if got := w.get(c.ID).Legs[0]; got.State != consultation.LegOverdue {
		t.Errorf("%+v", got)
	}
}

// A question back and a downtime both stop the clock; it runs when neither does.
func TestAQuestionBackWithinADowntime(t *testing.T) {
	t.Parallel()
	policy := national(10)
	policy.Downtime = consultation.DowntimeStopsClock
	w := downWorld(t, policy)
	w.at("2026-03-02 14:00:00")
	c := w.open("one")
	w.deliver(c)
	if _, err := w.announce("d", "2026-03-04 08:00:00", "2026-03-06 18:00:00"); err != nil {
		t.Fatal(err)
	}
	w.keep("2026-03-04 09:00:00")
	asks := deed(c, "labour", "q", consultation.HappenedAsked)
	asks.Text = "Palun leping"
	w.mustAct(asks)
	w.keep("2026-03-05 12:00:00")
	w.mustDecide(c, "labour", consultation.Decision{What: consultation.HappenedSupplied, Text: "Siin"})
	if w.due(c) != "paused" {
		t.Errorf("the downtime lasts: due %s", w.due(c))
	}
	w.keep("2026-03-06 18:00:00")
	if got := w.due(c); got != "2026-03-18 23:59:59" { // 5 and 6 March did not count
		t.Errorf("due %s", got)
	}
}

func TestADowntimeIsChangedCalledOffAndRefused(t *testing.T) {
	t.Parallel()
	w := downWorld(t, national(10)) // the clock runs on
	w.at("2026-03-02 14:00:00")
	c := w.open("one")
	w.deliver(c)
	for _, tc := range []struct{ id, from, until, want string }{
		{"", "2026-03-03 08:00:00", "2026-03-03 09:00:00", "/downtime_id required"},
		{"a", "2026-03-03 08:00:00", "2026-03-03 07:00:00", "/until range"},
		{"a", "2026-03-03 08:00:00", "2026-04-30 07:00:00", "/until range"},
		{"a", "2026-03-02 13:00:00", "2026-03-03 07:00:00", "/from range"},
	} {
		if _, err := w.announce(tc.id, tc.from, tc.until); cmp.Diff([]string{tc.want}, codes(err)) != "" {
			t.Errorf("%+v: %v", tc, err)
		}
	}
	announce := func(id, from, until string, want consultation.ReceiptStatus) {
		t.Helper()
		if status, err := w.announce(id, from, until); err != nil || status != want {
			t.Errorf("%s: %s %v", id, status, err)
		}
	}
	announce("a", "2026-03-09 08:00:00", "2026-03-09 20:00:00", consultation.StatusAccepted)
	announce("a", "2026-03-09 08:00:00", "2026-03-09 20:00:00", consultation.StatusDuplicate)
	announce("off", "2026-03-04 08:00:00", "2026-03-04 20:00:00", consultation.StatusAccepted)
	announce("off", "2026-03-04 08:00:00", "2026-03-04 08:00:00", consultation.StatusAccepted) // called off
	if list, err := w.Downtimes(context.Background(), w.pool); err != nil || len(list) != 1 || list[0].ID != "a" {
		t.Errorf("%+v %v", list, err)
	}
	w.keep("2026-03-04 12:00:00")
	if w.held() != "" {
		t.Errorf("what was called off holds sends: %s", w.held())
	}
	w.keep("2026-03-09 08:30:00")
	if w.held() == "" || w.due(c) != "2026-03-16 23:59:59" {
		t.Errorf("held by %q, due %s: the policy lets the clock run", w.held(), w.due(c))
	}
	if _, err := w.announce("a", "2026-03-09 08:15:00", "2026-03-09 20:00:00"); cmp.Diff([]string{"/from range"}, codes(err)) != "" {
		t.Errorf("another beginning: %v", err)
	}
	announce("a", "2026-03-09 08:00:00", "2026-03-09 09:00:00", consultation.StatusAccepted) // shorter
	w.keep("2026-03-09 09:00:00")
	if w.held() != "" {
		t.Errorf("still held by %s", w.held())
	}
	if _, err := w.announce("a", "2026-03-09 08:00:00", "2026-03-09 12:00:00"); cmp.Diff([]string{"/downtime_id state"}, codes(err)) != "" {
		t.Errorf("after it: %v", err)
	}
	// What a person has paused stays so.
	announce("b", "2026-03-10 08:00:00", "2026-03-10 09:00:00", consultation.StatusAccepted)
	if err := outbox.Pause(context.Background(), w.pool, "consultations.labour", "tonu", "test", time.Hour); err != nil {
		t.Fatal(err)
	}
	w.keep("2026-03-10 08:00:00")
	w.keep("2026-03-10 09:00:00")
	if w.held() != "tonu" {
		t.Errorf("held by %q", w.held())
	}
	if got := w.types("authority/labour"); len(got) != 5 || got[0] != "consultation.downtime_announced" {
		t.Errorf("%v", got)
	}
}
