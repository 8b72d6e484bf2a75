package outbox

import (
	"errors"
	"sync"
)

// errApart says that a record is to be written in a transaction of its own.
var errApart = errors.New("to be recorded apart")

// mostTogether is how many outcomes one transaction records.
const mostTogether = 1000

// together gathers the records of a destination that come while a transaction is being written into the next one. When
// it is quiet a record waits for nothing; under load one commit serves many.
type together struct {
	flush func([]*record) ([]bool, error)

	mu    sync.Mutex
	busy  bool
	queue []waiting
}

type waiting struct {
	rec  *record
	done chan error
}

// submit returns nil when the record is stored, and an error when it is not.
func (t *together) submit(rec *record) error {
	w := waiting{rec, make(chan error, 1)}
	t.mu.Lock()
	t.queue = append(t.queue, w)
	first := !t.busy
	t.busy = true
	t.mu.Unlock()
	if first {
		t.turn()
	}
	return <-w.done
}

// turn writes what has come so far, and leaves the rest to another goroutine, so that nobody works for others for ever.
func (t *together) turn() {
	t.mu.Lock()
	n := min(len(t.queue), mostTogether)
	batch := t.queue[:n:n]
	t.queue = t.queue[n:]
	t.mu.Unlock()

	recs := make([]*record, n)
	for i, w := range batch {
		recs[i] = w.rec
	}
	written, err := t.flush(recs)

	t.mu.Lock()
	if len(t.queue) > 0 {
		go t.turn()
	} else {
		t.busy, t.queue = false, nil
	}
	t.mu.Unlock()
	for i, w := range batch {
		switch {
		case err != nil:
			w.done <- err
		case !written[i]:
			w.done <- errApart
		default:
			w.done <- nil
		}
	}
}
