package trouble

import (
	"context"

	"ristmik/adapters/sandbox/wire"
)

// meeting is two calls that are reordered: the first one waits for the second.
type meeting struct {
	first, second chan *wire.Response // each gets one answer and is never read twice
}

// reordered makes a handler that holds every other call for the next one. The
// first goes on alone when the fault is deleted, its client leaves, or the
// server ends.
func (t *Troubles) reordered(a *armed, next wire.Handler) wire.Handler {
	return func(ctx context.Context, r *wire.Request) *wire.Response {
		t.mu.Lock()
		m, second := a.meeting, a.meeting != nil
		if second {
			a.meeting = nil
		} else {
			m = &meeting{make(chan *wire.Response, 1), make(chan *wire.Response, 1)}
			a.meeting = m
		}
		t.mu.Unlock()
		if a.Fault.What == Answers {
			return t.swapAnswers(ctx, r, a, m, second, next)
		}
		if second {
			resp := next(ctx, r)
			m.second <- resp
			return resp
		}
		t.meet(ctx, a, m, m.second)
		return next(ctx, r)
	}
}

func (t *Troubles) swapAnswers(ctx context.Context, r *wire.Request, a *armed, m *meeting, second bool, next wire.Handler) *wire.Response {
	own, others := m.first, m.second
	if second {
		own, others = m.second, m.first
	}
	resp := next(ctx, r)
	own <- resp
	if got := t.meet(ctx, a, m, others); got != nil {
		return got
	}
	select {
	case <-own:
		return resp
	default:
		// The other one has taken this answer, and left its own before that.
		return <-others
	}
}

// meet waits for the other call's answer; nil means that it does not come.
func (t *Troubles) meet(ctx context.Context, a *armed, m *meeting, answer <-chan *wire.Response) *wire.Response {
	attended, stop := wire.Attended(ctx)
	defer stop()
	select {
	case got := <-answer:
		return got
	case <-a.released:
	case <-attended.Done():
	}
	t.mu.Lock()
	if a.meeting == m {
		a.meeting = nil
	}
	t.mu.Unlock()
	return nil
}
