package consultation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// How timers are looked for. A timer is late by at most one look and the time
// that those before it take; timerWorkers of them fire at once.
const (
	timerLook    = time.Second
	timerPage    = 500
	timerWorkers = 4
)

// RunTimers fires timers and makes reminders until ctx is done. Any number of processes may run it
// on one database: a timer happens once. What cannot be fired is logged and
// tried again at the next look; it holds nothing else up.
func (p *Procedure) RunTimers(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	look := time.NewTicker(timerLook)
	defer look.Stop()
	for {
		if err := p.KeepDowntimes(ctx, pool); err != nil && ctx.Err() == nil { // first: they stop clocks
			log.ErrorContext(ctx, "downtimes of authorities could not be kept", "error", err)
		}
		if _, err := p.FireTimers(ctx, pool); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "timers of consultations could not be fired", "error", err)
		}
		if _, _, err := p.Remind(ctx, pool); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "reminders of consultations could not be made", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-look.C:
		}
	}
}

// FireTimers fires every timer but the reminders that is due now and returns how many legs had
// one. The error joins what went wrong with single legs; the others have fired.
func (p *Procedure) FireTimers(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	var problems []error
	fired := 0
	lastDue, lastLeg := time.Time{}, "00000000-0000-0000-0000-000000000000"
	for {
		now := p.clock()
		rows, err := pool.Query(ctx, `
			select min(due_at) as due, leg_id from consultation.timer where due_at <= $1 and what <> $5 group by leg_id
			having (min(due_at), leg_id) > ($2, $3) order by due, leg_id limit $4`, now, lastDue, lastLeg, timerPage, HappenedReminded)
		if err != nil {
			return fired, errors.Join(append(problems, fmt.Errorf("looking for timers: %w", err))...)
		}
		var legs []string
		_, err = pgx.ForEachRow(rows, []any{&lastDue, &lastLeg}, func() error {
			legs = append(legs, lastLeg)
			return nil
		})
		if err != nil {
			return fired, errors.Join(append(problems, fmt.Errorf("looking for timers: %w", err))...)
		}
		failed := make([]error, len(legs))
		var workers errgroup.Group
		workers.SetLimit(timerWorkers)
		for i, leg := range legs {
			workers.Go(func() error {
				failed[i] = p.fire(ctx, pool, leg)
				return nil
			})
		}
		_ = workers.Wait() // every error is in failed
		for _, err := range failed {
			if err != nil {
				problems = append(problems, err)
				continue
			}
			fired++
		}
		if len(legs) < timerPage {
			return fired, errors.Join(problems...)
		}
	}
}

// fire lets happen what is due for one leg.
func (p *Procedure) fire(ctx context.Context, pool *pgxpool.Pool, leg string) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		l, err := lockLeg(ctx, tx, leg)
		if err != nil {
			return err
		}
		if err := p.pass(ctx, tx, &l, p.clock().Add(time.Microsecond)); err != nil { // what is due this very moment, too
			return err
		}
		return p.settle(ctx, tx, l.round, l.roundState)
	})
	if err != nil {
		return fmt.Errorf("firing the timers of leg %s: %w", leg, err)
	}
	return nil
}
