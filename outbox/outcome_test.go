package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// answering answers each attempt with the next of the given outcomes, and with delivered when they are used up.
func answering(outcomes ...outbox.Outcome) *recorder {
	var n atomic.Int64
	return &recorder{answer: func(context.Context, outbox.Delivery) outbox.Outcome {
		if i := int(n.Add(1)); i <= len(outcomes) {
			return outcomes[i-1]
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
}

func times(n int, o outbox.Outcome) []outbox.Outcome {
	out := make([]outbox.Outcome, n)
	for i := range out {
		out[i] = o
	}
	return out
}

func TestOutcomesDecideWhatBecomesOfAMessage(t *testing.T) {
	t.Parallel()
	fail := outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy"}
	unknown := outbox.Outcome{Result: outbox.ResultUnknown, Reason: "timeout"}
	for name, c := range map[string]struct {
		outcomes []outbox.Outcome
		policy   outbox.Policy
		state    outbox.State
		attempt  int
		sends    int
		reason   string
	}{
		"delivered":                      {nil, outbox.Policy{}, outbox.Delivered, 1, 1, ""},
		"retried":                        {times(3, fail), outbox.Policy{}, outbox.Delivered, 4, 4, ""},
		"retried until none is left":     {times(3, fail), outbox.Policy{MaxAttempts: 3}, outbox.Dead, 3, 3, "busy"},
		"refused at once":                {[]outbox.Outcome{{Result: outbox.ResultRefused, Reason: "no_rights"}}, outbox.Policy{Idempotent: true}, outbox.Dead, 1, 1, "no_rights"},
		"dead at once":                   {[]outbox.Outcome{{Result: outbox.ResultDead, Reason: "bad"}}, outbox.Policy{Idempotent: true}, outbox.Dead, 1, 1, "bad"},
		"unknown, repeatable":            {times(2, unknown), outbox.Policy{Idempotent: true}, outbox.Delivered, 3, 3, ""},
		"unknown, repeatable, too often": {times(2, unknown), outbox.Policy{Idempotent: true, MaxAttempts: 2}, outbox.Dead, 2, 2, "timeout"},
		"unknown, not repeatable":        {times(1, unknown), outbox.Policy{}, outbox.Dead, 1, 1, "timeout"},
		"no result, not repeatable":      {[]outbox.Outcome{{}}, outbox.Policy{}, outbox.Dead, 1, 1, "invalid_result"},
		"waiting counts no attempt":      {times(5, outbox.Outcome{Result: outbox.ResultWait, Reason: "closed", After: time.Microsecond}), outbox.Policy{MaxAttempts: 1}, outbox.Delivered, 1, 6, ""},
		"reasons are clipped":            {[]outbox.Outcome{{Result: outbox.ResultDead, Reason: "a\x00b\xff" + strings.Repeat("c", 500)}}, outbox.Policy{}, outbox.Dead, 1, 1, "ab" + strings.Repeat("c", 198)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			sender := answering(c.outcomes...)
			r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: c.policy})
			publish(t, pool, message("tax", "l", "k"))
			eventually(t, "settled", func() bool { return row(t, pool, "k").State != outbox.Ready })
			r.stop(t)
			m := row(t, pool, "k")
			if m.State != c.state || m.Attempt != c.attempt || m.Reason != c.reason || sender.count() != c.sends {
				t.Errorf("%s after %d attempts, %d sends, reason %q; want %s, %d, %d, %q",
					m.State, m.Attempt, sender.count(), m.Reason, c.state, c.attempt, c.sends, c.reason)
			}
			if n := scalar[int](t, pool, `select count(*) from outbox.attempt`); n != c.sends {
				t.Errorf("%d attempts recorded for %d sends", n, c.sends)
			}
			consistent(t, pool)
		})
	}
}

func TestAPanicOfASenderIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == "poison" {
			panic("of " + string(d.Payload))
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
	publish(t, pool, message("tax", "l", "poison"), message("tax", "m", "fine"))
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{Idempotent: true, MaxAttempts: 3}})
	eventually(t, "the poison is dead, the other one delivered", func() bool {
		return row(t, pool, "poison").State == outbox.Dead && row(t, pool, "fine").State == outbox.Delivered
	})
	if m := row(t, pool, "poison"); m.Attempt != 3 || m.Reason != "panic" {
		t.Errorf("%+v", m)
	}
}

func TestApplyCommitsWithTheOutcome(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	exec(t, pool, `create table effect (attempt int)`)
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		o := outbox.Outcome{Result: outbox.ResultDelivered}
		if d.Attempt == 1 {
			o = outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy"}
		}
		o.Apply = func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `insert into effect values ($1)`, d.Attempt); err != nil {
				return err
			}
			return outbox.Publish(ctx, tx, message("tax", d.Lane, fmt.Sprintf("next%d", d.Attempt))) // in its own lane, too
		}
		if d.Key != "k" {
			o = outbox.Outcome{Result: outbox.ResultDelivered}
		}
		return o
	}}
	publish(t, pool, message("tax", "l", "k"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	r.stop(t)
	if got := scalar[[]int32](t, pool, `select array_agg(attempt order by attempt) from effect`); !cmp.Equal(got, []int32{1, 2}) {
		t.Errorf("effects %v", got)
	}
	if diff := cmp.Diff([]string{"k", "k", "next1", "next2"}, sender.keys()); diff != "" {
		t.Error(diff)
	}
	consistent(t, pool)
}

func TestAFailedApplyStoresNothingAndIsRetried(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"error": func(context.Context, pgx.Tx) error { return errors.New("no") },
		"panic": func(context.Context, pgx.Tx) error { panic("no") },
		"statement that fails": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `select 1/0`)
			return err
		},
		"swallowed error": func(ctx context.Context, tx pgx.Tx) error {
			_, _ = tx.Exec(ctx, `select 1/0`)
			return nil
		},
		"constraint at commit": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into effect values (0), (0)`)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			exec(t, pool, `create table effect (attempt int, unique (attempt) deferrable initially deferred)`)
			sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
				return outbox.Outcome{Result: outbox.ResultDelivered, Apply: func(ctx context.Context, tx pgx.Tx) error {
					if _, err := tx.Exec(ctx, `insert into effect values ($1)`, d.Attempt); err != nil {
						return err
					}
					if d.Attempt <= 2 {
						return broken(ctx, tx)
					}
					return nil
				}}
			}}
			publish(t, pool, message("tax", "l", "k"))
			r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{Idempotent: true}})
			eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
			r.stop(t)
			if got := scalar[[]int32](t, pool, `select array_agg(attempt) from effect`); !cmp.Equal(got, []int32{3}) {
				t.Errorf("effects %v", got)
			}
			if n := scalar[int](t, pool, `select count(*) from outbox.attempt where reason = 'apply' and result = 'unknown'`); n != 2 {
				t.Errorf("%d attempts with the reason apply", n)
			}
			consistent(t, pool)
		})
	}
}

// A receiver that cannot recognise a repeated message is not sent one that it has, only because we could not note it.
func TestAFailedApplyAfterDeliveryIsForAPersonWhereRepeatingHasEffects(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender := answering(outbox.Outcome{Result: outbox.ResultDelivered, Apply: func(context.Context, pgx.Tx) error { return errors.New("no") }})
	publish(t, pool, message("tax", "l", "k"))
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "dead", func() bool { return row(t, pool, "k").State == outbox.Dead })
	if m := row(t, pool, "k"); m.Reason != "apply" || sender.count() != 1 {
		t.Errorf("%d sends, %+v", sender.count(), m)
	}
}

// The victim of a deadlock is recorded again, not sent again.
func TestADeadlockInApplyIsRecordedAgainWithoutSending(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	var applied atomic.Int64
	sender := answering(outbox.Outcome{Result: outbox.ResultDelivered, Apply: func(ctx context.Context, tx pgx.Tx) error {
		if applied.Add(1) > 2 {
			return nil
		}
		_, err := tx.Exec(ctx, `do $$ begin raise exception 'victim' using errcode = '40P01'; end $$`)
		return err
	}})
	publish(t, pool, message("tax", "l", "k"))
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
	if sender.count() != 1 || applied.Load() != 3 {
		t.Errorf("%d sends, %d applied", sender.count(), applied.Load())
	}
}
