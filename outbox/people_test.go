package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// refusingOnce refuses the messages with the given keys the first time, and delivers everything else.
func refusingOnce(keys ...string) *recorder {
	refused := map[string]*atomic.Bool{}
	for _, k := range keys {
		refused[k] = &atomic.Bool{}
	}
	return &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if f := refused[d.Key]; f != nil && !f.Swap(true) {
			return outbox.Outcome{Result: outbox.ResultRefused, Reason: "refused"}
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
}

func TestADeadMessageBlocksItsLaneUntilAPersonRetriesIt(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender := refusingOnce("b")
	publish(t, pool, message("tax", "l", "a"), message("tax", "l", "b"), message("tax", "l", "c"), message("tax", "m", "free"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "b is dead", func() bool { return stats(t, pool, "tax").Dead == 1 && stats(t, pool, "tax").Delivered == 2 })
	publish(t, pool, message("tax", "l", "d"))
	if s := stats(t, pool, "tax"); s.Blocked != 2 || s.Waiting+s.Ready != 0 {
		t.Errorf("those behind it wait: %+v", s)
	}
	if err := outbox.Retry(testContext(t), pool, row(t, pool, "b").ID, "mari", "rights granted"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 5 })
	r.stop(t)
	var order []string
	for _, k := range sender.keys() {
		if k != "free" {
			order = append(order, k)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "b", "c", "d"}, order); diff != "" {
		t.Error(diff)
	}
	if m := row(t, pool, "b"); m.Attempt != 2 || m.State != outbox.Delivered || m.Reason != "" {
		t.Errorf("%+v", m)
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.intervention where action = 'retry' and by = 'mari' and reason = 'rights granted'`); n != 1 {
		t.Errorf("%d interventions", n)
	}
	consistent(t, pool)
}

func TestADeadMessageIsSkippedByPolicyAndRetriedInItsOldPlace(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender := refusingOnce("a", "c")
	policy := outbox.Policy{OnDead: outbox.Skip}
	publish(t, pool, message("tax", "l", "a"), message("tax", "l", "b"), message("tax", "l", "c"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: policy})
	eventually(t, "a and c are dead", func() bool { return stats(t, pool, "tax").Dead == 2 && stats(t, pool, "tax").Delivered == 1 })
	r.stop(t)
	consistent(t, pool)
	publish(t, pool, message("tax", "l", "d"))
	for _, k := range []string{"c", "a"} {
		if err := outbox.Retry(testContext(t), pool, row(t, pool, k).ID, "mari", "again"); err != nil {
			t.Fatal(err)
		}
	}
	r = run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: policy})
	eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 4 })
	r.stop(t)
	if diff := cmp.Diff([]string{"a", "b", "c", "a", "c", "d"}, sender.keys()); diff != "" {
		t.Error(diff)
	}
	consistent(t, pool)
}

func TestARetriedMessageHasAsManyAttemptsAsANewOne(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	sender := answering(times(5, outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy"})...)
	publish(t, pool, message("tax", "l", "k"))
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{MaxAttempts: 3}})
	eventually(t, "dead", func() bool { return stats(t, pool, "tax").Dead == 1 })
	if err := outbox.Retry(testContext(t), pool, row(t, pool, "k").ID, "mari", "again"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	if m := row(t, pool, "k"); m.Attempt != 6 {
		t.Errorf("%+v", m)
	}
}

func TestADiscardedMessageFreesItsLane(t *testing.T) {
	t.Parallel()
	for _, policy := range []outbox.OnDead{outbox.Block, outbox.Skip} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			sender := refusingOnce("a", "last")
			publish(t, pool, message("tax", "l", "a"), message("tax", "l", "b"), message("tax", "m", "last"))
			r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{OnDead: policy}})
			eventually(t, "dead", func() bool { return stats(t, pool, "tax").Dead == 2 })
			for _, k := range []string{"a", "last"} {
				if err := outbox.Discard(testContext(t), pool, row(t, pool, k).ID, "mari", "sent by post"); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, "b delivered", func() bool { return stats(t, pool, "tax").Delivered == 1 })
			r.stop(t)
			if s := stats(t, pool, "tax"); s.Discarded != 2 || s.Dead != 0 || row(t, pool, "a").State != outbox.Discarded {
				t.Errorf("%+v", s)
			}
			consistent(t, pool)
		})
	}
}

func TestOnlyDeadMessagesAreForPeople(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publish(t, pool, message("tax", "l", "k"))
	id := row(t, pool, "k").ID
	for name, f := range map[string]func(context.Context, outbox.DB, int64, string, string) error{"retry": outbox.Retry, "discard": outbox.Discard} {
		if err := f(ctx, pool, id, "mari", "why"); !errors.Is(err, outbox.ErrNotDead) {
			t.Errorf("%s of a ready message: %v", name, err)
		}
		if err := f(ctx, pool, id+1, "mari", "why"); !errors.Is(err, outbox.ErrNotFound) {
			t.Errorf("%s of no message: %v", name, err)
		}
		if err := f(ctx, pool, id, " ", "why"); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s by nobody: %v", name, err)
		}
		if err := f(ctx, pool, id, "mari", ""); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%s without a reason: %v", name, err)
		}
	}
	consistent(t, pool)
}

func TestTheHookOfTheDeadRunsInTheRecordingTransaction(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	exec(t, pool, `create table problem (key text, attempt int, reason text)`)
	exec(t, pool, `create table applied (key text)`)
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "no_rights", Apply: func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `insert into applied values ($1)`, d.Key)
			return err
		}}
	}}
	var calls atomic.Int64
	hook := func(ctx context.Context, tx pgx.Tx, d outbox.Delivery, reason string) error {
		_, err := tx.Exec(ctx, `insert into problem values ($1, $2, $3)`, d.Key, d.Attempt, reason)
		if calls.Add(1) <= 2 {
			return errors.New("not yet")
		}
		return err
	}
	publish(t, pool, message("tax", "l", "k"), message("tax", "l", "behind"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender, OnDead: hook,
		Policy: outbox.Policy{Base: time.Millisecond, Cap: time.Millisecond}})
	eventually(t, "dead", func() bool { return stats(t, pool, "tax").Dead == 1 })
	r.stop(t)
	if got := scalar[string](t, pool, `select string_agg(key || ' ' || attempt || ' ' || reason, ',') from problem`); got != "k 1 no_rights" {
		t.Errorf("hook stored %q", got)
	}
	if n := scalar[int](t, pool, `select count(*) from applied`); n != 1 {
		t.Errorf("applied %d times", n)
	}
	if m := row(t, pool, "k"); sender.count() != 1 || m.Attempt != 1 || m.Reason != "no_rights" {
		t.Errorf("%d sends, %+v", sender.count(), m)
	}
	consistent(t, pool)
}

func TestListPagesAndFiltersWithoutPayload(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	sender := refusingOnce("dead")
	publish(t, pool, message("tax", "1", "delivered"), message("tax", "2", "dead"), message("labour", "1", "ready"))
	run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "settled", func() bool { s := stats(t, pool, "tax"); return s.Dead+s.Delivered == 2 })
	for name, c := range map[string]struct {
		filter outbox.Filter
		want   []string
	}{
		"all":         {outbox.Filter{}, []string{"ready", "dead", "delivered"}},
		"first page":  {outbox.Filter{Limit: 2}, []string{"ready", "dead"}},
		"next page":   {outbox.Filter{Limit: 2, Before: row(t, pool, "dead").ID}, []string{"delivered"}},
		"ready":       {outbox.Filter{State: outbox.Ready}, []string{"ready"}},
		"dead":        {outbox.Filter{State: outbox.Dead}, []string{"dead"}},
		"delivered":   {outbox.Filter{State: outbox.Delivered}, []string{"delivered"}},
		"discarded":   {outbox.Filter{State: outbox.Discarded}, nil},
		"destination": {outbox.Filter{Destination: "labour"}, []string{"ready"}},
	} {
		list, err := outbox.List(ctx, pool, c.filter)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var got []string
		for _, m := range list {
			got = append(got, m.Key)
			if m.Published.IsZero() || m.Due.IsZero() != (m.State != outbox.Ready) || m.Settled.IsZero() != (m.State == outbox.Ready) {
				t.Errorf("%s: times of %+v", name, m)
			}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if _, err := outbox.List(ctx, pool, outbox.Filter{State: "x' or true"}); !errors.Is(err, outbox.ErrInvalid) {
		t.Errorf("unknown state: %v", err)
	}
}

func TestPruneDeletesOnlyWhatIsOver(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publish(t, pool, message("tax", "1", "delivered"), message("tax", "2", "dead"), message("labour", "1", "ready"))
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: refusingOnce("dead")})
	eventually(t, "settled", func() bool { s := stats(t, pool, "tax"); return s.Dead+s.Delivered == 2 })
	r.stop(t)
	for _, c := range []struct {
		before time.Time
		want   int
	}{{time.Now().Add(-time.Hour), 0}, {time.Now().Add(time.Hour), 1}} {
		n, err := outbox.Prune(ctx, pool, c.before, 100)
		if err != nil || n != c.want {
			t.Errorf("pruned %d, %v; want %d", n, err, c.want)
		}
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.attempt a where not exists (select from outbox.message m where m.id = a.message)`); n != 0 {
		t.Errorf("%d attempts of nothing left", n)
	}
	if s := stats(t, pool, "tax"); s.Delivered != 1 {
		t.Errorf("counts stay: %+v", s)
	}
	consistent(t, pool)
}
