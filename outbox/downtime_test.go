package outbox_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ristmik/outbox"
)

// While an outage lasts that a destination has announced nothing is sent to it, by any process, and no attempt is counted;
// before and after it everything is.
func TestNothingIsSentDuringAnAnnouncedOutage(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	var sender recorder
	for _, owner := range []string{"first", "second"} {
		run(t, pool, outbox.Options{Owner: owner, Poll: 5 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender},
			outbox.Destination{Name: "labour", Sender: &sender})
	}
	now := scalar[time.Time](t, pool, `select now()`)
	d, err := outbox.Announce(ctx, pool, "tax", now.Add(time.Hour), now.Add(2*time.Hour), "mari", "their upgrade")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, pool, message("tax", "l", "before"))
	eventually(t, "what comes before it is sent", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	moved := func(by time.Duration) {
		exec(t, pool, `update outbox.downtime set starts = starts + make_interval(secs => $1), ends = ends + make_interval(secs => $1)`, by.Seconds())
	}
	moved(-90 * time.Minute) // it has begun
	list, err := outbox.Downtimes(ctx, pool)
	if err != nil || len(list) != 1 || list[0].ID != d.ID || list[0].Reason != "their upgrade" || list[0].By != "mari" || list[0].From.After(time.Now()) {
		t.Fatalf("%+v, %v", list, err)
	}
	since := scalar[time.Time](t, pool, `select clock_timestamp()`)
	eventually(t, "whoever looked before has done so", func() bool {
		return scalar[int](t, pool, `select count(*) from pg_stat_activity where datname = current_database() and xact_start < $1`, since) == 0
	})
	publish(t, pool, message("tax", "l", "during"), message("tax", "m", "during too"), message("labour", "l", "elsewhere"))
	eventually(t, "others are sent to", func() bool { return stats(t, pool, "labour").Delivered == 1 })
	if s := stats(t, pool, "tax"); s.Parked != 2 || s.Delivered != 1 {
		t.Errorf("%+v", s)
	}
	moved(-time.Hour) // it is over
	eventually(t, "what waited is sent", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	for _, key := range []string{"during", "during too"} {
		if m := row(t, pool, key); m.Attempt != 1 {
			t.Errorf("%+v", m)
		}
	}
	if list, err := outbox.Downtimes(ctx, pool); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if err := outbox.Withdraw(ctx, pool, d.ID, "mari", "late"); !errors.Is(err, outbox.ErrNoDowntime) {
		t.Errorf("one that is over: %v", err)
	}
}

// An outage that is withdrawn is over at once; that of a gateway holds for all that goes through it.
func TestAnOutageOfTheGatewayIsWithdrawn(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	var sender recorder
	d, err := outbox.Announce(ctx, pool, "server", time.Time{}, time.Now().Add(time.Hour), "mari", "its upgrade")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, pool, message("tax", "l", "a"))
	gateway := &outbox.Gateway{Name: "server", Probe: func(context.Context) outbox.Outcome { return outbox.Outcome{Result: outbox.ResultDelivered} }}
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender, Gateway: gateway})
	eventually(t, "it waits", func() bool { return stats(t, pool, "tax").Parked == 1 })
	if err := outbox.Withdraw(ctx, pool, d.ID, "mari", "put off"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is sent", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	if err := outbox.Withdraw(ctx, pool, d.ID, "mari", "again"); !errors.Is(err, outbox.ErrNoDowntime) {
		t.Errorf("withdrawn twice: %v", err)
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.downtime where withdrawn_by = 'mari' and withdrawn_reason = 'put off'`); n != 1 {
		t.Error("nobody knows who withdrew it")
	}
}

func TestAnAnnouncementNamesEveryFault(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	now := time.Now()
	for name, c := range map[string]struct {
		destination, by, reason string
		from, until             time.Time
		want                    []string
	}{
		"everything":      {"", " ", "", now.Add(2 * time.Hour), now.Add(time.Hour), []string{"destination", "who and why", "after it begins"}},
		"past":            {"tax", "mari", "x", now.Add(-2 * time.Hour), now.Add(-time.Hour), []string{"after it begins"}},
		"for ever":        {"tax", "mari", "x", now, now.Add(400 * 24 * time.Hour), []string{"more than a year"}},
		"not text":        {"tax", "mari", "a\x00b", now, now.Add(time.Hour), []string{"who and why"}},
		"in a far future": {"tax", "mari", "x", now.Add(400 * 24 * time.Hour), now.Add(401 * 24 * time.Hour), []string{"more than a year"}},
	} {
		_, err := outbox.Announce(ctx, pool, c.destination, c.from, c.until, c.by, c.reason)
		for _, want := range c.want {
			if !errors.Is(err, outbox.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
	}
	if err := outbox.Withdraw(ctx, pool, 1, "", ""); !errors.Is(err, outbox.ErrInvalid) {
		t.Error(err)
	}
	if n := scalar[int](t, pool, `select (select count(*) from outbox.downtime) + (select count(*) from outbox.breaker)`); n != 0 {
		t.Errorf("%d rows stored", n)
	}
}
