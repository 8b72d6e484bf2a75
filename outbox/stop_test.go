package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// Stop means stop: what waits to be tried again is cancelled and counted, and nothing is sent twice until a person has said
// what becomes of it.
func TestStopMeansStop(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		old       outbox.Old
		delivered int64
		dead      int64
	}{{outbox.OldRetry, 6, 0}, {outbox.OldKeep, 1, 5}, {outbox.OldDiscard, 1, 0}} {
		t.Run(string(c.old), func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			ctx := testContext(t)
			sender := &recorder{}
			up := make(chan struct{})
			sender.answer = func(context.Context, outbox.Delivery) outbox.Outcome {
				select {
				case <-up:
					return outbox.Outcome{Result: outbox.ResultDelivered}
				default:
					return outbox.Outcome{Result: outbox.ResultRetry, Reason: "away", After: time.Hour}
				}
			}
			hooked := make(chan int64, 10)
			d := outbox.Destination{Name: "tax", Sender: sender, OnDead: hook(hooked)}
			publishLanes(t, pool, 4)
			var other recorder
			r := run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, d, outbox.Destination{Name: "other", Sender: &other})
			eventually(t, "all tried", func() bool { return sender.count() == 4 && stats(t, pool, "tax").Waiting == 4 })
			if r, err := outbox.RetriesOf(ctx, pool, "tax"); err != nil || r != (outbox.Retries{Waiting: 4}) {
				t.Errorf("%+v, %v", r, err)
			}
			if n, err := outbox.StopRetries(ctx, pool, "tax", "mari", "it doubles"); err != nil || n != 4 {
				t.Fatalf("%d cancelled, %v", n, err)
			}
			eventually(t, "cancelled", func() bool { return stats(t, pool, "tax").Dead == 4 })
			publish(t, pool, message("tax", "new", "new")) // it is sent once
			eventually(t, "the new one too", func() bool { return stats(t, pool, "tax").Dead == 5 })
			if n := sender.count(); n != 5 || len(hooked) != 5 {
				t.Errorf("%d sends, %d hooks", n, len(hooked))
			}
			want := outbox.Retries{OffBy: "mari", OffReason: "it doubles", Cancelled: 5}
			if r, err := outbox.RetriesOf(ctx, pool, "tax"); err != nil || r != want {
				t.Errorf("%+v, %v", r, err)
			}
			s, err := outbox.Show(ctx, pool, row(t, pool, "new").ID)
			if err != nil || s.Reason != "retries_off" || len(s.Attempts) != 1 || s.Attempts[0].Reason != "away" {
				t.Errorf("%+v, %v", s, err)
			}

			if _, err := outbox.StartRetries(ctx, pool, "tax", "mari", "mended", ""); !errors.Is(err, outbox.ErrOld) {
				t.Errorf("%v", err)
			}
			if _, err := outbox.StartRetries(ctx, pool, "tax", "mari", "mended", "forget"); !errors.Is(err, outbox.ErrInvalid) {
				t.Errorf("%v", err)
			}
			if b := breaker(t, pool); b.RetriesOffBy != "mari" {
				t.Errorf("%+v", b)
			}
			close(up)
			items, err := outbox.StartRetries(ctx, pool, "tax", "mari", "mended", c.old)
			if err != nil || c.old != outbox.OldKeep && len(items) != 5 {
				t.Errorf("%+v, %v", items, err)
			}
			publish(t, pool, message("tax", "last", "last"))
			eventually(t, "as said", func() bool { s := stats(t, pool, "tax"); return s.Delivered == c.delivered && s.Dead == c.dead })
			for i := range 10 {
				publish(t, pool, message("other", "l", fmt.Sprint("other", i)))
				eventually(t, "the relay goes on", func() bool { return other.count() == i+1 })
			}
			if n := int64(sender.count()); n != 5+c.delivered {
				t.Errorf("%d sends", n)
			}
			r.stop(t)
			consistent(t, pool)
		})
	}
}

// hook is a Destination.OnDead that tells which message died.
func hook(died chan<- int64) func(context.Context, pgx.Tx, outbox.Delivery, string) error {
	return func(_ context.Context, _ pgx.Tx, d outbox.Delivery, _ string) error {
		died <- d.ID
		return nil
	}
}
