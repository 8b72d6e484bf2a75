package securityserver

import (
	"sync"
	"time"
)

// Exchange is what the server remembers of one message that went through it: no
// bodies, no persons. Result is "ok", the error code, the provider's faultcode,
// or the provider's HTTP status (REST, where it is not 2xx).
type Exchange struct {
	MessageID string
	Client    string
	Service   string
	Result    string
	Started   time.Time
	Took      time.Duration
}

// kept is how many exchanges are remembered.
const kept = 1000

// exchangeLog is a ring of the last exchanges.
type exchangeLog struct {
	mu   sync.Mutex
	ring []Exchange
	next int
}

func (l *exchangeLog) add(e Exchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < kept {
		l.ring = append(l.ring, e)
		return
	}
	l.ring[l.next] = e
	l.next = (l.next + 1) % kept
}

// Exchanges returns the last messages, the newest first, at most limit of them.
func (s *Server) Exchanges(limit int) []Exchange {
	l := &s.exchanges
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Exchange, 0, min(limit, len(l.ring)))
	for i := range min(limit, len(l.ring)) {
		list = append(list, l.ring[(l.next+len(l.ring)-1-i)%len(l.ring)])
	}
	return list
}
