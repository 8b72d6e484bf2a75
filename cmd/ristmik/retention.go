package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation"
	attachments "ristmik/adapters/consultation/files"
	"ristmik/adapters/core"
	"ristmik/adapters/registers/record"
	"ristmik/outbox"
	"ristmik/schedules"
)

// pruneAtOnce is how many rows one statement deletes: few enough that nobody
// waits for it.
const pruneAtOnce = 1000

// retention is the job that deletes what has served: delivered messages with
// their attempts, the answers kept under idempotency keys, what was asked in
// rounds that have ended, and the record of exchanges, which has a time of its
// own. Events and dead letters stay.
type retention struct {
	pool            *pgxpool.Pool
	files           *attachments.Store
	keep, exchanges time.Duration
}

func (r retention) run(ctx context.Context, run *schedules.Run) error {
	before := run.Now.Add(-r.keep)
	summary := map[string]int{"messages": 0, "bulk jobs": 0, "keys": 0, "questions": 0, "attachments": 0, "files": 0, "exchanges": 0}
	for name, prune := range map[string]func() (int, error){
		"messages":    func() (int, error) { return outbox.Prune(ctx, r.pool, before, pruneAtOnce) },
		"bulk jobs":   func() (int, error) { return outbox.PruneBulks(ctx, r.pool, before, pruneAtOnce) },
		"keys":        func() (int, error) { return core.Prune(ctx, r.pool, before, pruneAtOnce) },
		"questions":   func() (int, error) { return consultation.Prune(ctx, r.pool, before, pruneAtOnce) },
		"attachments": func() (int, error) { return consultation.PruneAttachments(ctx, r.pool, before, pruneAtOnce) },
		"files":       func() (int, error) { return r.files.Prune(ctx, run.Now, pruneAtOnce) },
		"exchanges": func() (int, error) {
			return record.Prune(ctx, r.pool, run.Now.Add(-r.exchanges), pruneAtOnce)
		},
	} {
		for {
			n, err := prune()
			if err != nil {
				return err
			}
			summary[name] += n
			run.Report(summary)
			if n < pruneAtOnce {
				break
			}
		}
	}
	days, err := outbox.DropDays(ctx, r.pool, before) // after their messages
	summary["days of attempts"] = days
	run.Report(summary)
	return err
}
