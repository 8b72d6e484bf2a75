package outbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"ristmik/outbox"
)

// A pause holds all of a destination, in every process, and counts nothing; what was published meanwhile is sent when it
// ends, in order.
func TestAPausedDestinationIsLeftAlone(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	if err := outbox.Pause(ctx, pool, "tax", "mari", "their upgrade", 0); err != nil {
		t.Fatal(err)
	}
	publish(t, pool, message("tax", "l", "1"), message("tax", "l", "2"), message("other", "l", "3"))
	var sender recorder
	for _, owner := range []string{"one", "two"} {
		run(t, pool, outbox.Options{Owner: owner, Poll: 5 * time.Millisecond},
			outbox.Destination{Name: "tax", Sender: &sender}, outbox.Destination{Name: "other", Sender: &sender})
	}
	eventually(t, "the other is delivered", func() bool { return stats(t, pool, "other").Delivered == 1 })
	list, err := outbox.Breakers(ctx, pool)
	if err != nil || len(list) != 2 || list[1].HeldBy != "mari" || list[1].HeldReason != "their upgrade" || list[0].HeldBy != "" {
		t.Errorf("%+v, %v", list, err)
	}
	if m := row(t, pool, "1"); m.Attempt != 0 || m.State != outbox.Ready {
		t.Errorf("%+v", m)
	}
	if err := outbox.Unpause(ctx, pool, "tax", "mari", "they are back"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
	if got := fmt.Sprint(sender.keys()); got != "[3 1 2]" {
		t.Errorf("sent %s", got)
	}
	got := scalar[string](t, pool, `select string_agg(action || ' ' || by || ' ' || reason, ', ' order by id) from outbox.control`)
	if got != "pause mari their upgrade, resume mari they are back" {
		t.Errorf("kept: %s", got)
	}
}

// A pause with an end ends by itself.
func TestAPauseEndsByItself(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	if err := outbox.Pause(testContext(t), pool, "tax", "mari", "short", 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	publish(t, pool, message("tax", "l", "1"))
	run(t, pool, outbox.Options{Poll: time.Hour}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	if age := scalar[float64](t, pool, `select extract(epoch from a.started_at - c.at)::float8 from outbox.attempt a, outbox.control c`); age < 0.3 {
		t.Errorf("sent %.3f s after the pause began", age)
	}
}

// A person opens and closes a breaker as failures and probes do, and is named in its history.
func TestABreakerIsTrippedAndResetByAPerson(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	if err := outbox.Trip(ctx, pool, "tax", "mari", "wrong answers", time.Hour); err != nil {
		t.Fatal(err)
	}
	publish(t, pool, message("tax", "l", "1"), message("other", "l", "2"))
	var sender recorder
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender}, outbox.Destination{Name: "other", Sender: &sender})
	eventually(t, "the other is delivered", func() bool { return stats(t, pool, "other").Delivered == 1 })
	if s := stats(t, pool, "tax"); s.Parked != 1 {
		t.Errorf("%+v", s)
	}
	if err := outbox.Reset(ctx, pool, "tax", "jüri", "mended"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	list, err := outbox.BreakerHistory(ctx, pool, 10)
	if err != nil || len(list) != 2 || list[0].State != "closed" || list[0].By != "jüri" || list[1].State != "open" || list[1].Reason != "wrong answers" {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestControlsNeedWhoWhyAndHowLong(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	for name, err := range map[string]error{
		"nobody":          outbox.Pause(ctx, pool, "tax", " ", "why", 0),
		"no reason":       outbox.Unpause(ctx, pool, "tax", "mari", ""),
		"no destination":  outbox.Reset(ctx, pool, "", "mari", "why"),
		"a trip for ever": outbox.Trip(ctx, pool, "tax", "mari", "why", 0),
		"a time before":   outbox.Pause(ctx, pool, "tax", "mari", "why", -time.Second),
	} {
		if !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.breaker`); n != 0 {
		t.Errorf("%d rows stored", n)
	}
}

// A message that is of no use any more is not sent; a person may send it all the same.
func TestAnExpiredMessageIsDeadUnsent(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	late, behind := message("tax", "l", "late"), message("tax", "l", "behind")
	late.Expires = time.Millisecond
	behind.Expires = time.Hour
	publish(t, pool, late, behind)
	eventually(t, "expired", func() bool { return scalar[bool](t, pool, `select bool_or(expires_at < now()) from outbox.message`) })
	var sender recorder
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: &sender, Policy: outbox.Policy{OnDead: outbox.Skip}})
	eventually(t, "the one behind is delivered", func() bool { return row(t, pool, "behind").State == outbox.Delivered })
	if m := row(t, pool, "late"); m.State != outbox.Dead || m.Reason != "expired" || m.Attempt != 0 || sender.count() != 1 {
		t.Errorf("%+v after %d sends", m, sender.count())
	}
	if err := outbox.Retry(testContext(t), pool, row(t, pool, "late").ID, "mari", "they ask for it"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "sent all the same", func() bool { return row(t, pool, "late").State == outbox.Delivered })
}

// Bulk messages wait for the others of their destination, and are not starved by them.
func TestBulkMessagesWaitForTheOthersAndGoOn(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var msgs []outbox.Message
	for i := range 100 {
		m := message("tax", fmt.Sprint("bulk", i), fmt.Sprint("bulk", i))
		m.Bulk = true
		msgs = append(msgs, m)
	}
	for i := range 100 {
		msgs = append(msgs, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
	}
	publish(t, pool, msgs...)
	var sender recorder
	run(t, pool, outbox.Options{Workers: 1}, outbox.Destination{Name: "tax", Sender: &sender, Policy: outbox.Policy{MaxInFlight: 1}})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 200 })
	bulk := 0
	for _, key := range sender.keys()[:100] {
		if len(key) > 4 {
			bulk++
		}
	}
	if bulk < 5 || bulk > 20 {
		t.Errorf("%d of the first hundred sent were bulk, want about a tenth", bulk)
	}
}
