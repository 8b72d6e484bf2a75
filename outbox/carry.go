package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	// bulkStep is how many messages one transaction of a bulk job acts upon: few, since it holds their lanes.
	bulkStep = 25
	// bulkCatchUp is how much of its rate a bulk job makes up for at once after it was held up.
	bulkCatchUp = 100 * time.Millisecond
	bulkPoll    = 200 * time.Millisecond
)

var (
	errAlive    = errors.New("it is not dead any more")
	errNewDeath = errors.New("it has been sent since, and died again")
)

// CarryOn works on a bulk job until the job is over or ctx ends, beside the relays that do. progress, when set, is called
// with how it stands whenever that may have changed. While the job is paused it waits. It returns how the job stands.
func CarryOn(ctx context.Context, db DB, id int64, progress func(Bulk)) (Bulk, error) {
	for {
		wait, err := stepBulk(ctx, db, id)
		if err != nil && !errors.Is(err, errNothing) && !passing(err) {
			return Bulk{}, err
		}
		if err != nil {
			wait = bulkPoll
		}
		b, err := BulkOf(ctx, db, id)
		if err != nil {
			return b, err
		}
		if progress != nil {
			progress(b)
		}
		if b.Over() || wait > 0 && !pauseFor(ctx, min(wait, bulkPoll)) {
			return b, ctx.Err()
		}
	}
}

// workBulks carries bulk jobs out, beside other relays, until ctx ends.
func (r *Relay) workBulks(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		pause, err := r.stepBulks(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.o.Log.Error("bulk jobs wait for the database", "error", err)
		}
		if failing = err != nil; failing {
			pause = r.o.Poll
		}
		if pause > 0 {
			pauseFor(ctx, pause)
		}
	}
}

// stepBulks goes one step with every job that runs, and says how long there is nothing more.
func (r *Relay) stepBulks(ctx context.Context) (time.Duration, error) {
	rows, err := r.pool.Query(ctx, `select id from outbox.bulk where state = 'running' order by id`)
	if err != nil {
		return 0, fmt.Errorf("looking for bulk jobs: %w", err)
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return 0, fmt.Errorf("looking for bulk jobs: %w", err)
	}
	pause := r.o.Poll
	var failed error
	for _, id := range ids {
		wait, err := stepBulk(ctx, r.pool, id)
		switch {
		case errors.Is(err, errNothing) || err != nil && passing(err):
		case err != nil: // the others go on
			failed = err
		default:
			pause = min(pause, wait)
		}
	}
	return pause, failed
}

// stepBulk acts upon the next messages of a job, as far as its rate lets it, and says when there is more to do; errNothing if
// it does not run, or somebody else works on it at the moment.
func stepBulk(ctx context.Context, db DB, id int64) (wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, statementFor)
	defer cancel()
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var action, by, reason string
		var rate, behind float64 // seconds since the next message was due
		err := tx.QueryRow(ctx, `
select action, by, reason, rate, extract(epoch from clock_timestamp() - next_at)::float8
from outbox.bulk where id = $1 and state = 'running' for update skip locked`, id).Scan(&action, &by, &reason, &rate, &behind)
		if errors.Is(err, pgx.ErrNoRows) {
			return errNothing
		}
		if err != nil {
			return err
		}
		n := bulkStep
		if rate > 0 {
			if behind < 0 {
				wait = seconds(-behind)
				return nil
			}
			n = min(n, 1+int(rate*min(behind, bulkCatchUp.Seconds())))
		}
		items, err := nextOfBulk(ctx, tx, id, n)
		if err != nil {
			return err
		}
		destinations, lanes := lanesOf(items)
		if err := lookAtTurns(ctx, tx, items, destinations, lanes); err != nil {
			return err
		}
		if err := actOn(ctx, tx, items, action, by, reason); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, dropEmptyLanes, destinations, lanes); err != nil {
			return err
		}
		return keepOfBulk(ctx, tx, id, items, n)
	})
	if err != nil && !errors.Is(err, errNothing) {
		err = fmt.Errorf("carrying out bulk job %d: %w", id, err)
	}
	return wait, err
}

// bulkTurn is a message whose turn it is.
type bulkTurn struct {
	id                int64
	destination, lane *string    // nil: there is no such message
	chosen            *time.Time // when it had died
	dead              *time.Time // when it died last; nil: it is not dead
	err               error
}

// nextOfBulk reads the next messages of a job, n at most.
func nextOfBulk(ctx context.Context, tx pgx.Tx, id int64, n int) ([]*bulkTurn, error) {
	rows, err := tx.Query(ctx, `
select i.message, m.destination, m.lane, i.since
from (select message, since from outbox.bulk_item where bulk = $1 and result is null order by message limit $2) i
left join outbox.message m on m.id = i.message order by i.message`, id, n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (*bulkTurn, error) {
		var i bulkTurn
		err := row.Scan(&i.id, &i.destination, &i.lane, &i.chosen)
		return &i, err
	})
}

// lanesOf are the lanes of messages, each once.
func lanesOf(items []*bulkTurn) (destinations, lanes []string) {
	known := map[[2]string]bool{}
	for _, i := range items {
		if i.destination == nil || known[[2]string{*i.destination, *i.lane}] {
			continue
		}
		known[[2]string{*i.destination, *i.lane}] = true
		destinations, lanes = append(destinations, *i.destination), append(lanes, *i.lane)
	}
	return destinations, lanes
}

// lookAtTurns locks the lanes, all at first and in one order, as everywhere, and then sees which messages are dead.
func lookAtTurns(ctx context.Context, tx pgx.Tx, items []*bulkTurn, destinations, lanes []string) error {
	if _, err := tx.Exec(ctx, lockLanes, destinations, lanes, make([]float64, len(lanes)), make([]bool, len(lanes))); err != nil {
		return err
	}
	byID := map[int64]*bulkTurn{}
	ids := make([]int64, len(items))
	for k, i := range items {
		ids[k], byID[i.id] = i.id, i
	}
	rows, err := tx.Query(ctx, `select id, since from outbox.dead where id = any($1::bigint[])`, ids)
	if err != nil {
		return err
	}
	var id int64
	var since time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &since}, func() error {
		at := since
		byID[id].dead = &at
		return nil
	})
	return err
}

// actOn does what is wanted to each message that is dead as it was when it was chosen.
func actOn(ctx context.Context, tx pgx.Tx, items []*bulkTurn, action, by, reason string) error {
	for _, i := range items {
		switch {
		case i.destination == nil:
			i.err = ErrNotFound
		case i.dead == nil && i.chosen == nil:
			i.err = ErrNotDead
		case i.dead == nil:
			i.err = errAlive
		case i.chosen == nil || !i.chosen.Equal(*i.dead):
			i.err = errNewDeath
		default:
			err := intervene(ctx, tx, i.id, action, by, reason, nil) // in a savepoint
			if err != nil && (ctx.Err() != nil || passing(err)) {
				return err
			}
			if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
				err = fmt.Errorf("the database refused it: %s", pe.Code)
			}
			i.err = err
		}
	}
	return nil
}

// keepOfBulk writes down what became of the messages whose turn it was, n at most; fewer are the last ones.
func keepOfBulk(ctx context.Context, tx pgx.Tx, id int64, items []*bulkTurn, n int) error {
	ids, failures := make([]int64, len(items)), make([]string, len(items))
	failed := 0
	for k, i := range items {
		if ids[k] = i.id; i.err != nil {
			failures[k] = i.err.Error()
			failed++
		}
	}
	_, err := tx.Exec(ctx, `
update outbox.bulk_item i set result = case when w.error = '' then 'done' else 'failed' end, error = w.error, at = clock_timestamp()
from unnest($2::bigint[], $3::text[]) as w(message, error) where i.bulk = $1 and i.message = w.message`, id, ids, failures)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `
update outbox.bulk
set done = done + $2::bigint, failed = failed + $3::bigint,
    next_at = case when rate > 0 then greatest(next_at, clock_timestamp() - make_interval(secs => $4)) + make_interval(secs => ($2::bigint + $3::bigint) / rate) else next_at end,
    state = case when $5::bool then 'done' else state end, ended_at = case when $5::bool then clock_timestamp() end
where id = $1`, id, len(items)-failed, failed, bulkCatchUp.Seconds(), len(items) < n)
	return err
}
