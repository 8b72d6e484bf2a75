package crash_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// A partner that can take so many messages a second comes back after an outage, with much waiting and many processes that
// would like to send it: it never gets more than it can take, and it gets all of it soon.
func TestBug13ARecoveringPartnerIsNotFlooded(t *testing.T) {
	if !provetest.Long() {
		t.Parallel()
	}
	f := newFleet(t)
	capacity, waiting, processes := provetest.Sized(200, 50), provetest.Count(800, 100_000), provetest.Sized(3, 20)
	var down atomic.Bool
	var tried atomic.Int64
	var mu sync.Mutex
	var times []time.Time
	down.Store(true)
	f.receiver.hold = func(context.Context, string, string) int {
		if down.Load() {
			tried.Add(1)
			return http.StatusServiceUnavailable
		}
		mu.Lock()
		defer mu.Unlock()
		times = append(times, time.Now())
		return 0
	}
	for n := 0; n < waiting; n += 400 {
		msgs := make([]outbox.Message, 400)
		for i := range msgs {
			msgs[i] = message(fmt.Sprint(n+i), fmt.Sprint(n+i))
		}
		f.publish(msgs...)
	}
	var all []*process
	for range processes {
		all = append(all, f.spawn(task{Rate: float64(capacity), Attempts: 1_000_000}))
	}
	f.eventually("the partner is asked while it is down", func() bool { return tried.Load() > 0 })
	pause(t.Context(), provetest.Sized(500*time.Millisecond, 10*time.Minute))
	down.Store(false)
	began := time.Now()
	for settled := 0; settled < waiting; { // for longer than any other wait
		now, _, _ := f.receiver.count()
		if now == settled {
			f.eventually("it goes on", func() bool { now, _, _ = f.receiver.count(); return now > settled })
		}
		settled = now
	}
	took := time.Since(began)
	for _, p := range all {
		f.terminate(p)
	}
	mu.Lock()
	defer mu.Unlock()
	most := 0
	for i, at := range times {
		end, _ := slices.BinarySearchFunc(times, at.Add(time.Second), time.Time.Compare)
		most = max(most, end-i)
	}
	ideal := time.Duration(waiting) * time.Second / time.Duration(capacity)
	t.Logf("%d messages to a partner that takes %d a second, from %d processes: at most %d in a second, all within %s, ideally %s",
		waiting, capacity, processes, most, took.Round(time.Millisecond), ideal)
	if float64(most) > 1.2*float64(capacity) {
		t.Errorf("%d in a second", most)
	}
	if provetest.Long() && took > ideal*13/10 {
		t.Errorf("it took %s", took)
	}
}
