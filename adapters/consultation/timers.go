package consultation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/sync/errgroup"
)

// How timers are looked for. A timer is late by at most one look and the time
// that those before it take: timerWorkers chunks of timerChunk legs fire at
// once, each in one transaction, because terms by days all end in one moment.
const (
	timerLook    = time.Second
	timerPage    = 1000
	timerChunk   = 50
	timerWorkers = 4
)

// RunTimers fires timers, keeps downtimes and makes reminders until ctx is done.
// Any number of processes may run it on one database: a timer happens once. What
// cannot be done is logged and tried again at the next look; it holds nothing else
// up. Reminders are made beside timers, so that no term ends late for them.
func (p *Procedure) RunTimers(ctx context.Context, pool *pgxpool.Pool, log *slog.Logger) error {
	look := func(what string, do func() error) error {
		tick := time.NewTicker(timerLook)
		defer tick.Stop()
		for {
			if err := do(); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, what, "error", err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
	}
	var work errgroup.Group
	work.Go(func() error {
		return look("timers of consultations could not be fired", func() error {
			kept := p.KeepDowntimes(ctx, pool) // first: they stop clocks
			_, err := p.FireTimers(ctx, pool)
			return errors.Join(kept, err)
		})
	})
	work.Go(func() error {
		return look("reminders of consultations could not be made", func() error {
			_, _, err := p.Remind(ctx, pool)
			return err
		})
	})
	return work.Wait()
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
		at := 0
		for chunk := range slices.Chunk(legs, timerChunk) {
			first := at
			at += len(chunk)
			workers.Go(func() error {
				if p.fire(ctx, pool, chunk...) == nil {
					return nil
				}
				for i, leg := range chunk { // one of them holds no other up
					failed[first+i] = p.fire(ctx, pool, leg)
				}
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

// fire lets happen what is due for legs, in one transaction.
func (p *Procedure) fire(ctx context.Context, pool *pgxpool.Pool, ids ...string) error {
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		legs, err := lockLegs(ctx, tx, ids)
		if err != nil {
			return err
		}
		var w writes
		now := p.clock().Add(time.Microsecond) // what is due this very moment, too
		for i := range legs {
			if err := p.passed(&w, &legs[i], now); err != nil {
				return err
			}
		}
		if err := w.flush(ctx, tx); err != nil {
			return err
		}
		return p.settleAll(ctx, tx, legs)
	})
	if err != nil {
		return fmt.Errorf("firing the timers of %d legs, the first one %s: %w", len(ids), ids[0], err)
	}
	return nil
}

// settleAll settles the rounds of legs, which come in the order of their rounds.
func (p *Procedure) settleAll(ctx context.Context, tx pgx.Tx, legs []lockedLeg) error {
	var settled roundRef
	for _, l := range legs {
		if l.round == settled || l.policy.Mandatory && !l.progress.State.Final() {
			continue // while this leg is waited for, nothing else ends with it
		}
		settled = l.round
		if err := p.settle(ctx, tx, l.round, l.roundState); err != nil {
			return err
		}
	}
	return nil
}

// lockLegs is lockLeg for many: their rounds are locked in one order, whoever
// does it, and the legs come in the order of their rounds.
func lockLegs(ctx context.Context, tx pgx.Tx, ids []string) ([]lockedLeg, error) {
	rows, err := tx.Query(ctx, `
		select l.id, r.consultation_id, r.number, r.case_reference, r.type, r.state
		from consultation.leg l join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
		where l.id = any($1::uuid[]) order by r.consultation_id, r.number for update of r`, ids)
	if err != nil {
		return nil, fmt.Errorf("locking rounds: %w", err)
	}
	rounds := map[string]lockedLeg{}
	var order []string
	var id string
	var l lockedLeg
	_, err = pgx.ForEachRow(rows, []any{&id, &l.round.ID, &l.round.Number, &l.round.CaseReference, &l.round.Type, &l.roundState}, func() error {
		rounds[id], order = l, append(order, id)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("locking rounds: %w", err)
	}
	// A statement of its own: it sees what was committed while the locks were waited for.
	read, err := readLegs(ctx, tx, roundRef{}, "", "id = any($1::uuid[])", ids)
	if err != nil {
		return nil, err
	}
	byID := map[string]lockedLeg{}
	for _, l := range read {
		l.round, l.roundState = rounds[l.id].round, rounds[l.id].roundState
		byID[l.id] = l
	}
	legs := make([]lockedLeg, 0, len(order))
	for _, id := range order {
		legs = append(legs, byID[id])
	}
	return legs, nil
}
