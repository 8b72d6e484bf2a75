package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
	"ristmik/soap"
)

// DowntimeNotice announces that an authority's system will be down. Announcing
// the same id again with other times replaces it; one that ends when it begins is
// called off.
type DowntimeNotice struct {
	ID        string // the authority's own
	Begins    time.Time
	Ends      time.Time
	Reason    string
	From      soap.ClientID
	Door      string
	MessageID string
}

// longestDowntime bounds one announcement: it stops clocks.
const longestDowntime = 31 * 24 * time.Hour

// Announce takes an authority's announcement in the caller's transaction. While
// the downtime lasts, sends wait without an attempt being counted, nobody is
// reminded, and the clocks stop whose policy says so. The error is a *[Refusal].
func (p *Procedure) Announce(ctx context.Context, tx pgx.Tx, d DowntimeNotice) (ReceiptStatus, error) {
	authority := p.authorityOf(d.From)
	if authority == "" {
		return "", unknownLeg()
	}
	var f faults
	f.text("/downtime_id", d.ID, true, maxShort)
	f.text("/reason", d.Reason, true, maxLine)
	d.Begins, d.Ends = d.Begins.UTC().Truncate(time.Second), d.Ends.UTC().Truncate(time.Second)
	switch {
	case d.Ends.Before(d.Begins):
		f.add("/until", "range", "the end is before the beginning")
	case d.Ends.Sub(d.Begins) > longestDowntime:
		f.add("/until", "range", "at most %d days can be announced at once", longestDowntime/(24*time.Hour))
	}
	if len(f) > 0 {
		return "", &Refusal{RefusedInvalid, f}
	}
	now := p.clock()
	var begins, ends time.Time
	var reason string
	err := tx.QueryRow(ctx, `select from_at, until_at, reason from consultation.downtime where (authority, downtime_id) = ($1, $2) for update`,
		authority, d.ID).Scan(&begins, &ends, &reason)
	known := err == nil
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("looking for an earlier announcement: %w", err)
	}
	switch {
	case known && begins.Equal(d.Begins) && ends.Equal(d.Ends) && reason == d.Reason:
		return StatusDuplicate, nil
	case known && !ends.After(now):
		return "", &Refusal{RefusedConflict, []Violation{{Path: "/downtime_id", Code: FaultState, Message: "this downtime is over"}}}
	case known && !begins.After(now) && !begins.Equal(d.Begins):
		f.add("/from", "range", "this downtime has begun; its beginning stays")
	case !known && d.Begins.Before(now.Add(-time.Minute)):
		f.add("/from", "range", "the beginning has passed; a downtime is announced before it")
	case known && d.Ends.Before(now.Add(-time.Minute)) && d.Ends.After(d.Begins):
		f.add("/until", "range", "the end has passed")
	}
	if len(f) > 0 {
		return "", &Refusal{RefusedInvalid, f}
	}
	_, err = tx.Exec(ctx, `
		insert into consultation.downtime (authority, downtime_id, from_at, until_at, reason, announced_at, from_client, door, message_id)
		values ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''))
		on conflict (authority, downtime_id) do update set from_at = excluded.from_at, until_at = excluded.until_at, reason = excluded.reason,
			announced_at = excluded.announced_at, from_client = excluded.from_client, door = excluded.door, message_id = excluded.message_id`,
		authority, d.ID, d.Begins, d.Ends, d.Reason, now, d.From.String(), d.Door, d.MessageID)
	if err != nil {
		return "", fmt.Errorf("storing the announcement: %w", err)
	}
	what := Downtime{Authority: authority, ID: d.ID, From: d.Begins, Until: d.Ends, Reason: d.Reason, AnnouncedAt: now}
	data, _ := json.Marshal(what) // texts and times of this century always marshal
	err = outbox.Append(ctx, tx, outbox.Event{
		ID:   uuid.NewSHA1(eventSpace, append([]byte(eventDowntime+"/"), data...)).String(),
		Type: eventDowntime, Source: eventSource, Subject: "authority/" + authority, Time: now, Data: data,
	})
	if err != nil {
		return "", fmt.Errorf("telling about a downtime: %w", err)
	}
	return StatusAccepted, nil
}

// Downtime is one that an authority has announced.
type Downtime struct {
	Authority   string    `json:"authority"`
	ID          string    `json:"downtime_id"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	Reason      string    `json:"reason"`
	AnnouncedAt time.Time `json:"announced_at"`
}

// Downtimes lists those that last or are still to come, in the order in which
// they begin.
func (p *Procedure) Downtimes(ctx context.Context, db outbox.DB) ([]Downtime, error) {
	rows, err := db.Query(ctx, `
		select authority, downtime_id, from_at, until_at, reason, announced_at from consultation.downtime
		where until_at > $1 and until_at > from_at and not ended order by from_at, authority, downtime_id`, p.clock())
	if err != nil {
		return nil, fmt.Errorf("listing downtimes: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Downtime, error) {
		var d Downtime
		err := row.Scan(&d.Authority, &d.ID, &d.From, &d.Until, &d.Reason, &d.AnnouncedAt)
		d.From, d.Until, d.AnnouncedAt = d.From.UTC(), d.Until.UTC(), d.AnnouncedAt.UTC()
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing downtimes: %w", err)
	}
	return append([]Downtime{}, list...), nil
}

// downUntil is the end of the downtime of an authority that lasts now; zero when
// none does.
func (p *Procedure) downUntil(ctx context.Context, tx pgx.Tx, authority string) (time.Time, error) {
	var until *time.Time
	err := tx.QueryRow(ctx, `select max(until_at) from consultation.downtime where authority = $1 and from_at <= $2 and until_at > $2 and not ended`,
		authority, p.clock()).Scan(&until)
	if err != nil || until == nil {
		return time.Time{}, err
	}
	return until.UTC(), nil
}

// KeepDowntimes does what downtimes want that have begun or ended: it pauses and
// resumes sending to the authority, and stops and starts the clocks. Any number of
// processes may run it on one database.
func (p *Procedure) KeepDowntimes(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, `select authority, downtime_id from consultation.downtime where not ended and from_at <= $1 order by from_at, authority`, p.clock())
	if err != nil {
		return fmt.Errorf("looking for downtimes: %w", err)
	}
	type key struct{ Authority, ID string }
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	if err != nil {
		return fmt.Errorf("looking for downtimes: %w", err)
	}
	var problems []error
	for _, k := range list {
		if err := p.keepDowntime(ctx, pool, k.Authority, k.ID); err != nil {
			problems = append(problems, fmt.Errorf("keeping a downtime of %s: %w", k.Authority, err))
		}
	}
	return errors.Join(problems...)
}

func (p *Procedure) keepDowntime(ctx context.Context, pool *pgxpool.Pool, authority, id string) error {
	var from, until time.Time
	ending := false
	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		now := p.clock()
		var begun, ended bool
		err := tx.QueryRow(ctx, `select from_at, until_at, begun, ended from consultation.downtime where (authority, downtime_id) = ($1, $2) for update`,
			authority, id).Scan(&from, &until, &begun, &ended)
		if err != nil || ended {
			return err
		}
		ending = !until.After(now)
		if destination := p.authorities[authority].Destination; destination != "" {
			if err := p.holdSends(ctx, tx, destination, authority, until.Sub(now), begun); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `update consultation.downtime set begun = true where (authority, downtime_id) = ($1, $2)`, authority, id)
		return err
	})
	if err != nil {
		return err
	}
	if until.After(from) {
		if err := p.eachLeg(ctx, pool, authority, HappenedDowntimeBegan, from); err != nil {
			return err
		}
	}
	if !ending {
		return nil
	}
	if err := p.eachLeg(ctx, pool, authority, HappenedDowntimeEnded, until); err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `update consultation.downtime set ended = true where (authority, downtime_id) = ($1, $2) and until_at <= $3`, authority, id, p.clock())
	return err
}

// holdSends pauses the destination for as long as the downtime still lasts, and
// ends its own pause when it is over. What people have paused stays so.
func (p *Procedure) holdSends(ctx context.Context, tx pgx.Tx, destination, authority string, lasts time.Duration, begun bool) error {
	by := "downtime of " + authority
	breakers, err := outbox.Breakers(ctx, tx)
	if err != nil {
		return err
	}
	heldBy := ""
	for _, b := range breakers {
		if b.Destination == destination {
			heldBy = b.HeldBy
		}
	}
	switch {
	case lasts <= 0 && heldBy == by:
		return outbox.Unpause(ctx, tx, destination, by, "the announced downtime is over")
	case lasts > 0 && heldBy == "" && !begun:
		// A little longer than it lasts: it ends by the hub's clock, not the database's.
		return outbox.Pause(ctx, tx, destination, by, "the authority has announced a downtime", lasts+time.Minute)
	}
	return nil
}

// eachLeg lets the beginning or the end of a downtime happen to every question of
// the authority whose clock it stops or has stopped, each in a transaction of its
// own.
func (p *Procedure) eachLeg(ctx context.Context, pool *pgxpool.Pool, authority string, what Happening, at time.Time) error {
	condition := map[Happening]string{
		HappenedDowntimeBegan: `policy->>'downtime' = 'clock_stops' and not coalesce((progress->>'down')::boolean, false)`,
		HappenedDowntimeEnded: `coalesce((progress->>'down')::boolean, false)`,
	}[what]
	rows, err := pool.Query(ctx, `select id from consultation.leg where authority = $1 and state not in (`+finalStates+`) and `+condition, authority)
	if err != nil {
		return err
	}
	legs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, leg := range legs {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			l, err := lockLeg(ctx, tx, leg)
			if err != nil {
				return err
			}
			moment := at
			if l.progress.Term != nil && l.progress.Term.Start.After(at) {
				moment = l.progress.Term.Start // asked, or delivered, while it lasts
			}
			if _, err := p.happen(ctx, tx, &l, occurrence{What: what, At: moment}, news{actor: byAuthority}); err != nil {
				if _, refused := errors.AsType[*Refusal](err); !refused {
					return err
				}
			}
			return p.settle(ctx, tx, l.round, l.roundState)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
