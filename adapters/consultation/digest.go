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

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
	"ristmik/soap"
)

// digestWaits is how long after the beginning of the office hours the day's
// digest is made, so that all of the morning's reminders are in it.
const digestWaits = 15 * time.Minute

// digestDue is when the digest is made that takes a reminder of now: today's,
// when it is still to come, else that of the next day with office hours.
func digestDue(now time.Time) time.Time {
	today := calendar.InOffice(calendar.DayOf(now).At(0, 0, 0)).Add(digestWaits)
	if !now.After(today) {
		return today
	}
	return calendar.InOffice((calendar.DayOf(now) + 1).At(0, 0, 0)).Add(digestWaits)
}

// reminderQueue is what goes into the digests of one day.
type reminderQueue struct {
	day           string
	due           time.Time
	legs          []string
	numbers, part []int
	authorities   []string
}

func (q *reminderQueue) add(l *lockedLeg, percent int) {
	q.legs, q.numbers, q.part = append(q.legs, l.id), append(q.numbers, l.changes), append(q.part, percent)
	q.authorities = append(q.authorities, l.policy.Authority)
}

// queue stores the reminders. The digests come in one order, so that two who begin
// some at once do not wait for one another.
func (q *reminderQueue) queue(batch *pgx.Batch, now time.Time) {
	if len(q.legs) == 0 {
		return
	}
	batch.Queue(`
		insert into consultation.digest (authority, day, due_at) select distinct authority, $2::date, $3::timestamptz from unnest($1::text[]) w (authority)
		order by authority on conflict do nothing`, q.authorities, q.day, q.due)
	batch.Queue(`
		insert into consultation.reminder (leg_id, number, authority, day, percent, at)
		select leg, number, authority, $5::date, percent, $6 from unnest($1::uuid[], $2::int[], $3::text[], $4::int[]) w (leg, number, authority, percent)`,
		q.legs, q.numbers, q.authorities, q.part, q.day, now)
}

// makeDigests makes the digests that are due and returns how many. One that would
// say nothing is not made.
func (p *Procedure) makeDigests(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	made := 0
	for {
		more := false
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			now := p.clock()
			var authority, day string
			err := tx.QueryRow(ctx, `
				select authority, day::text from consultation.digest where made_at is null and due_at <= $1
				order by due_at limit 1 for no key update skip locked`, now).Scan(&authority, &day)
			if errors.Is(err, pgx.ErrNoRows) {
				return nil
			}
			if err != nil {
				return err
			}
			more = true
			until, err := p.restsUntil(ctx, tx, authority, p.authorities[authority].Destination)
			if err != nil {
				return err
			}
			if until.IsZero() {
				until = calendar.InOffice(now)
			}
			if until.After(now) {
				_, err := tx.Exec(ctx, `update consultation.digest set due_at = $3 where (authority, day) = ($1, $2::date)`, authority, day, calendar.InOffice(until))
				return err
			}
			told, err := p.makeDigest(ctx, tx, authority, day, now)
			if told {
				made++
			}
			return err
		})
		if err != nil {
			return made, fmt.Errorf("making a digest: %w", err)
		}
		if !more {
			return made, nil
		}
	}
}

// makeDigest settles what stands in a digest: one reminder, the latest, of each
// question that still waits for the authority. Each is also a notice for it. What
// is being answered in the same moment is waited for, and left out: questions are
// locked in the order in which timers lock them.
func (p *Procedure) makeDigest(ctx context.Context, tx pgx.Tx, authority, day string, now time.Time) (bool, error) {
	told, err := tx.Exec(ctx, `
		with waiting as materialized (
			select l.id from consultation.leg l
			where l.id in (select leg_id from consultation.reminder where (authority, day) = ($1, $2::date)) and l.state = any($3)
				and l.progress->'wanted' is null and not coalesce((l.progress->>'asking')::boolean, false)
			order by l.consultation_id, l.round for share
		), told as (
			update consultation.reminder r set told = true from waiting w
			where (r.authority, r.day) = ($1, $2::date) and w.id = r.leg_id
				and not exists (select from consultation.reminder n where n.leg_id = r.leg_id and n.day = r.day and n.number > r.number)
			returning r.leg_id
		)
		insert into consultation.notice (authority, leg_id, what, at) select $1, leg_id, $4, $5 from told`,
		authority, day, reminded, HappenedReminded, now)
	if err != nil {
		return false, err
	}
	if told.RowsAffected() == 0 {
		batch := &pgx.Batch{}
		batch.Queue(`delete from consultation.reminder where (authority, day) = ($1, $2::date)`, authority, day)
		batch.Queue(`delete from consultation.digest where (authority, day) = ($1, $2::date)`, authority, day)
		return false, tx.SendBatch(ctx, batch).Close()
	}
	if _, err := tx.Exec(ctx, `update consultation.digest set made_at = $3 where (authority, day) = ($1, $2::date)`, authority, day, now); err != nil {
		return false, err
	}
	if err := p.tellCore(ctx, tx, authority, day, now); err != nil {
		return true, err
	}
	return true, p.tellDigest(ctx, tx, authority, day, now)
}

// tellCore appends the event of a digest.
func (p *Procedure) tellCore(ctx context.Context, tx pgx.Tx, authority, day string, now time.Time) error {
	var shown bool // of a digest that is all of hidden questions nobody else may know
	err := tx.QueryRow(ctx, `
		select exists (select from consultation.reminder r join consultation.leg l on l.id = r.leg_id
			where (r.authority, r.day) = ($1, $2::date) and r.told and not l.hidden)`, authority, day).Scan(&shown)
	if err != nil || !shown {
		return err
	}
	data, _ := json.Marshal(digestData{authority, day}) // texts always marshal
	return outbox.Append(ctx, tx, outbox.Event{
		ID: uuid.NewSHA1(eventSpace, []byte(eventDigest+"/"+authority+"/"+day)).String(), Type: eventDigest, Source: eventSource,
		Subject: "authority/" + authority, Time: now, Data: data,
	})
}

// digestData is the data of the event of a digest. It says nothing of what the
// digest holds, because not everybody who reads events may know.
type digestData struct {
	Authority string `json:"authority"`
	Day       string `json:"day"`
}

// Digest is what an authority is reminded of on one day.
type Digest struct {
	Day       calendar.Day `json:"day"`
	MadeAt    time.Time    `json:"made_at"`
	Reminders []Reminder   `json:"reminders"`
}

// Reminder is one question that waits for the authority. It holds no personal
// data.
type Reminder struct {
	LegID         string     `json:"consultation_id"` // what the authority knows it as
	Round         int        `json:"round"`
	CaseReference string     `json:"case_reference"`
	CaseType      string     `json:"case_type"`
	Percent       int        `json:"percent"` // of the term that had passed
	State         LegState   `json:"state"`   // now
	DueAt         *time.Time `json:"due_at,omitempty"`
}

// Digests gives the digests of the authority for which the subsystem may speak,
// of the days after the given one (all of them after day 0), oldest first, at most
// limit; none for a subsystem that speaks for nobody. There is at most one a day.
func (p *Procedure) Digests(ctx context.Context, db outbox.DB, from soap.ClientID, after calendar.Day, limit int) ([]Digest, error) {
	authority := p.authorityOf(from)
	if authority == "" {
		return nil, nil
	}
	return digests(ctx, db, authority, after, limit)
}

// DigestsAtDesk gives the digests of the authority at whose desk the clerk works;
// see [Procedure.Digests]. The error is a *[Refusal] of the kind forbidden for who
// is no clerk or not surely enough who it says.
func (p *Procedure) DigestsAtDesk(ctx context.Context, db outbox.DB, c Clerk, after calendar.Day, limit int) ([]Digest, error) {
	authority, err := workplace(ctx, db, c)
	if err != nil {
		return nil, err
	}
	return digests(ctx, db, authority, after, limit)
}

func digests(ctx context.Context, db outbox.DB, authority string, after calendar.Day, limit int) ([]Digest, error) {
	rows, err := db.Query(ctx, `
		select d.day::text, d.made_at, l.id, l.round, r.case_reference, l.type, m.percent, l.state, l.due_at
		from (select * from consultation.digest where authority = $1 and day > $2::date and made_at is not null order by day limit $3) d
		join consultation.reminder m on (m.authority, m.day) = (d.authority, d.day) and m.told
		join consultation.leg l on l.id = m.leg_id
		join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
		order by d.day, l.due_at, l.id`, authority, after.String(), limit)
	if err != nil {
		return nil, fmt.Errorf("reading the digests of %s: %w", authority, err)
	}
	var list []Digest
	var text string
	var made time.Time
	var r Reminder
	_, err = pgx.ForEachRow(rows, []any{&text, &made, &r.LegID, &r.Round, &r.CaseReference, &r.CaseType, &r.Percent, &r.State, &r.DueAt}, func() error {
		day, err := calendar.ParseDay(text)
		if err != nil {
			return err
		}
		if n := len(list); n == 0 || list[n-1].Day != day {
			list = append(list, Digest{Day: day, MadeAt: made.UTC()})
		}
		r.DueAt = inUTC(r.DueAt)
		last := &list[len(list)-1]
		last.Reminders = append(last.Reminders, r)
		r = Reminder{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the digests of %s: %w", authority, err)
	}
	return list, nil
}
