package wire

import (
	"bufio"
	"context"
	"errors"
	"net"
	"time"
)

// watcher notices that the client of a connection has gone away while its
// request is being answered.
type watcher struct {
	c net.Conn
	r *bufio.Reader
}

type watcherKey struct{}

func withWatcher(ctx context.Context, c net.Conn, r *bufio.Reader) context.Context {
	return context.WithValue(ctx, watcherKey{}, watcher{c, r})
}

// Attended returns a context that ends also when the client goes away: for
// those who wait in a [Handler] or in [Response].Send, with the context that
// these were given. stop has to be called before they go on; until then nobody
// else may call Attended for the same request.
func Attended(ctx context.Context) (attended context.Context, stop func()) {
	w, ok := ctx.Value(watcherKey{}).(watcher)
	if !ok {
		return ctx, func() {}
	}
	attended, cancel := context.WithCancel(ctx)
	w.c.SetReadDeadline(time.Time{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			// What comes in meanwhile is the next request and stays in the buffer.
			_, err := w.r.Peek(w.r.Buffered() + 1)
			if late, ok := errors.AsType[net.Error](err); errors.Is(err, bufio.ErrBufferFull) || ok && late.Timeout() {
				return
			} else if err != nil {
				cancel()
				return
			}
		}
	}()
	return attended, func() {
		w.c.SetReadDeadline(time.Unix(1, 0))
		<-done
		cancel()
	}
}
