package outbox

import (
	"sync"
	"time"
)

const (
	retryBuckets = 12
	retryBucket  = 5 * time.Second // so that the window is a minute
	retryReserve = 10              // repeats in a window that are always allowed
)

// retries bounds, in this process, the repeated attempts of a destination by the first ones, while it fails: a partner
// that has grown slow gets no more load than before. Where fewer fail than the bound allows to repeat, it bounds nothing, so
// that a partner which is well again gets what has waited at once.
type retries struct {
	share float64 // of first attempts that may be repeated; 0: no bound
	now   func() time.Time

	mu      sync.Mutex
	at      int64 // the bucket of the last count
	buckets [retryBuckets]retryCounts
}

type retryCounts struct{ firsts, repeats, ended, failed int }

func newRetries(share float64, now func() time.Time) *retries {
	return &retries{share: share, now: now}
}

// first counts a first attempt.
func (r *retries) first() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bucket().firsts++
}

// repeat says whether a repeated attempt may be made, and counts it.
func (r *retries) repeat() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucket()
	var sum retryCounts
	for _, c := range r.buckets {
		sum.firsts += c.firsts
		sum.repeats += c.repeats
		sum.ended += c.ended
		sum.failed += c.failed
	}
	most := max(retryReserve, int(r.share*float64(sum.firsts)))
	harmless := float64(sum.failed)*(1+r.share) <= r.share*float64(sum.ended) // so many repeats at most come of these failures
	if r.share > 0 && sum.repeats >= most && !harmless {
		return false
	}
	b.repeats++
	return true
}

// end counts how an attempt ended.
func (r *retries) end(failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.bucket()
	b.ended++
	if failed {
		b.failed++
	}
}

// bucket is the bucket of now; those that the window has left are emptied.
func (r *retries) bucket() *retryCounts {
	at := r.now().UnixNano() / int64(retryBucket)
	for ; r.at < at; r.at++ {
		if at-r.at > retryBuckets {
			r.at = at - retryBuckets
		}
		r.buckets[(r.at+1)%retryBuckets] = retryCounts{}
	}
	return &r.buckets[r.at%retryBuckets]
}
