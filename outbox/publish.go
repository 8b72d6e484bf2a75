package outbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// maxDestination is what is left of PostgreSQL's 63 bytes for the name of a notification channel.
const maxDestination = 63 - len(channelPrefix)

// channelPrefix with a destination's name is the channel on which its relays are woken.
const channelPrefix = "outbox: "

// Publish stores messages in the caller's transaction; they are sent after it commits, and not at all if it does not.
// No messages is no work. A message whose destination and key are known already changes nothing. Messages of one lane
// are sent in the order in which they are given and in which transactions commit. An invalid message gives an error
// that wraps ErrInvalid and stores none of them.
//
// Publish locks the lanes, in a fixed order, until the transaction ends: that is what makes the order of ids in a lane
// the order of commits, which ids alone are not. So it should be the last thing that the transaction does, called once
// with all messages. A deadlock with a relay is resolved inside, by a savepoint; what the caller has done before stays.
//
// Relays are woken once per destination and call, without a payload, only for lanes that were empty, and only where no
// relay is awake: a notifying transaction takes a lock of the whole database server while it commits (measured: down to
// a third of the commits per second at 8 writers, a fifth at 32).
func Publish(ctx context.Context, tx pgx.Tx, msgs ...Message) error {
	if len(msgs) == 0 {
		return nil
	}
	type lane struct{ destination, key string }
	var (
		n                                 = len(msgs)
		seen                              = make(map[lane]bool, n)
		laneDests, laneKeys               []string
		laneDelays                        []float64
		laneBulks                         []bool
		dests, lanes, kinds, keys, traces = make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		payloads                          = make([][]byte, n)
		delays                            = make([]float64, n)
		expiries                          = make([]*float64, n)
		bulks                             = make([]bool, n)
	)
	for i, m := range msgs {
		if err := m.validate(); err != nil {
			return fmt.Errorf("publishing message %d of %d: %w", i+1, n, err)
		}
		dests[i], lanes[i], kinds[i], keys[i], traces[i] = m.Destination, m.Lane, m.Kind, m.Key, m.TraceParent
		payloads[i], delays[i], bulks[i] = m.Payload, m.Delay.Seconds(), m.Bulk
		if m.Expires > 0 {
			secs := m.Expires.Seconds()
			expiries[i] = &secs
		}
		if payloads[i] == nil {
			payloads[i] = []byte{}
		}
		if l := (lane{m.Destination, m.Lane}); !seen[l] {
			seen[l] = true
			laneDests, laneKeys, laneDelays = append(laneDests, l.destination), append(laneKeys, l.key), append(laneDelays, m.Delay.Seconds())
			laneBulks = append(laneBulks, m.Bulk)
		}
	}
	var stored int
	for try := 1; ; try++ {
		var err error
		stored, err = store(ctx, tx, []any{laneDests, laneKeys, laneDelays, laneBulks}, []any{dests, lanes, kinds, keys, payloads, traces, delays, expiries, bulks}, len(laneKeys) > 1)
		if err == nil {
			break
		}
		if !deadlocked(err) || try == deadlockTries || len(laneKeys) == 1 {
			return fmt.Errorf("publishing %d messages: %w", n, err)
		}
		if _, err := tx.Exec(ctx, "rollback to savepoint "+savepoint); err != nil {
			return fmt.Errorf("publishing %d messages: after a deadlock: %w", n, err)
		}
	}
	if stored == n {
		return nil
	}
	// A lane may have been created for nothing but known messages, or for one before its head.
	batch := &pgx.Batch{}
	batch.Queue(dueAsHeads, laneDests, laneKeys)
	batch.Queue(dropEmptyLanes, laneDests, laneKeys)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("publishing %d messages: putting lanes right: %w", n, err)
	}
	return nil
}

// savepoint is where a transaction that publishes goes back to when it was the victim of a deadlock.
const savepoint = "outbox_publish"

// deadlockTries is how often a Publish is begun that ends in a deadlock each time; one more than a few means that the
// locks which the caller held before are part of it.
const deadlockTries = 4

// store locks the lanes, wakes who sleeps, and stores the messages, in one round trip. It tells how many messages were
// not known.
//
// Publishers lock lanes in one order and relays skip what is locked, and still they can meet in a deadlock: where a row
// was changed between a relay's snapshot and its look at the row, PostgreSQL waits for the lock of the newest version in
// spite of SKIP LOCKED (heap_lock_updated_tuple), and the relay holds other lanes meanwhile. Going back to the savepoint
// gives up the lanes locked here, so that the relay goes on.
func store(ctx context.Context, tx pgx.Tx, lanes, messages []any, many bool) (stored int, err error) {
	batch := &pgx.Batch{}
	if many {
		batch.Queue("savepoint " + savepoint)
	}
	batch.Queue(lockLanesAndWake, lanes...)
	batch.Queue(insertMessages, messages...).QueryRow(func(row pgx.Row) error { return row.Scan(&stored) })
	if many {
		batch.Queue("release savepoint " + savepoint)
	}
	return stored, tx.SendBatch(ctx, batch).Close()
}

// deadlocked says whether the database ended the transaction's work as the victim of a deadlock.
func deadlocked(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pe.Code == "40P01"
}

const (
	// lockLanes creates the lanes that are missing and locks the others without writing to them; it returns the
	// destinations of the created ones.
	lockLanes = `
insert into outbox.lane (destination, key, ready_at, bulk)
select w.destination, w.key, now() + make_interval(secs => w.delay), w.bulk
from unnest($1::text[], $2::text[], $3::float8[], $4::bool[]) as w(destination, key, delay, bulk)
order by w.destination collate "C", w.key collate "C"
on conflict (destination, key) do update set ready_at = lane.ready_at where false
returning destination`

	// lockLanesAndWake does the same and wakes the destinations of the created ones, where all sleep.
	lockLanesAndWake = `with created as (` + lockLanes + `)
select pg_notify('` + channelPrefix + `' || destination, '') from (select distinct destination from created) c
where not pg_try_advisory_xact_lock_shared(hashtextextended('outbox asleep ' || destination, 0))`

	// insertMessages draws the ids after the lanes are locked, in the order given.
	insertMessages = `
with stored as (
    insert into outbox.message (destination, lane, kind, key, payload, traceparent, not_before, expires_at, bulk)
    select w.destination, w.lane, w.kind, w.key, w.payload, w.traceparent, now() + make_interval(secs => w.delay),
           now() + make_interval(secs => w.expires), w.bulk
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::float8[], $8::float8[], $9::bool[])
         with ordinality as w(destination, lane, kind, key, payload, traceparent, delay, expires, bulk, ord)
    order by w.ord
    on conflict (destination, key) do nothing
    returning id, destination, lane, not_before, expires_at, bulk
), waiting as (
    insert into outbox.pending (destination, lane, id, due, expires_at, bulk)
    select s.destination, s.lane, s.id, s.not_before, s.expires_at, s.bulk from stored s
    returning id
)
select count(*) from waiting`

	// dueAsHeads makes lanes, locked by the caller, due when their heads are. A lane that is claimed keeps its lease:
	// whoever holds it works its due time out when it gives the lane back.
	dueAsHeads = `
update outbox.lane l
set ready_at = h.due, bulk = h.bulk, due = 'infinity'
from unnest($1::text[], $2::text[]) as w(destination, key)
cross join lateral (
    select p.due, p.bulk from outbox.pending p
    where p.destination = w.destination and p.lane = w.key order by p.id limit 1) h
where l.destination = w.destination and l.key = w.key and l.fence is null and (l.ready_at <> h.due or l.bulk <> h.bulk)`

	// dropEmptyLanes removes lanes, locked by the caller, that have nothing pending.
	dropEmptyLanes = `
delete from outbox.lane l
using unnest($1::text[], $2::text[]) as w(destination, key)
where l.destination = w.destination and l.key = w.key
  and not exists (select from outbox.pending p where p.destination = l.destination and p.lane = l.key)`

	notify = `select pg_notify(channel, '') from unnest($1::text[]) as channel`
)

// channels are the notification channels of destinations.
func channels(destinations map[string]bool) []string {
	var out []string
	for destination := range destinations {
		out = append(out, channelPrefix+destination)
	}
	return out
}

func (m Message) validate() error {
	if len(m.Destination) > maxDestination {
		return fmt.Errorf("%w message: destination longer than %d bytes", ErrInvalid, maxDestination)
	}
	if m.Delay < 0 || m.Expires < 0 {
		return fmt.Errorf("%w message: negative delay or expiry", ErrInvalid)
	}
	for _, f := range []struct{ name, value string }{
		{"destination", m.Destination}, {"lane", m.Lane}, {"kind", m.Kind}, {"key", m.Key},
	} {
		if f.value == "" {
			return fmt.Errorf("%w message: %s is missing", ErrInvalid, f.name)
		}
		if !storable(f.value) {
			return fmt.Errorf("%w message: %s is not text", ErrInvalid, f.name)
		}
	}
	if !storable(m.TraceParent) {
		return fmt.Errorf("%w message: trace parent is not text", ErrInvalid)
	}
	return nil
}

// storable says whether PostgreSQL can keep s as text.
func storable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
}
