package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// refusing refuses everything, in a lane of its own each, until all are dead.
func refusing(t *testing.T, pool *pgxpool.Pool, msgs ...outbox.Message) {
	t.Helper()
	publish(t, pool, msgs...)
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Policy: outbox.Policy{OnDead: outbox.Skip}, Sender: &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "fix_data " + d.Kind}
	}}})
	eventually(t, "all dead", func() bool { s := stats(t, pool, "tax"); return s.Ready+s.Sending+s.Waiting == 0 })
	r.stop(t)
}

func decide(t *testing.T, pool *pgxpool.Pool, d outbox.Decision) outbox.Bulk {
	t.Helper()
	d.By, d.Reason = "mari", "their data is mended"
	b, err := outbox.Decide(testContext(t), pool, d)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// carried works on a job until it is over.
func carried(t *testing.T, pool *pgxpool.Pool, id int64) outbox.Bulk {
	t.Helper()
	b, err := outbox.CarryOn(testContext(t), pool, id, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// results are what became of the messages of a job, by key.
func results(t *testing.T, pool *pgxpool.Pool, id int64) map[string]string {
	t.Helper()
	out := map[string]string{}
	for after := int64(0); ; {
		items, err := outbox.BulkItems(testContext(t), pool, id, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range items {
			after = i.Message
			key := scalar[string](t, pool, `select coalesce((select key from outbox.message where id = $1), 'nothing')`, i.Message)
			out[key] = i.Result + i.Error
			if i.At.IsZero() != (i.Result == "") {
				t.Errorf("%+v", i)
			}
		}
		if len(items) < 2 {
			return out
		}
	}
}

func TestABulkJobActsOnWhatWasSelected(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	other := message("tax", "o", "other")
	other.Kind = "other"
	refusing(t, pool, message("tax", "l", "a"), message("tax", "l", "b"), message("tax", "m", "c"), message("tax", "m", "d"), message("tax", "n", "e"), other)
	want := outbox.Selection{Destination: "tax", Kind: "test", Because: "fix_data"}
	if n, err := outbox.CountDead(ctx, pool, want); n != 5 || err != nil {
		t.Errorf("%d selected, %v", n, err)
	}
	for s, n := range map[*outbox.Selection]int64{{Because: "fix"}: 0, {Because: "fix_data other"}: 1, {Destination: "labour"}: 0, {}: 6, {IDs: []int64{row(t, pool, "a").ID, 12345}}: 1} {
		if got, err := outbox.CountDead(ctx, pool, *s); got != n || err != nil {
			t.Errorf("%+v: %d selected, %v", s, got, err)
		}
	}
	b := decide(t, pool, outbox.Decision{Selection: want, Action: outbox.BulkRetry})
	if b.Total != 5 || b.State != outbox.BulkRunning || b.Left() != 5 {
		t.Errorf("%+v", b)
	}
	if err := outbox.PauseBulk(ctx, pool, b.ID, "mari", "a moment"); err != nil {
		t.Fatal(err)
	}
	// Meanwhile one is decided about by hand, one has died again, and one more has died.
	if err := outbox.Discard(ctx, pool, row(t, pool, "c").ID, "jaan", "by post"); err != nil {
		t.Fatal(err)
	}
	if err := outbox.Retry(ctx, pool, row(t, pool, "d").ID, "jaan", "again"); err != nil {
		t.Fatal(err)
	}
	refusing(t, pool, message("tax", "p", "later"))
	if err := outbox.ResumeBulk(ctx, pool, b.ID, "mari", "go on"); err != nil {
		t.Fatal(err)
	}
	if b = carried(t, pool, b.ID); b.State != outbox.BulkDone || b.Done != 3 || b.Failed != 2 || b.Left() != 0 || b.Ended.IsZero() {
		t.Errorf("%+v", b)
	}
	if diff := cmp.Diff(map[string]string{"a": "done", "b": "done", "c": "failedit is not dead any more", "d": "failedit has been sent since, and died again", "e": "done"}, results(t, pool, b.ID)); diff != "" {
		t.Error(diff)
	}
	sender := &recorder{}
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "delivered", func() bool { return stats(t, pool, "tax").Delivered == 3 })
	r.stop(t)
	got := sender.keys()
	if slices.Index(got, "a") > slices.Index(got, "b") || len(got) != 3 {
		t.Errorf("the order of the lane is lost: %v", got)
	}
	if s := stats(t, pool, "tax"); s.Dead != 3 || s.Discarded != 1 {
		t.Errorf("%+v", s)
	}
	consistent(t, pool)
}

// Relays carry a job out by themselves, at its rate all together; each message once.
func TestRelaysCarryABulkJobOutAtItsRate(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	const n, rate = 60, 100
	var msgs []outbox.Message
	for i := range n {
		msgs = append(msgs, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
	}
	refusing(t, pool, msgs...)
	b := decide(t, pool, outbox.Decision{Action: outbox.BulkDiscard, Rate: rate})
	for i := range 3 {
		run(t, pool, outbox.Options{Owner: fmt.Sprint("relay-", i), Poll: 10 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	}
	eventually(t, "done", func() bool {
		var err error
		b, err = outbox.BulkOf(testContext(t), pool, b.ID)
		return err == nil && b.State == outbox.BulkDone
	})
	if b.Done != n || b.Failed != 0 {
		t.Errorf("%+v", b)
	}
	// No second has more than the rate and what is made up for at once.
	if got := scalar[int](t, pool, `
select max(c) from (select count(*) over (order by at range between current row and interval '0.2 s' following) as c from outbox.bulk_item) w`); got > rate/5+rate/10+2 {
		t.Errorf("%d in a fifth of a second", got)
	}
	if got := scalar[int](t, pool, `select count(*) from outbox.intervention`); got != n {
		t.Errorf("%d interventions", got)
	}
}

func TestABulkJobIsPausedResumedAndStopped(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	const n = 70
	var msgs []outbox.Message
	for i := range n {
		msgs = append(msgs, message("tax", fmt.Sprint(i), fmt.Sprint(i)))
	}
	refusing(t, pool, msgs...)
	b := decide(t, pool, outbox.Decision{Selection: outbox.Selection{Destination: "tax"}, Action: outbox.BulkRetry})
	for name, err := range map[string]error{
		"no reason":     outbox.PauseBulk(ctx, pool, b.ID, "mari", " "),
		"no author":     outbox.StopBulk(ctx, pool, b.ID, "", "why"),
		"not stored":    outbox.StopBulk(ctx, pool, b.ID, "mari", "a\x00b"),
		"not paused":    outbox.ResumeBulk(ctx, pool, b.ID, "mari", "why"),
		"no such job":   outbox.PauseBulk(ctx, pool, 12345, "mari", "why"),
		"looking at it": func() error { _, err := outbox.BulkOf(ctx, pool, 12345); return err }(),
	} {
		want := map[string]error{"not paused": outbox.ErrBulkState, "no such job": outbox.ErrNoBulk, "looking at it": outbox.ErrNoBulk}[name]
		if want == nil {
			want = outbox.ErrInvalid
		}
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// It is paused after its first step, and nothing more is done until it is resumed.
	paused, stop := context.WithCancel(ctx)
	var once sync.Once
	at, err := outbox.CarryOn(paused, pool, b.ID, func(b outbox.Bulk) {
		once.Do(func() {
			if err := outbox.PauseBulk(ctx, pool, b.ID, "mari", "look first"); err != nil {
				t.Error(err)
			}
		})
		if b.State == outbox.BulkPaused {
			stop()
		}
	})
	if !errors.Is(err, context.Canceled) || at.State != outbox.BulkPaused || at.Done == 0 || at.Left() == 0 {
		t.Fatalf("%+v, %v", at, err)
	}
	run(t, pool, outbox.Options{Poll: time.Millisecond}, outbox.Destination{Name: "tax", Sender: &recorder{}})
	eventually(t, "what was retried is delivered", func() bool { return stats(t, pool, "tax").Delivered == at.Done })
	if now, err := outbox.BulkOf(ctx, pool, b.ID); err != nil || now.Done != at.Done || now.ChangedBy != "mari" || now.ChangedReason != "look first" || now.Changed.IsZero() {
		t.Errorf("%+v, %v", now, err)
	}
	if err := outbox.StopBulk(ctx, pool, b.ID, "mari", "enough"); err != nil {
		t.Fatal(err)
	}
	if err := outbox.ResumeBulk(ctx, pool, b.ID, "mari", "no"); !errors.Is(err, outbox.ErrBulkState) {
		t.Errorf("a stopped job goes on: %v", err)
	}
	if now := carried(t, pool, b.ID); now.State != outbox.BulkStopped || now.Left() != n-at.Done || now.Ended.IsZero() {
		t.Errorf("%+v", now)
	}
	rest := decide(t, pool, outbox.Decision{Action: outbox.BulkRetry})
	if err := outbox.PauseBulk(ctx, pool, rest.ID, "mari", "a moment"); err == nil {
		if err := outbox.ResumeBulk(ctx, pool, rest.ID, "mari", "now"); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "all is delivered", func() bool { return stats(t, pool, "tax").Delivered == n })
	list, err := outbox.Bulks(ctx, pool, 10)
	if err != nil || len(list) != 2 || list[0].ID != rest.ID || list[1].State != outbox.BulkStopped {
		t.Errorf("%+v, %v", list, err)
	}
	for before, want := range map[time.Time]int{time.Now().Add(-time.Hour): 0, time.Now().Add(time.Hour): 2} {
		if want == 2 {
			eventually(t, "over", func() bool { b, err := outbox.BulkOf(ctx, pool, rest.ID); return err == nil && b.Over() })
		}
		if n, err := outbox.PruneBulks(ctx, pool, before, 10); err != nil || n > want {
			t.Errorf("%d pruned, %v", n, err)
		}
	}
	if n := scalar[int](t, pool, `select count(*) from outbox.bulk_item`); n != 0 {
		t.Errorf("%d items of nothing left", n)
	}
}

func TestABulkJobNamesEveryFaultAndStoresNothing(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	refusing(t, pool, message("tax", "l", "a"))
	_, err := outbox.Decide(ctx, pool, outbox.Decision{Action: "send", Rate: -1, Selection: outbox.Selection{IDs: []int64{1}, Kind: "k"}})
	for _, want := range []string{"action", "who and why", "rate", "selection"} {
		if !errors.Is(err, outbox.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name the %s", err, want)
		}
	}
	two := int64(2)
	if _, err := outbox.Decide(ctx, pool, outbox.Decision{Action: outbox.BulkRetry, By: "mari", Reason: "why", Expected: &two}); !errors.Is(err, outbox.ErrOtherCount) {
		t.Errorf("another count: %v", err)
	}
	if n := scalar[int](t, pool, `select (select count(*) from outbox.bulk) + (select count(*) from outbox.bulk_item)`); n != 0 {
		t.Errorf("%d rows", n)
	}
	named := decide(t, pool, outbox.Decision{Action: outbox.BulkDiscard, Selection: outbox.Selection{IDs: []int64{12345, row(t, pool, "a").ID, 12345}}})
	if named = carried(t, pool, named.ID); !named.Named || named.Done != 1 || named.Failed != 1 {
		t.Errorf("%+v", named)
	}
	if diff := cmp.Diff(map[string]string{"a": "done", "nothing": "failedmessage not found"}, results(t, pool, named.ID)); diff != "" {
		t.Error(diff)
	}
	none := decide(t, pool, outbox.Decision{Action: outbox.BulkRetry})
	if diff := cmp.Diff(outbox.Bulk{ID: none.ID, Action: outbox.BulkRetry, By: "mari", Reason: "their data is mended", State: outbox.BulkDone}, none, cmpopts.IgnoreFields(outbox.Bulk{}, "Created", "Ended")); diff != "" || none.Ended.IsZero() {
		t.Errorf("%s %v", diff, none.Ended)
	}
}

// A step that the database cuts off has done nothing, and the next one does it; a message that cannot be acted upon does not
// keep the others from it.
func TestABulkStepIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	refusing(t, pool, message("tax", "l", "a"), message("tax", "m", "b"), message("tax", "n", "c"))
	b := decide(t, pool, outbox.Decision{Action: outbox.BulkDiscard})
	bad := row(t, pool, "b").ID
	exec(t, pool, fmt.Sprintf(`alter table outbox.intervention add constraint bad check (message <> %d)`, bad))
	// Somebody holds the lane of the last one: the step waits, and is cut off.
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `insert into outbox.lane (destination, key, ready_at) values ('tax', 'n', now())`); err != nil {
			return err
		}
		cut, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if _, err := outbox.CarryOn(cut, pool, b.ID, nil); err == nil {
			t.Error("it did not wait")
		}
		return errors.New("rolled back")
	})
	if now, err2 := outbox.BulkOf(ctx, pool, b.ID); err == nil || err2 != nil || now.Done+now.Failed != 0 {
		t.Errorf("%+v, %v, %v", now, err, err2)
	}
	if s := stats(t, pool, "tax"); s.Dead != 3 {
		t.Errorf("%+v", s)
	}
	if b = carried(t, pool, b.ID); b.Done != 2 || b.Failed != 1 {
		t.Errorf("%+v", b)
	}
	if diff := cmp.Diff(map[string]string{"a": "done", "b": "failedthe database refused it: 23514", "c": "done"}, results(t, pool, b.ID)); diff != "" {
		t.Error(diff)
	}
	if s := stats(t, pool, "tax"); s.Dead != 1 || s.Discarded != 2 {
		t.Errorf("%+v", s)
	}
	consistent(t, pool)
}
