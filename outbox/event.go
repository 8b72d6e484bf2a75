package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrBadPosition says that a Position is not one that this package has given.
var ErrBadPosition = errors.New("bad event position")

// Event is something that has happened.
type Event struct {
	// ID is unique over all events: appending it again changes nothing.
	ID string
	// Type says what happened, for example "consultation.answered"; Source says where.
	Type, Source string
	// Subject is what it happened to, for example a consultation's id. Events of one subject are read in the order in
	// which their transactions committed.
	Subject string
	// Time is when it happened.
	Time time.Time
	// Data is one JSON value, kept as it is written; empty means none.
	Data json.RawMessage
}

// Position is a place in the record of events; "" is its beginning. It is opaque, and stays valid for ever.
type Position string

// Recorded is an event with its place: reading goes on after Position.
type Recorded struct {
	Event    Event
	Position Position
}

// Append records events in the caller's transaction. No events is no work; an event whose ID is known changes nothing;
// an invalid one gives an error that wraps ErrInvalid. The order of the given events is kept. Append locks the
// subjects, in a fixed order, until the transaction ends; it comes before Publish in a transaction that does both.
//
// Neither ids nor transaction ids alone are the order of commits, and a reader who remembers the highest id it has
// seen loses what a slower transaction commits below it. So every event has a label, at least the id of the
// transaction that writes it and never less than the label of an event of the same subject that committed before it:
//
//	label = greatest(pg_current_xact_id(), label of the subject's last event)
//
// The subject's row in stream is locked while its label is read and written, and the event's id is drawn after that,
// so (label, id) grows in commit order per subject. Events reads in order of (label, id), and only labels below the
// oldest transaction still running. Whatever commits later was written by a transaction at or above that horizon, and
// has a label at or above it: nothing committed is ever skipped. The price: while a writing transaction of the
// database cluster stays open, events committed after its start are not read.
func Append(ctx context.Context, tx pgx.Tx, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	if err := QueueEvents(batch, events...); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("appending %d events: %w", len(events), err)
	}
	return nil
}

// QueueEvents adds to a batch what Append does, so that it costs the caller no
// round trip of its own. The batch must be sent in a transaction; its error is the
// caller's to tell.
func QueueEvents(batch *pgx.Batch, events ...Event) error {
	if len(events) == 0 {
		return nil
	}
	n := len(events)
	ids, types, sources, subjects := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	times, data := make([]time.Time, n), make([]*string, n)
	for i, e := range events {
		if err := e.validate(); err != nil {
			return fmt.Errorf("appending event %d of %d: %w", i+1, n, err)
		}
		ids[i], types[i], sources[i], subjects[i], times[i] = e.ID, e.Type, e.Source, e.Subject, e.Time
		if len(e.Data) > 0 {
			text := string(e.Data)
			data[i] = &text
		}
	}
	batch.Queue(`
insert into outbox.stream (subject, label)
select s.subject, pg_current_xact_id()::text::bigint + h.shift
from (select distinct subject from unnest($1::text[]) as w(subject)) s, outbox.horizon h
order by s.subject collate "C"
on conflict (subject) do update set label = greatest(stream.label, excluded.label)`, subjects)
	// All subjects of the call get the highest label among them, so that the order of the call is kept too. No index is
	// named: a table that is split could not have the one of event_id.
	batch.Queue(`
with top as (
    select max(s.label) as label from outbox.stream s where s.subject = any($1)
), lifted as (
    update outbox.stream s set label = top.label from top where s.subject = any($1) and s.label < top.label
)
insert into outbox.event (label, event_id, type, source, subject, time, data)
select top.label, w.event_id, w.type, w.source, w.subject, w.time, w.data::json
from top, unnest($2::text[], $3::text[], $4::text[], $1::text[], $5::timestamptz[], $6::text[])
     with ordinality as w(event_id, type, source, subject, time, data, ord)
order by w.ord
on conflict do nothing`, subjects, ids, types, sources, times, data)
	return nil
}

func (e Event) validate() error {
	for _, f := range []struct{ name, value string }{
		{"id", e.ID}, {"type", e.Type}, {"source", e.Source}, {"subject", e.Subject},
	} {
		if f.value == "" {
			return fmt.Errorf("%w event: %s is missing", ErrInvalid, f.name)
		}
		if !storable(f.value) {
			return fmt.Errorf("%w event: %s is not text", ErrInvalid, f.name)
		}
	}
	if e.Time.IsZero() {
		return fmt.Errorf("%w event: time is missing", ErrInvalid)
	}
	if len(e.Data) > 0 && (!json.Valid(e.Data) || !storable(string(e.Data))) {
		return fmt.Errorf("%w event: data is not JSON", ErrInvalid)
	}
	return nil
}

// Events gives the events after a position, at most limit, in order; none when there are no more yet. Reading again
// from the same position gives the same events, and perhaps more.
func Events(ctx context.Context, db DB, after Position, limit int) ([]Recorded, error) {
	label, id, err := after.parse()
	if err != nil {
		return nil, err
	}
	rows, err := db.Query(ctx, `
select e.label, e.id, e.event_id, e.type, e.source, e.subject, e.time, e.data::text
from outbox.event e
where (e.label, e.id) > ($1, $2)
  and e.label < (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint + h.shift from outbox.horizon h)
order by e.label, e.id
limit $3`, label, id, limit)
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Recorded, error) {
		var r Recorded
		var label, id int64
		var data *string
		err := row.Scan(&label, &id, &r.Event.ID, &r.Event.Type, &r.Event.Source, &r.Event.Subject, &r.Event.Time, &data)
		if data != nil {
			r.Event.Data = json.RawMessage(*data)
		}
		r.Position = position(label, id)
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return list, nil
}

func position(label, id int64) Position {
	return Position(strconv.FormatInt(label, 36) + "-" + strconv.FormatInt(id, 36))
}

func (p Position) parse() (label, id int64, err error) {
	if p == "" {
		return 0, 0, nil
	}
	l, i, found := strings.Cut(string(p), "-")
	if found {
		label, err = strconv.ParseInt(l, 36, 64)
	}
	if found && err == nil {
		id, err = strconv.ParseInt(i, 36, 64)
	}
	if !found || err != nil || label < 0 || id < 0 || p != position(label, id) {
		return 0, 0, ErrBadPosition
	}
	return label, id, nil
}

// waitPoll is how often Wait looks.
const waitPoll = 100 * time.Millisecond

// Wait is Events that waits up to timeout for the first event. No events and no error means that none came.
func Wait(ctx context.Context, db DB, after Position, limit int, timeout time.Duration) ([]Recorded, error) {
	deadline := time.Now().Add(timeout)
	for {
		list, err := Events(ctx, db, after, limit)
		if err != nil || len(list) > 0 {
			return list, err
		}
		left := time.Until(deadline)
		if left <= 0 {
			return nil, nil
		}
		if !pauseFor(ctx, min(left, waitPoll)) {
			return nil, fmt.Errorf("waiting for events: %w", context.Cause(ctx))
		}
	}
}
