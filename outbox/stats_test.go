package outbox_test

import (
	"context"
	"testing"
	"time"

	"ristmik/outbox"
)

// What waits behind a dead head is blocked, whatever the breaker does; the breaker holds only what could go without it.
func TestStatsTellBlockedFromParked(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == "a" {
			return outbox.Outcome{Result: outbox.ResultRefused, Reason: "refused"}
		}
		return down
	}}
	late := message("tax", "l", "late")
	late.Delay = time.Hour
	publish(t, pool, message("tax", "l", "a"), message("tax", "l", "b"), late)
	r := run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, tax(sender))
	eventually(t, "a is dead", func() bool { return stats(t, pool, "tax").Dead == 1 })
	want := func(when string, blocked, parked, dead int64, due bool) {
		t.Helper()
		s := stats(t, pool, "tax")
		if s.Blocked != blocked || s.Parked != parked || s.Dead != dead || s.Ready+s.Sending+s.Waiting != 0 || s.NextDue.IsZero() == due {
			t.Errorf("%s: %+v", when, s)
		}
	}
	want("closed", 2, 0, 1, false)
	publishLanes(t, pool, 3)
	eventually(t, "open", func() bool { return breaker(t, pool).State == "open" })
	r.stop(t)
	want("open", 2, 3, 1, true)
	letProbe(t, pool)
	want("open, and a probe may come", 2, 3, 1, true)
	if err := outbox.Retry(testContext(t), pool, row(t, pool, "a").ID, "mari", "again"); err != nil {
		t.Fatal(err)
	}
	want("retried", 0, 6, 0, true)
	consistent(t, pool)
}

// While the head that was dead is being sent again, nothing is blocked.
func TestStatsOfALaneThatIsClaimedAreNotBlocked(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	refused, begun, end := false, make(chan struct{}), make(chan struct{})
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == "a" && !refused {
			refused = true // the lane is sent in order
			return outbox.Outcome{Result: outbox.ResultRefused, Reason: "refused"}
		}
		if d.Key == "a" {
			close(begun)
			<-end
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
	publish(t, pool, message("tax", "l", "a"), message("tax", "l", "b"))
	run(t, pool, outbox.Options{}, tax(sender))
	eventually(t, "a is dead", func() bool { return stats(t, pool, "tax").Dead == 1 })
	if err := outbox.Retry(testContext(t), pool, row(t, pool, "a").ID, "mari", "again"); err != nil {
		t.Fatal(err)
	}
	select {
	case <-begun:
	case <-time.After(patience):
		t.Fatal("a was not sent again")
	}
	if s := stats(t, pool, "tax"); s.Sending != 1 || s.Ready != 1 || s.Blocked+s.Dead != 0 {
		t.Errorf("%+v", s)
	}
	close(end)
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
}

// A dead message that its policy skips blocks nothing.
func TestStatsOfASkippedMessageAreNotBlocked(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publish(t, pool, message("tax", "l", "a"))
	d := outbox.Destination{Name: "tax", Sender: refusingOnce("a"), Policy: outbox.Policy{OnDead: outbox.Skip}}
	r := run(t, pool, outbox.Options{}, d)
	eventually(t, "a is dead", func() bool { return stats(t, pool, "tax").Dead == 1 })
	r.stop(t)
	publish(t, pool, message("tax", "l", "b"))
	if s := stats(t, pool, "tax"); s.Blocked != 0 || s.Ready != 1 {
		t.Errorf("%+v", s)
	}
}
