package consultation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
)

// marks are the parts of a term, in percent, at which an authority is reminded.
var marks = []int{50, 80, 100}

// reminded are the states in which a question waits for the authority and has
// arrived, or can be fetched. While it has not, while it waits for the case owner
// and after its end nobody is reminded.
var reminded = []LegState{LegSent, LegDelivered, LegInReview, LegOverdue}

// nextReminder is the next reminder: when, within office hours, and at which part
// of the term. False when none will come. While an extension lasts only its last
// day brings one.
func (p progress) nextReminder() (at time.Time, percent int, ok bool) {
	if p.Term == nil || p.Asking || p.Wanted != nil || !slices.Contains(reminded, p.State) {
		return time.Time{}, 0, false
	}
	for _, percent := range marks {
		if percent <= p.Reminded || percent < 100 && len(p.Term.Extensions) > 0 {
			continue
		}
		at, ok := p.Term.Mark(percent)
		return calendar.InOffice(at).UTC(), percent, ok
	}
	return time.Time{}, 0, false
}

// reminderPage bounds how many questions one look reminds of, so that timers with
// effects never wait for reminders; outageRest is how long reminders rest before
// it is looked again whether our link is up.
const (
	reminderPage = 500
	outageRest   = 15 * time.Minute
)

// Remind makes the reminders and digests that are due now, and returns how many
// reminders and digests there were. The error joins what went wrong with single
// ones; the others have been made.
func (p *Procedure) Remind(ctx context.Context, pool *pgxpool.Pool) (reminders, digests int, err error) {
	rows, err := pool.Query(ctx, `select leg_id from consultation.timer where what = $1 and due_at <= $2 order by due_at limit $3`,
		HappenedReminded, p.clock(), reminderPage)
	if err != nil {
		return 0, 0, fmt.Errorf("looking for reminders: %w", err)
	}
	legs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, 0, fmt.Errorf("looking for reminders: %w", err)
	}
	var problems []error
	for chunk := range slices.Chunk(legs, timerChunk) {
		n, err := p.remindOf(ctx, pool, chunk...)
		if err == nil {
			reminders += n
			continue
		}
		for _, leg := range chunk { // one of them holds no other up
			n, err := p.remindOf(ctx, pool, leg)
			if reminders += n; err != nil {
				problems = append(problems, fmt.Errorf("reminding of leg %s: %w", leg, err))
			}
		}
	}
	digests, err = p.makeDigests(ctx, pool)
	return reminders, digests, errors.Join(append(problems, err)...)
}

// remindOf reminds of those of the questions for which that is due now, each for
// the latest part of the term that has passed, or lets reminders rest, in one
// transaction, and returns how many there were. A question that is answered in
// the same moment is not reminded of: whoever has its round's lock second sees what
// the first has done, and the update of the leg holds only in the state it was
// read in.
func (p *Procedure) remindOf(ctx context.Context, pool *pgxpool.Pool, ids ...string) (int, error) {
	reminders := 0
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		legs, err := lockLegs(ctx, tx, ids)
		if err != nil {
			return err
		}
		now := p.clock()
		due := digestDue(now)
		q := reminderQueue{day: calendar.DayOf(due).String(), due: due}
		var w writes
		rests := map[string]time.Time{} // by destination and authority
		for i := range legs {
			l := &legs[i]
			if err := p.passed(&w, l, now.Add(time.Microsecond)); err != nil {
				return err
			}
			percent, ok := l.progress.remindedNow(now)
			if !ok {
				continue
			}
			key := l.policy.Destination + " " + l.policy.Authority
			until, known := rests[key]
			if !known {
				if until, err = p.restsUntil(ctx, tx, l.policy.Authority, l.policy.Destination); err != nil {
					return err
				}
				if until.IsZero() {
					until = calendar.InOffice(now)
				}
				rests[key] = until
			}
			if until.After(now) {
				w.batch.Queue(`update consultation.timer set due_at = $3 where leg_id = $1 and what = $2`, l.id, HappenedReminded, calendar.InOffice(until))
				continue
			}
			changed, err := p.note(&w, l, occurrence{What: HappenedReminded, At: now, Percent: percent}, news{actor: byClock})
			if err != nil {
				return err
			}
			if changed {
				reminders++
				q.add(l, percent)
			}
		}
		q.queue(&w.batch, now)
		if err := w.flush(ctx, tx); err != nil {
			return err
		}
		return p.settleAll(ctx, tx, legs)
	})
	if err != nil {
		return 0, err
	}
	return reminders, nil
}

// remindedNow is the latest part of the term, in percent, of which a reminder is
// due; false when none is.
func (p progress) remindedNow(now time.Time) (percent int, due bool) {
	for {
		at, next, ok := p.nextReminder()
		if !ok || at.After(now) {
			return percent, due
		}
		percent, due, p.Reminded = next, true, next
	}
}

// restsUntil is until when nobody is reminded because the fault is not the
// authority's, or one that it has announced: its downtime lasts, or our link to it
// is down. Zero when nothing speaks against it.
func (p *Procedure) restsUntil(ctx context.Context, tx pgx.Tx, authority, destination string) (time.Time, error) {
	until, err := p.downUntil(ctx, tx, authority)
	if err != nil || !until.IsZero() {
		return until, err
	}
	if destination == "" {
		return time.Time{}, nil
	}
	breakers, err := outbox.Breakers(ctx, tx)
	if err != nil {
		return time.Time{}, fmt.Errorf("looking whether the link is up: %w", err)
	}
	for _, b := range breakers {
		if b.Destination == destination && (b.State != "closed" || b.HeldBy != "") {
			return p.clock().Add(outageRest), nil
		}
	}
	return time.Time{}, nil
}
