package outbox_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// A partner that fails every other message changes its breaker six times at most in the time that is to be calm, however
// short the openings.
func TestABreakerDoesNotFlap(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	publishLanes(t, pool, 500)
	n := 0
	sender := outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		if n++; n%4 < 2 { // one at a time is sent
			return down
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	})
	const calm = 2 * time.Second
	d := tax(sender)
	d.Policy.Breaker = outbox.BreakerPolicy{Failures: 2, OpenFor: time.Millisecond, MaxOpen: time.Millisecond, Calm: calm}
	run(t, pool, outbox.Options{Poll: 5 * time.Millisecond}, d)
	var at []time.Time
	eventually(t, "many changes", func() bool {
		rows, _ := pool.Query(testContext(t), `select at from outbox.breaker_change order by id`)
		var err error
		at, err = pgx.CollectRows(rows, pgx.RowTo[time.Time])
		return err == nil && len(at) >= 14
	})
	for i := range len(at) - 6 {
		if took := at[i+6].Sub(at[i]); took < calm-time.Millisecond {
			t.Errorf("seven changes in %s: %s", took, fmt.Sprint(at[i:i+7]))
		}
	}
}

// A breaker that opens again soon after it has closed stays open for longer; after a long good time it begins anew.
func TestOpeningsThatFollowOneAnotherGrow(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	exec(t, pool, `insert into outbox.breaker (destination, open_count) values ('tax', 2)`)
	publishLanes(t, pool, 3)
	sender, _ := switched()
	r := run(t, pool, outbox.Options{}, tax(sender))
	eventually(t, "open", func() bool { return breaker(t, pool).State == "open" })
	if b := breaker(t, pool); b.Openings != 3 || b.OpenUntil.Sub(b.Since) < 2*time.Hour {
		t.Errorf("%+v", b)
	}
	r.stop(t)
	exec(t, pool, `update outbox.breaker set state = 'closed', since = now() - interval '4 h', open_until = null, generation = generation + 1`)
	publishLanes(t, pool, 6)
	run(t, pool, outbox.Options{}, tax(sender))
	eventually(t, "open", func() bool { return breaker(t, pool).State == "open" })
	if b := breaker(t, pool); b.Openings != 1 || b.OpenUntil.Sub(b.Since) > 73*time.Minute {
		t.Errorf("%+v", b)
	}
}
