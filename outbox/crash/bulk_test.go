package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// Processes that carry a bulk job out are killed at every point of its steps. The job goes on where it was: each message is
// acted upon once, all that are retried take effect once and in the order of their lanes.
func TestBulkJobsSurviveKills(t *testing.T) {
	f := newFleet(t)
	var dying atomic.Bool
	f.receiver.hold = func(context.Context, string, string) int {
		if dying.Load() {
			return http.StatusConflict
		}
		return 0
	}
	dead := func() (n int64) {
		if err := f.pool.QueryRow(t.Context(), `select count(*) from outbox.dead`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	messages := provetest.Count(1000, 10_000)
	die := func(prefix, action string) outbox.Bulk {
		dying.Store(true)
		var msgs []outbox.Message
		for i := range messages {
			msgs = append(msgs, message(fmt.Sprint(prefix, "-", i%20), fmt.Sprintf("%s-%d", prefix, i)))
		}
		f.publish(msgs...)
		p := f.spawn(task{})
		f.eventually("all are dead", func() bool { return dead() == int64(messages) })
		f.terminate(p)
		dying.Store(false)
		b, err := outbox.Decide(t.Context(), f.pool, outbox.Decision{Action: action, By: "mari", Reason: "mended"})
		if err != nil || b.Total != int64(messages) {
			t.Fatalf("%+v, %v", b, err)
		}
		return b
	}
	over := func(b outbox.Bulk) outbox.Bulk {
		f.eventually("the job is done", func() bool {
			var err error
			b, err = outbox.BulkOf(t.Context(), f.pool, b.ID)
			return err == nil && b.State == outbox.BulkDone
		})
		return b
	}
	first := die("first", outbox.BulkDiscard)
	p := f.spawn(task{Tell: true})
	first = over(first)
	if first.Done != int64(messages) {
		t.Errorf("%+v", first)
	}
	f.terminate(p)
	if _, err := f.pool.Exec(t.Context(), `delete from outbox.message where state = 'discarded'`); err != nil { // they are not judged
		t.Fatal(err)
	}
	var points []string
	for _, point := range f.receiver.known() {
		for _, part := range []string{"outbox.bulk", "from outbox.dead", "savepoint sp_1", "savepoint sp_13"} {
			if strings.HasSuffix(point, part) || strings.Contains(point, part+" ") || strings.Contains(point, part+"_item") {
				points = append(points, point)
				break
			}
		}
	}
	if len(points) < 16 {
		t.Fatalf("only %q", points)
	}
	second := die("second", outbox.BulkRetry)
	killed := 0
	for i, point := range points {
		if f.killAt(task{KillAt: point, KillOn: 1 + i%2}) {
			killed++
		}
	}
	p = f.spawn(task{})
	second = over(second)
	f.eventually("all that are retried are settled", func() bool {
		var n int
		err := f.pool.QueryRow(t.Context(), `select (select count(*) from outbox.pending where due < 'infinity') + (select count(*) from outbox.taken)`).Scan(&n)
		return err == nil && n == 0
	})
	f.terminate(p)
	t.Logf("killed at %d of %d points", killed, len(points))
	if killed < len(points)*3/4 {
		t.Errorf("killed at %d of %d points only", killed, len(points))
	}
	if second.Done != int64(messages) || second.Failed != 0 {
		t.Errorf("%+v", second)
	}
	var twice, odd int
	err := f.pool.QueryRow(t.Context(), `
select (select count(*) from (select from outbox.intervention i join outbox.bulk_item b on b.bulk = $1 and b.message = i.message group by i.message having count(*) <> 1) x),
       (select count(*) from outbox.bulk_item where result is distinct from 'done')`, second.ID).Scan(&twice, &odd)
	if err != nil || twice+odd > 0 {
		t.Errorf("%d messages acted upon more than once, %d not done, %v", twice, odd, err)
	}
	f.judge()
}
