package consultation_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
)

// remind makes what is due at a moment in Tallinn.
func (w *timedWorld) remind(at string, reminders, digests int) {
	w.t.Helper()
	w.at(at)
	if _, err := w.FireTimers(context.Background(), w.pool); err != nil {
		w.t.Fatal(err)
	}
	gotReminders, gotDigests, err := w.Remind(context.Background(), w.pool)
	if err != nil || gotReminders != reminders || gotDigests != digests {
		w.t.Errorf("%s: %d reminders and %d digests, want %d and %d (%v)", at, gotReminders, gotDigests, reminders, digests, err)
	}
}

func (w *timedWorld) digests() []consultation.Digest {
	w.t.Helper()
	list, err := w.Digests(context.Background(), w.pool, labour, 0, 100)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func percents(d consultation.Digest) string {
	var out []string
	for _, r := range d.Reminders {
		out = append(out, fmt.Sprint(r.Percent))
	}
	return strings.Join(out, " ")
}

// Ten working days from Monday 2 March: half has passed with the 9th, 80 % with
// the 12th, all with the 16th; each day has one digest at a quarter past nine.
func TestAnAuthorityIsRemindedAtPartsOfTheTermInOneDigestADay(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 14:00:00")
	first, second := w.open("one"), w.open("one")
	w.deliver(first)
	w.deliver(second)
	w.remind("2026-03-09 08:59:59", 0, 0)
	w.remind("2026-03-09 09:00:00", 2, 0)
	w.remind("2026-03-09 09:00:01", 0, 0) // once
	w.remind("2026-03-09 09:15:00", 0, 1)
	w.remind("2026-03-09 16:00:00", 0, 0)
	w.mustReceive(answer(second, "labour", "a", consultation.CodeOpinionPositive))
	w.remind("2026-03-12 10:00:00", 1, 0) // the hub stood still: today's digest has gone
	w.remind("2026-03-13 09:15:00", 0, 1)
	w.remind("2026-03-16 09:15:00", 1, 1)
	w.remind("2026-03-17 09:00:00", 0, 0)
	w.remind("2026-03-20 12:00:00", 0, 0)
	list := w.digests()
	if len(list) != 3 || percents(list[0]) != "50 50" || percents(list[1]) != "80" || percents(list[2]) != "100" ||
		list[0].Day.String() != "2026-03-09" || list[1].Day.String() != "2026-03-13" || list[2].Day.String() != "2026-03-16" {
		t.Fatalf("%+v", list)
	}
	if r := list[1].Reminders[0]; r.LegID != first.Legs[0].ID || r.State != consultation.LegOverdue || r.DueAt.Format(time.DateOnly) != "2026-03-16" {
		t.Errorf("%+v", r)
	}
	notices, err := w.Notices(context.Background(), w.pool, labour, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	told := 0
	for _, n := range notices {
		if n.What == consultation.HappenedReminded {
			told++
		}
	}
	if told != 4 {
		t.Errorf("%d notices", told)
	}
	if got := strings.Count(strings.Join(w.types(first.ID), " "), "consultation.reminded"); got != 3 {
		t.Errorf("%d events: %v", got, w.types(first.ID))
	}
	if got := strings.Join(w.types("authority/labour"), " "); got != "consultation.digest consultation.digest consultation.digest" {
		t.Errorf("%s", got)
	}
	after, err := w.Digests(context.Background(), w.pool, labour, list[1].Day, 100)
	if err != nil || len(after) != 1 {
		t.Errorf("%+v %v", after, err)
	}
	if others, err := w.Digests(context.Background(), w.pool, security, 0, 100); err != nil || len(others) != 0 {
		t.Errorf("another authority's: %+v %v", others, err)
	}
}

// The day's reminders are at the authority's desk as well, and at nobody else's.
func TestTheDigestIsAtTheDesk(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(5)))
	w.at("2026-03-02 14:00:00")
	w.deliver(w.open("one")) // half of five working days has passed with the 5th
	w.remind("2026-03-05 09:15:00", 1, 1)
	clerk := consultation.Clerk{Code: "EE81506150008", Assurance: "high"}
	if _, err := w.DigestsAtDesk(context.Background(), w.pool, clerk, 0, 10); err == nil {
		t.Error("a stranger reads the digest")
	}
	for authority, want := range map[string]int{"labour": 1, "security": 0} {
		if err := w.in(func(ctx context.Context, tx pgx.Tx) error { return w.Enrol(ctx, tx, authority, clerk.Code) }); err != nil {
			t.Fatal(err)
		}
		if list, err := w.DigestsAtDesk(context.Background(), w.pool, clerk, 0, 10); err != nil || len(list) != want {
			t.Errorf("%s: %+v %v", authority, list, err)
		}
	}
}

// While the authority waits for the case owner, while an extension lasts and after
// an answer nobody is reminded; a digest that would say nothing is not made.
func TestNobodyIsRemindedOfWhatTheyNeedNotDo(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 14:00:00")
	c := w.open("one")
	w.deliver(c)
	asks := deed(c, "labour", "q", consultation.HappenedAsked)
	asks.Text = "Palun leping"
	w.mustAct(asks) // the clock stops
	w.remind("2026-03-10 10:00:00", 0, 0)
	w.mustDecide(c, "labour", consultation.Decision{What: consultation.HappenedSupplied, Text: "Siin"})
	if got := w.due(c); got != "2026-03-24 23:59:59" {
		t.Fatalf("due %s", got)
	}
	w.remind("2026-03-17 09:00:00", 1, 0)
	asks = deed(c, "labour", "e", consultation.HappenedExtensionAsked)
	asks.Until, asks.Reason = "2026-04-02", "Kontroll kestab"
	w.mustAct(asks)
	w.remind("2026-03-17 09:15:00", 0, 0)
	if n := w.count("select (select count(*) from consultation.digest) + (select count(*) from consultation.reminder)"); n != 0 {
		t.Errorf("%d rows of a digest that would say nothing", n)
	}
	w.mustDecide(c, "labour", consultation.Decision{What: consultation.HappenedExtensionGranted})
	w.remind("2026-03-31 12:00:00", 0, 0) // 80 % have passed
	w.remind("2026-04-02 09:15:00", 1, 1)
	w.mustReceive(answer(c, "labour", "a", consultation.CodeOpinionPositive))
	w.remind("2026-04-20 09:15:00", 0, 0)
	if n := w.count("select count(*) from consultation.timer"); n != 0 {
		t.Errorf("%d timers are left", n)
	}
}

// What has been answered between its reminder and the digest is left out, and a
// hub that comes up at night reminds in the morning.
func TestADigestIsOfWhatStillWaits(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 14:00:00")
	answered, waits := w.open("one"), w.open("one")
	w.deliver(answered)
	w.deliver(waits)
	w.remind("2026-03-09 20:00:00", 0, 0)
	w.remind("2026-03-10 09:00:00", 2, 0)
	w.mustReceive(answer(answered, "labour", "a", consultation.CodeOpinionPositive))
	w.remind("2026-03-10 09:15:00", 0, 1)
	if list := w.digests(); len(list) != 1 || len(list[0].Reminders) != 1 || list[0].Reminders[0].LegID != waits.Legs[0].ID {
		t.Errorf("%+v", list)
	}
}

// An authority that fetches its questions is not reminded while its downtime
// lasts either, though nothing is sent to it.
func TestRemindersRestWhileADowntimeLasts(t *testing.T) {
	t.Parallel()
	policy := national(10)
	policy.Pull = true
	w := newTimedWorld(t, one(policy))
	w.at("2026-03-02 14:00:00")
	w.open("one")
	if _, err := w.announce("d", "2026-03-09 08:00:00", "2026-03-09 12:00:00"); err != nil {
		t.Fatal(err)
	}
	w.remind("2026-03-09 09:00:00", 0, 0)
	w.remind("2026-03-09 11:59:59", 0, 0)
	w.remind("2026-03-09 12:00:00", 1, 0)
}

// Hours count at night as well; reminders wait for the office to open.
func TestRemindersOfHoursWaitForTheOffice(t *testing.T) {
	t.Parallel()
	policy := national(1)
	policy.Term = &calendar.Rule{Unit: calendar.Hours, Length: 60}
	w := newTimedWorld(t, one(policy))
	w.at("2026-03-27 12:00:00") // Friday: half has passed on Saturday, all on Monday at 1 o'clock
	c := w.open("one")
	w.deliver(c)
	w.remind("2026-03-28 20:00:00", 0, 0)
	w.remind("2026-03-30 08:59:00", 0, 0)
	w.remind("2026-03-30 09:00:00", 1, 0) // of the latest part only
	w.remind("2026-03-30 09:15:00", 0, 1)
	if list := w.digests(); len(list) != 1 || percents(list[0]) != "100" || list[0].Reminders[0].State != consultation.LegOverdue {
		t.Errorf("%+v", list)
	}
}

// What has not arrived is our fault, and while our link is down nobody is
// reminded.
func TestNobodyIsRemindedWhileOurLinkIsDown(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	w.at("2026-03-02 14:00:00")
	undelivered, c := w.open("one"), w.open("one")
	w.deliver(c)
	breaker := func(state string) {
		t.Helper()
		err := w.in(func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into outbox.breaker (destination, state, since) values ('consultations.labour', $1, now())
				on conflict (destination) do update set state = excluded.state`, state)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	breaker("open")
	w.remind("2026-03-09 09:00:00", 0, 0)
	w.remind("2026-03-09 09:10:00", 0, 0)
	breaker("closed")
	w.remind("2026-03-09 09:14:00", 0, 0) // looks again at a quarter past
	w.remind("2026-03-09 09:15:00", 1, 1)
	if list := w.digests(); len(list) != 1 || list[0].Reminders[0].LegID != c.Legs[0].ID {
		t.Errorf("%+v; %s has not arrived", list, undelivered.ID)
	}
	breaker("open")
	w.remind("2026-03-12 16:50:00", 0, 0)
	breaker("closed")
	w.remind("2026-03-12 17:05:00", 0, 0) // outside office hours
	w.remind("2026-03-13 09:00:00", 1, 0)
}
