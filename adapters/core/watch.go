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

// notificationsLimit is the share of the queue of notifications that is an alarm.
const notificationsLimit = 0.5

// WatchNotifications looks, until ctx ends, how much of the server's queue of
// notifications is used: a session that listens and does not read keeps it from
// being emptied, and when it is full nothing can be published any more. Every
// look goes to observe; from the half on it is logged, once when it begins and
// once when it is over.
func WatchNotifications(ctx context.Context, db outbox.DB, log *slog.Logger, observe func(share float64)) {
	watchNotifications(ctx, db, log, observe, watchEvery, notificationsLimit)
}

func watchNotifications(ctx context.Context, db outbox.DB, log *slog.Logger, observe func(share float64), every time.Duration, limit float64) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	filling := false
	for {
		share, err := outbox.NotificationsWaiting(ctx, db)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil: // whoever needs the database says so
			log.DebugContext(ctx, "the queue of notifications cannot be looked at", "error", postgres.WithoutValues(err))
		default:
			observe(share)
			if full := share >= limit; full != filling {
				filling = full
				if full {
					log.ErrorContext(ctx, "the database's queue of notifications fills up: a session listens and does not read", "share", share)
				} else {
					log.InfoContext(ctx, "the database's queue of notifications is emptied again")
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
