package core

import (
	"context"
	"log/slog"
	"time"

	"ristmik/adapters/postgres"
	"ristmik/outbox"
)

const (
	// watchEvery is how often the feed is looked at.
	watchEvery = 5 * time.Second
	// heldLimit is how long events may be held before it is an alarm.
	heldLimit = 20 * time.Second
)

// WatchFeed looks, until ctx ends, whether committed events are kept back by a
// transaction that does not end: the one way in which the feed can stand still
// while everything else works. Every look goes to observe; one that lasts is
// logged, once when it begins, with whom to look for, and once when it is over.
func WatchFeed(ctx context.Context, db outbox.DB, log *slog.Logger, observe func(outbox.Held)) {
	watchFeed(ctx, db, log, observe, watchEvery, heldLimit)
}

func watchFeed(ctx context.Context, db outbox.DB, log *slog.Logger, observe func(outbox.Held), every, limit time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	standing := false
	for {
		held, err := outbox.HeldEvents(ctx, db)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // whoever needs the database says so
			log.DebugContext(ctx, "the feed cannot be looked at", "error", postgres.WithoutValues(err))
		default:
			observe(held)
			if late := held.For > limit; late != standing {
				standing = late
				if late {
					log.ErrorContext(ctx, "events are held back by a transaction that does not end", "events", held.Events, "for", held.For,
						"pid", held.PID, "application", held.Application, "database", held.Database, "open", held.Open)
				} else {
					log.InfoContext(ctx, "events are no longer held back")
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
