package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errLost says that the lane has been given to somebody else.
var errLost = errors.New("lease lost")

// blamed is an error of a function that is not ours, which would fail again.
type blamed struct {
	whose string // reasonApply or reasonOnDead
	err   error
}

func (b *blamed) Error() string { return b.whose + ": " + b.err.Error() }
func (b *blamed) Unwrap() error { return b.err }

// record stores what became of a message, and does not give up before it is stored, or the lane is somebody else's, or
// the relay has to stop. While the database is away nobody else can take the lane either.
func (r *Relay) record(d *destination, rec *record) {
	held := !rec.fed || d.recording(rec)
	if held && rec.plain(d) && d.together.submit(rec) == nil {
		r.recorded(d, rec)
		return
	}
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := errLost
		if held {
			err = r.recordAlone(d, rec)
		}
		var b *blamed
		switch {
		case err == nil:
			r.recorded(d, rec)
			return
		case errors.Is(err, errLost):
			r.o.Log.Warn("outcome not recorded: the lane has been given to another worker",
				"destination", d.Name, "message", rec.ID, "attempt", rec.Attempt)
			r.observe(rec.observation(ObservedLost))
			d.lose(rec)
			return
		case errors.As(err, &b):
			r.o.Log.Error("recording an outcome", "destination", d.Name, "message", rec.ID, "error", err)
			if b.whose == reasonApply {
				r.withoutApply(d, rec)
			} else {
				r.withoutHook(d, rec)
			}
			held = !rec.fed || d.recording(rec)
			continue
		}
		r.o.Log.Warn("recording an outcome: trying again", "destination", d.Name, "message", rec.ID, "error", err)
		if !pauseFor(r.hard, pause) {
			r.o.Log.Error("outcome not recorded: the relay has stopped", "destination", d.Name, "message", rec.ID)
			return
		}
	}
}

// plain says whether the record is nothing but rows of ours, so that it can be written together with others.
func (rec *record) plain(d *destination) bool {
	return rec.outcome.Apply == nil && rec.change == nil && (rec.state != stateDead || d.OnDead == nil)
}

// recordAlone writes one record in a transaction of its own, with Apply and the destination's hook.
func (r *Relay) recordAlone(d *destination, rec *record) error {
	ctx, cancel := context.WithTimeout(r.hard, r.o.Lease)
	defer cancel()
	tx, err := r.pool.Begin(ctx)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer rollback(ctx, tx)
	whose, changed, err := r.recordIn(ctx, tx, d, rec)
	away := err != nil && tx.Conn().IsClosed()
	if err == nil {
		if err = tx.Commit(ctx); err != nil {
			_, answered := errors.AsType[*pgconn.PgError](err)
			away = !answered
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, errLost):
		return err
	case whose != "" && !away && !passing(err) && ctx.Err() == nil:
		return &blamed{whose, err}
	default:
		return err
	}
	if changed {
		r.observe(Observation{Event: ObservedBreaker, Destination: d.Name, State: rec.change.state, Reason: rec.change.reason})
	}
	return nil
}

// recordIn does the work of recordAlone up to the commit. Apply and the hook run before the lane is locked, in the
// order in which other transactions lock their own rows and then the lanes they publish to. whose says which of them
// ran last, and so is to blame for what fails after it.
func (r *Relay) recordIn(ctx context.Context, tx pgx.Tx, d *destination, rec *record) (whose string, changed bool, err error) {
	hook := rec.state == stateDead && d.OnDead != nil
	if rec.outcome.Apply != nil || hook { // not for nothing: a look without a lock
		held := `exists (select from outbox.lane where destination = $1 and key = $2 and fence = $3)`
		if rec.fed {
			held = `$2 <> '' and exists (select from outbox.feed where destination = $1 and fence = $3)`
		}
		var is bool
		if err := tx.QueryRow(ctx, `select `+held, rec.Destination, rec.Lane, rec.fence).Scan(&is); err != nil {
			return "", false, err
		}
		if !is {
			return "", false, errLost
		}
	}
	if rec.outcome.Apply != nil {
		whose = reasonApply
		if err := survive(func() error { return rec.outcome.Apply(ctx, tx) }); err != nil {
			return whose, false, err
		}
	}
	if hook {
		whose = reasonOnDead
		if err := survive(func() error { return d.OnDead(ctx, tx, rec.delivery(), rec.why) }); err != nil {
			return whose, false, err
		}
	}
	held, err := rec.lock(ctx, tx)
	if err != nil {
		return whose, false, err
	}
	if !held {
		return whose, false, errLost
	}
	if err := r.write(ctx, tx, d, []*record{rec}); err != nil {
		return whose, false, err
	}
	if rec.change != nil {
		changed, err = r.changeBreaker(ctx, tx, d, rec.change)
	}
	return whose, changed, err
}

// lock keeps the lane, or the destination, from being given away before the transaction ends, and says whether it has not
// been already.
func (rec *record) lock(ctx context.Context, tx pgx.Tx) (bool, error) {
	if rec.fed {
		return holdsFeed(ctx, tx, rec.Destination, rec.fence)
	}
	tag, err := tx.Exec(ctx, `select from outbox.lane where destination = $1 and key = $2 and fence = $3 for update`,
		rec.Destination, rec.Lane, rec.fence)
	return err == nil && tag.RowsAffected() > 0, err
}

// deadlocked says whether the database ended the transaction's work as the victim of a deadlock.
func deadlocked(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pe.Code == "40P01"
}

// passing says whether the database's error may not come again: the transaction was the victim of another one, or the
// server has ended the session, or is short of something, stopping or unreachable.
func passing(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || len(pe.Code) < 2 {
		return false
	}
	if pe.SeverityUnlocalized == "FATAL" || pe.SeverityUnlocalized == "PANIC" {
		return true
	}
	switch pe.Code[:2] {
	case "08", "40", "53", "58":
		return true
	}
	return strings.HasPrefix(pe.Code, "57P") || pe.Code == "55P03"
}

// recordTogether writes many plain records in one transaction and says which it has written. It leaves out those whose
// lane is somebody else's now, or is locked, so that nobody waits for one publisher's long transaction.
func (r *Relay) recordTogether(d *destination, recs []*record) ([]bool, error) {
	ctx, cancel := context.WithTimeout(r.hard, r.o.Lease)
	defer cancel()
	written := make([]bool, len(recs))
	err := pgx.BeginTxFunc(ctx, r.pool, pinned(), func(tx pgx.Tx) error {
		held, err := r.lockHeld(ctx, tx, d, recs)
		if err != nil {
			return err
		}
		var own []*record
		for _, i := range held {
			written[i] = true
			own = append(own, recs[i])
		}
		if len(own) == 0 {
			return nil
		}
		return r.write(ctx, tx, d, own)
	})
	if err != nil {
		return nil, fmt.Errorf("recording %d outcomes: %w", len(recs), err)
	}
	return written, nil
}

// lockHeld locks what is still this relay's and says which records are about that.
func (r *Relay) lockHeld(ctx context.Context, tx pgx.Tx, d *destination, recs []*record) (held []int, err error) {
	var fed, rowed []int
	var lanes []string
	var fences []int64
	for i, rec := range recs {
		if rec.fed {
			fed = append(fed, i)
			continue
		}
		rowed, lanes, fences = append(rowed, i), append(lanes, rec.Lane), append(fences, rec.fence)
	}
	if len(fed) > 0 {
		var fence int64
		err := tx.QueryRow(ctx, `select fence from outbox.feed where destination = $1 for key share`, d.Name).Scan(&fence)
		if err != nil {
			return nil, err
		}
		for _, i := range fed {
			if recs[i].fence == fence {
				held = append(held, i)
			}
		}
	}
	if len(rowed) == 0 {
		return held, nil
	}
	rows, err := tx.Query(ctx, `
select w.ord
from unnest($2::text[], $3::bigint[]) with ordinality as w(key, fence, ord)
join outbox.lane l on l.destination = $1 and l.key = w.key and l.fence = w.fence
for update of l skip locked`, d.Name, lanes, fences)
	if err != nil {
		return nil, err
	}
	var ord int
	_, err = pgx.ForEachRow(rows, []any{&ord}, func() error { held = append(held, rowed[ord-1]); return nil })
	return held, err
}

// recorded counts what has been recorded and tells the observer.
func (r *Relay) recorded(d *destination, rec *record) {
	if rec.fed {
		d.recordedAll(append(rec.behind, rec.claimed))
	}
	if rec.sent || rec.state == stateDead {
		r.observe(rec.observation(ObservedAttempt))
	}
}

func (rec *record) observation(event Observed) Observation {
	result := rec.result
	if !rec.sent {
		result = ResultDead
	}
	return Observation{
		Event: event, Destination: rec.Destination, Kind: rec.Kind, Result: result, Reason: rec.why, State: rec.state,
		Took: rec.took, Age: time.Since(rec.Published),
	}
}

// slots is in how many rows per destination the tally is kept.
const slots = 16

func slot() int { return rand.IntN(slots) }

// rollback ends a transaction that has not been committed.
func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // after a commit it does nothing; a broken connection is closed by the pool
}

// pauseFor waits and says whether ctx still lives.
func pauseFor(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
