package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Retry makes a dead message go again, at its old place in its lane, with as many attempts as a new one. by says who
// wants it and reason why; both are needed and kept. Errors: ErrNotFound, ErrNotDead, or one that wraps ErrInvalid.
func Retry(ctx context.Context, db DB, id int64, by, reason string) error {
	return intervene(ctx, db, id, "retry", by, reason, nil)
}

// Discard gives a dead message up for good; what it blocks goes on. by says who decided it and reason why; both are
// needed and kept. Errors: ErrNotFound, ErrNotDead, or one that wraps ErrInvalid.
func Discard(ctx context.Context, db DB, id int64, by, reason string) error {
	return intervene(ctx, db, id, "discard", by, reason, nil)
}

// signed says whether who and why are there.
func signed(action string, id int64, by, reason string) error {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" || !storable(by) || !storable(reason) {
		return fmt.Errorf("%w %s of message %d: who and why are needed", ErrInvalid, action, id)
	}
	return nil
}

// intervene does what a person wants; more, when set, runs in its transaction once the message is pending again.
func intervene(ctx context.Context, db DB, id int64, action, by, reason string, more func(pgx.Tx) error) error {
	if err := signed(action, id, by, reason); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		var destination, lane string
		var attempt int
		err := tx.QueryRow(ctx, `select destination, lane from outbox.message where id = $1`, id).Scan(&destination, &lane)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		// The lane first, as everywhere; a lane that skipped the message may have no row any more.
		_, err = tx.Exec(ctx, lockLanes, []string{destination}, []string{lane}, []float64{0}, []bool{false})
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, `delete from outbox.dead where id = $1`, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return ErrNotDead
		}
		batch := &pgx.Batch{}
		if action != "discard" {
			err = tx.QueryRow(ctx, `
update outbox.message set state = 'ready', settled_at = null where id = $1 and state = 'dead' returning attempt`, id).Scan(&attempt)
			if err != nil {
				return err
			}
			batch.Queue(`
insert into outbox.pending (destination, lane, id, due, attempt, published_at, renewed_at)
select destination, lane, id, now(), $2::int, published_at, now() from outbox.message where id = $1
on conflict (destination, lane, id) do update set due = excluded.due, renewed_at = excluded.renewed_at, tries = 0, verdict = null, fence = null, expires_at = null`, id, attempt)
			batch.Queue(notify, channels(map[string]bool{destination: true}))
		} else {
			batch.Queue(`
update outbox.message set state = 'discarded', settled_at = now() where id = $1 and state = 'dead'`, id).Exec(exactly(1))
			batch.Queue(`delete from outbox.pending where destination = $1 and lane = $2 and id = $3`, destination, lane, id)
			batch.Queue(`
insert into outbox.tally (destination, slot, discarded) values ($1, $2, 1)
on conflict (destination, slot) do update set discarded = tally.discarded + 1`, destination, slot())
			batch.Queue(notify, channels(map[string]bool{destination: true}))
		}
		if more != nil {
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
			if err := more(tx); err != nil {
				return err
			}
			batch = &pgx.Batch{}
		}
		batch.Queue(`insert into outbox.intervention (message, action, by, reason) values ($1, $2, $3, $4)`, id, action, by, reason)
		batch.Queue(dueAsHeads, []string{destination}, []string{lane})
		batch.Queue(dropEmptyLanes, []string{destination}, []string{lane})
		return tx.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		return fmt.Errorf("%s of message %d: %w", action, id, err)
	}
	return nil
}

// Prune deletes messages that were delivered or discarded before the given time, with their attempts, at most limit,
// the oldest first, and says how many. Their keys are forgotten with them: publishing one again would send it again.
func Prune(ctx context.Context, db DB, before time.Time, limit int) (int, error) {
	var deleted int
	err := db.QueryRow(ctx, `
with old as (
    select m.id from outbox.message m
    where m.settled_at < $1 and m.state in ('delivered', 'discarded')
       or m.state = 'ready' and m.published_at < $1
          and not exists (select from outbox.pending p where p.destination = m.destination and p.lane = m.lane and p.id = m.id)
          and exists (select from outbox.attempt a where a.message = m.id)
          and not exists (select from outbox.attempt a where a.message = m.id and a.finished_at >= $1)
    order by m.id limit $2
    for update of m skip locked
), attempts as (
    delete from outbox.attempt a using old
    where a.message = old.id and a.finished_at >= date_trunc('day', $1::timestamptz, 'UTC') -- DropDays takes the days before
), interventions as (
    delete from outbox.intervention i using old where i.message = old.id
), generations as (
    delete from outbox.generation g using old where g.message = old.id
), messages as (
    delete from outbox.message m using old where m.id = old.id returning m.id
)
select count(*) from messages`, before, limit).Scan(&deleted)
	if err != nil {
		return 0, fmt.Errorf("pruning messages: %w", err)
	}
	return deleted, nil
}
