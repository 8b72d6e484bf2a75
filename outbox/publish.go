package outbox

import (
	"context"
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
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
// with all messages. A call with more than 128 lanes of one destination locks the destination as a whole instead: others
// who publish to it wait until the transaction ends. Whoever stores very many does so in transactions of some hundreds.
//
// Relays are woken once per destination and call, without a payload, and only where no relay is awake: a notifying
// transaction takes a lock of the whole database server while it commits (measured: down to a third of the commits per
// second at 8 writers, a fifth at 32).
func Publish(ctx context.Context, tx pgx.Tx, msgs ...Message) error {
	batch := &pgx.Batch{}
	if err := Queue(batch, msgs...); err != nil {
		return err
	}
	var err error
	switch batch.Len() {
	case 0:
		return nil
	case 1:
		_, err = tx.Exec(ctx, batch.QueuedQueries[0].SQL, batch.QueuedQueries[0].Arguments...)
	default:
		err = tx.SendBatch(ctx, batch).Close()
	}
	if err != nil {
		return fmt.Errorf("publishing %d messages: %w", len(msgs), err)
	}
	return nil
}

// Queue adds to a batch what Publish does, so that it costs the caller no round trip of its own. The batch must be sent in
// a transaction; its error is the caller's to tell.
func Queue(batch *pgx.Batch, msgs ...Message) error {
	for i, m := range msgs {
		if err := m.validate(); err != nil {
			return fmt.Errorf("publishing message %d of %d: %w", i+1, len(msgs), err)
		}
	}
	switch len(msgs) {
	case 0:
	case 1:
		m := msgs[0]
		args := []any{lockKey(m.Destination), lockKey(m.Destination, m.Lane), m.Destination, m.Lane, m.Kind, m.Key, m.payload(), m.TraceParent}
		if m.Delay == 0 && m.Expires == 0 && !m.Bulk {
			batch.Queue(storePlain, args...)
		} else {
			batch.Queue(storeOne, append(args, m.Delay.Seconds(), m.expires(), m.Bulk)...)
		}
	default:
		destinations, whole, lanes := lockKeys(msgs)
		batch.Queue(lockDestinations, destinations, whole)
		if len(lanes) > 0 {
			batch.Queue(lockEach, lanes)
		}
		queueMany(batch, msgs)
	}
	return nil
}

func queueMany(batch *pgx.Batch, msgs []Message) {
	n := len(msgs)
	dests, lanes, kinds, keys, traces := make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	payloads, delays, expiries, bulks := make([][]byte, n), make([]float64, n), make([]*float64, n), make([]bool, n)
	for i, m := range msgs {
		dests[i], lanes[i], kinds[i], keys[i], traces[i] = m.Destination, m.Lane, m.Kind, m.Key, m.TraceParent
		payloads[i], delays[i], expiries[i], bulks[i] = m.payload(), m.Delay.Seconds(), m.expires(), m.Bulk
	}
	batch.Queue(storeMany, dests, lanes, kinds, keys, payloads, traces, delays, expiries, bulks)
}

func (m Message) payload() []byte {
	if m.Payload == nil {
		return []byte{}
	}
	return m.Payload
}

// expires is after how many seconds the message is of no use, nil for never.
func (m Message) expires() *float64 {
	if m.Expires <= 0 {
		return nil
	}
	secs := m.Expires.Seconds()
	return &secs
}

// mostLanes is how many lanes of a destination one call locks each by itself. Unless it is told otherwise, PostgreSQL has room
// for 64 locks of every connection that it allows, used or not, and for more than 7,000 in all: for sixty such calls at once.
const mostLanes = 128

// lockKeys are the keys of the locks for messages, in the order in which everybody locks: destinations, some of them as a
// whole, and lanes of the others.
func lockKeys(msgs []Message) (destinations []int64, whole []bool, lanes []int64) {
	of := map[int64]map[int64]bool{}
	for _, m := range msgs {
		key := lockKey(m.Destination)
		if of[key] == nil {
			of[key] = map[int64]bool{}
		}
		of[key][lockKey(m.Destination, m.Lane)] = true
	}
	for _, destination := range slices.Sorted(maps.Keys(of)) {
		all := len(of[destination]) > mostLanes
		destinations, whole = append(destinations, destination), append(whole, all)
		if !all {
			lanes = slices.AppendSeq(lanes, maps.Keys(of[destination]))
		}
	}
	slices.Sort(lanes)
	return destinations, whole, lanes
}

// lockKey is the key of an advisory lock. Two names that have one key only wait for one another.
func lockKey(names ...string) int64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, "outbox publish")
	for _, name := range names {
		_, _ = io.WriteString(h, "\x00"+name)
	}
	return int64(h.Sum64())
}

const (
	lockDestinations = `
select case when w.whole then pg_advisory_xact_lock(w.k) else pg_advisory_xact_lock_shared(w.k) end
from unnest($1::bigint[], $2::bool[]) as w(k, whole)`
	lockEach = `select pg_advisory_xact_lock(w.k) from unnest($1::bigint[]) as w(k)`

	// wake notifies those of the destinations stored for which a dispatcher sleeps.
	wake = `
select pg_notify('` + channelPrefix + `' || destination, '') from (select distinct destination from stored) s
where not pg_try_advisory_xact_lock_shared(hashtextextended('outbox asleep ' || destination, 0))`

	// storeOne locks a message's lane and stores it. Its id is drawn after the lock is there, and so in the order of the
	// commits of its lane, and after the transaction has its own: whoever reads the log takes it that transactions which
	// come later have higher ids. A condition is evaluated before the row, and case in its order. One plain insert costs the
	// caller's transaction much less than one among other parts of a query.
	storeOne = `
insert into outbox.message (destination, lane, kind, key, payload, traceparent, born, not_before, expires_at, bulk)
select $3, $4, $5, $6, $7, $8, pg_current_xact_id(), now() + make_interval(secs => $9), now() + make_interval(secs => $10), $11` + onceLocked

	// storePlain is storeOne of a message that has no delay, does not expire, and is not bulk.
	storePlain = `
insert into outbox.message (destination, lane, kind, key, payload, traceparent, born, not_before)
select $3, $4, $5, $6, $7, $8, pg_current_xact_id(), now()` + onceLocked

	onceLocked = `
where case when pg_advisory_xact_lock_shared($1::bigint) is null or pg_advisory_xact_lock($2::bigint) is null then false
           else pg_current_xact_id() is not null end
on conflict (destination, key) do nothing
returning case when pg_try_advisory_xact_lock_shared(hashtextextended('outbox asleep ' || destination, 0)) then null
               else pg_notify('` + channelPrefix + `' || destination, '') end`

	// storeMany draws the ids in the order given.
	storeMany = `
with own as materialized (
    select pg_current_xact_id() as born
), stored as (
    insert into outbox.message (destination, lane, kind, key, payload, traceparent, not_before, expires_at, bulk, born)
    select w.destination, w.lane, w.kind, w.key, w.payload, w.traceparent, now() + make_interval(secs => w.delay),
           now() + make_interval(secs => w.expires), w.bulk, own.born
    from own cross join unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::text[], $7::float8[], $8::float8[], $9::bool[])
         as w(destination, lane, kind, key, payload, traceparent, delay, expires, bulk)
    on conflict (destination, key) do nothing
    returning destination
)` + wake

	// lockLanes creates the lanes that are missing and locks the others without writing to them; it returns the
	// destinations of the created ones.
	lockLanes = `
insert into outbox.lane (destination, key, ready_at, bulk, by_relay)
select w.destination, w.key, now() + make_interval(secs => w.delay), w.bulk, true
from unnest($1::text[], $2::text[], $3::float8[], $4::bool[]) as w(destination, key, delay, bulk)
order by w.destination collate "C", w.key collate "C"
on conflict (destination, key) do update set ready_at = lane.ready_at where false
returning destination`

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
