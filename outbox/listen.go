package outbox

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// listen wakes dispatchers when messages are published. It is a hint only: whoever misses it is found by polling. It
// has a connection of its own, and a new one after every error.
func (r *Relay) listen(ctx context.Context) {
	polling := false
	for ctx.Err() == nil {
		listened := false
		err := r.listenOnce(ctx, func() { listened, polling = true, false })
		if ctx.Err() != nil {
			return
		}
		if !polling {
			r.o.Log.Warn("relay only polls until it listens again", "error", err)
		}
		polling = true
		if !listened {
			pauseFor(ctx, min(r.o.Poll, time.Second))
		}
	}
}

// listenOnce listens on one connection until it fails; listening is called when it has begun.
func (r *Relay) listenOnce(ctx context.Context, listening func()) error {
	conn, err := pgx.ConnectConfig(ctx, r.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("connecting to listen: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // nothing is lost with it
	}()
	byName := make(map[string]*destination, len(r.dests))
	for _, d := range r.dests {
		byName[d.Name] = d
		if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{channelPrefix + d.Name}.Sanitize()); err != nil {
			return fmt.Errorf("listening for %s: %w", d.Name, err)
		}
	}
	listening()
	for _, d := range r.dests { // for what was published while nobody listened
		d.awaken()
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("waiting for notifications: %w", err)
		}
		if d := byName[strings.TrimPrefix(n.Channel, channelPrefix)]; d != nil {
			d.awaken()
		}
	}
}
