package outbox

import "sync"

// budget bounds the sends in flight: each destination has a share of its own, the rest is for whoever needs it, and no
// destination takes more than its maximum. So a destination that holds everything it can get never stops another one.
type budget struct {
	mu     sync.Mutex
	shared int // free slots that belong to nobody
	shares []share
}

type share struct {
	own      int // slots that no other destination may take
	most     int
	used     int
	starved  bool // got no slot when it last wanted one
	awakened func()
}

// newBudget divides workers among destinations with the given maxima. awaken is called, with the destination's index,
// when a slot may have become free for it.
func newBudget(workers int, most []int, awaken func(int)) *budget {
	b := &budget{shares: make([]share, len(most))}
	own := max(1, workers/2/max(1, len(most)))
	rest := workers
	for i := range most {
		b.shares[i] = share{own: min(own, most[i]), most: most[i], awakened: func() { awaken(i) }}
		rest -= b.shares[i].own
	}
	b.shared = max(0, rest)
	return b
}

// take takes up to n slots for a destination and says how many it got.
func (b *budget) take(destination, n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &b.shares[destination]
	got := 0
	for got < n && s.used < s.most {
		if s.used >= s.own {
			if b.shared == 0 {
				break
			}
			b.shared--
		}
		s.used++
		got++
	}
	s.starved = got == 0 && n > 0
	return got
}

// give returns n slots of a destination and awakens those that had got none. The destination itself is awakened only
// if a message has left the slots, since then the next one of its lane may be due.
func (b *budget) give(destination, n int, done bool) {
	if n == 0 {
		return
	}
	var awaken []func()
	b.mu.Lock()
	s := &b.shares[destination]
	freed := false
	for range n {
		if s.used > s.own {
			b.shared++
			freed = true
		}
		s.used--
	}
	for i := range b.shares {
		if i == destination && done || i != destination && freed && b.shares[i].starved {
			b.shares[i].starved = false
			awaken = append(awaken, b.shares[i].awakened)
		}
	}
	b.mu.Unlock()
	for _, f := range awaken {
		f()
	}
}

// used is how many slots a destination has.
func (b *budget) used(destination int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shares[destination].used
}
