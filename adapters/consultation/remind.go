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
	for _, leg := range legs {
		done := false
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) (err error) {
			l, err := lockLeg(ctx, tx, leg)
			if err != nil {
				return err
			}
			if err := p.pass(ctx, tx, &l, p.clock().Add(time.Microsecond)); err != nil {
				return err
			}
			if done, err = p.remind(ctx, tx, &l); err != nil {
				return err
			}
			return p.settle(ctx, tx, l.round, l.roundState)
		})
		if err != nil {
			problems = append(problems, fmt.Errorf("reminding of leg %s: %w", leg, err))
		} else if done {
			reminders++
		}
	}
	digests, err = p.makeDigests(ctx, pool)
	return reminders, digests, errors.Join(append(problems, err)...)
}

// remind reminds of one question if that is due now, for the latest part of the
// term that has passed, or lets the reminder rest. The caller holds the round's
// lock.
func (p *Procedure) remind(ctx context.Context, tx pgx.Tx, l *lockedLeg) (bool, error) {
	now := p.clock()
	at, percent, ok := l.progress.nextReminder()
	if !ok || at.After(now) {
		return false, nil
	}
	until, err := p.restsUntil(ctx, tx, l.policy.Authority, l.policy.Destination)
	if err != nil {
		return false, err
	}
	if until.IsZero() {
		until = calendar.InOffice(now)
	}
	if until.After(now) {
		_, err := tx.Exec(ctx, `update consultation.timer set due_at = $3 where leg_id = $1 and what = $2`, l.id, HappenedReminded, calendar.InOffice(until))
		if err != nil {
			return false, fmt.Errorf("putting off a reminder: %w", err)
		}
		return false, nil
	}
	for {
		next := *l
		next.progress.Reminded = percent
		later, more, ok := next.progress.nextReminder()
		if !ok || later.After(now) {
			break
		}
		percent = more
	}
	changed, err := p.apply(ctx, tx, l, occurrence{What: HappenedReminded, At: now, Percent: percent}, news{actor: byClock})
	if err != nil || !changed {
		return false, err
	}
	return true, queueReminder(ctx, tx, l, percent, now)
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
