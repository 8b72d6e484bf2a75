package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// DestinationStats counts the messages of a destination by what they are doing now.
type DestinationStats struct {
	// Destination is the destination's name.
	Destination string
	// Ready messages are sent as soon as there is room, each when those before it in its lane are through.
	Ready int64
	// Sending messages are with a relay now.
	Sending int64
	// Waiting messages wait for a time (a delay or the next attempt), or behind one that waits.
	Waiting int64
	// Blocked messages wait behind a dead one that is the head of their lane, whatever the breaker does: only a person
	// who retries or discards that one lets them go on.
	Blocked int64
	// Parked messages wait for the destination: for its breaker or that of its gateway to close, a person's pause or an
	// announced outage to end, or its opening hours to begin. That counts no attempt.
	Parked int64
	// Dead messages need a person.
	Dead int64
	// Delivered and Discarded count since the beginning, messages pruned since included.
	Delivered, Discarded int64
	// OldestUnsent is the age of the oldest message that is neither delivered nor dead; 0 if there is none.
	OldestUnsent time.Duration
	// NextDue is when the first lane that is not blocked is due, as far as the breaker lets it; zero if there is none.
	NextDue time.Time
}

// Stats counts the messages of every destination that has or had any, by name.
func Stats(ctx context.Context, db DB) ([]DestinationStats, error) {
	rows, err := db.Query(ctx, `
with away as (
    select b.destination
    from outbox.breaker b left join outbox.breaker g on g.destination = b.gateway
    left join outbox.down bw on bw.destination = b.destination left join outbox.down gw on gw.destination = b.gateway
    where b.state <> 'closed' or b.held_until > now() or b.shut_until > now() or bw.until is not null
       or g.state <> 'closed' or g.held_until > now() or gw.until is not null
), unsent as (
    select p.destination,
           case when l.claimed_until > now() and (p.id = l.claimed or p.fence = l.fence) then 'sending'
                when l.ready_at = 'infinity' and l.fence is null then 'blocked'
                when a.destination is not null then 'parked'
                when p.due > now() or l.fence is null and l.ready_at > now() then 'waiting'
                else 'ready' end as doing,
           p.published_at, null::timestamptz as due
    from outbox.pending p
    left join outbox.lane l on l.destination = p.destination and l.key = p.lane
    left join away a on a.destination = p.destination
    where p.due < 'infinity'
    union all
    select m.destination,
           case when l.ready_at = 'infinity' and l.fence is null then 'blocked'
                when a.destination is not null then 'parked'
                when greatest(m.not_before, l.ready_at) > now() then 'waiting'
                else 'ready' end,
           m.published_at, m.not_before
    from outbox.untaken m
    left join outbox.lane l on l.destination = m.destination and l.key = m.lane
    left join away a on a.destination = m.destination
    union all
    select m.destination, 'sending', m.published_at, null from outbox.taken m
), waiting as (
    select destination,
           count(*) filter (where doing = 'ready') as ready,
           count(*) filter (where doing = 'sending') as sending,
           count(*) filter (where doing = 'waiting') as waiting,
           count(*) filter (where doing = 'blocked') as blocked,
           count(*) filter (where doing = 'parked') as parked,
           extract(epoch from now() - min(published_at))::float8 as oldest
    from unsent group by destination
), next as (
    select destination, min(due) as due from (
        select destination, ready_at as due from outbox.lane where ready_at < 'infinity'
        union all select destination, due from unsent where due is not null and doing <> 'blocked') d
    group by destination
), dead as (
    select destination, count(*) as dead from outbox.dead group by destination
), done as (
    select destination, sum(delivered)::bigint as delivered, sum(discarded)::bigint as discarded from outbox.tally group by destination
), known as (
    select destination from outbox.breaker
    union select destination from waiting union select destination from dead union select destination from done
)
select k.destination, coalesce(w.ready, 0), coalesce(w.sending, 0), coalesce(w.waiting, 0), coalesce(w.blocked, 0),
       coalesce(w.parked, 0), coalesce(d.dead, 0), coalesce(s.delivered, 0), coalesce(s.discarded, 0), coalesce(w.oldest, 0), n.due
from known k
left join waiting w on w.destination = k.destination
left join next n on n.destination = k.destination
left join dead d on d.destination = k.destination
left join done s on s.destination = k.destination
order by k.destination`)
	if err != nil {
		return nil, fmt.Errorf("counting messages: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (DestinationStats, error) {
		var s DestinationStats
		var oldest float64
		var due *time.Time
		err := row.Scan(&s.Destination, &s.Ready, &s.Sending, &s.Waiting, &s.Blocked, &s.Parked, &s.Dead, &s.Delivered, &s.Discarded, &oldest, &due)
		s.OldestUnsent = seconds(oldest)
		if due != nil {
			s.NextDue = *due
		}
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("counting messages: %w", err)
	}
	return list, nil
}

// State is what has become of a message.
type State string

const (
	// Ready messages are still to be sent.
	Ready State = stateReady
	// Delivered messages are with their receiver.
	Delivered State = stateDelivered
	// Dead messages need a person.
	Dead State = stateDead
	// Discarded messages were given up by a person.
	Discarded State = stateDiscarded
)

// Filter says which messages List gives. Zero values do not restrict.
type Filter struct {
	State       State
	Destination string
	// Limit is how many at most; 0 means 100.
	Limit int
	// Before gives only messages with smaller ids: the last one's id gives the next page.
	Before int64
}

// Row is a message as List shows it, without its payload.
type Row struct {
	ID                           int64
	Destination, Lane, Kind, Key string
	State                        State
	// Attempt is how many attempts have been counted.
	Attempt int
	// Reason is why the last attempt did not deliver it, or why it is dead.
	Reason    string
	Published time.Time
	// Due is when it may be sent next, as far as it alone is concerned; zero when it is not ready.
	Due time.Time
	// Settled is when it was delivered, died or was discarded; zero while it is ready.
	Settled time.Time
}

// List gives messages, those published last first. An unknown state gives an error that wraps ErrInvalid.
func List(ctx context.Context, db DB, f Filter) ([]Row, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	source := `outbox.message m left join outbox.pending p
    on m.state = 'ready' and p.destination = m.destination and p.lane = m.lane and p.id = m.id
    left join lateral (select true as yes from outbox.attempt a where m.state = 'ready' and p.id is null and a.message = m.id limit 1) tried on true where true`
	switch f.State { // the few that are unsent or dead are found through their own tables
	case "":
	case Delivered:
		source += ` and (m.state = 'delivered' or tried.yes)`
	case Discarded:
		source += ` and m.state = 'discarded'`
	case Ready:
		source = `(select p.id from outbox.pending p where p.due < 'infinity'
          union all select id from outbox.untaken union all select id from outbox.taken) u
    join outbox.message m on m.id = u.id
    left join outbox.pending p on p.destination = m.destination and p.lane = m.lane and p.id = m.id
    cross join (select null::boolean as yes) tried where true`
	case Dead:
		source = `(select m.id, m.destination, m.lane, m.kind, m.key, m.state, m.attempt, m.reason, m.published_at, m.not_before, m.settled_at
          from outbox.dead d join outbox.message m on m.id = d.id) m
    left join outbox.pending p on false cross join (select null::boolean as yes) tried where true`
	default:
		return nil, fmt.Errorf("%w state %q", ErrInvalid, f.State)
	}
	// A delivered message is not written again: it is not pending although it has been tried, and its last attempt says the
	// rest.
	rows, err := db.Query(ctx, `
with page as (
    select m.id, m.destination, m.lane, m.kind, m.key, m.state, coalesce(p.attempt, m.attempt) as attempt,
           coalesce(p.reason, m.reason) as reason, m.published_at,
           case when m.state = 'ready' and p.id is null and tried.yes is null then m.not_before else p.due end as due, m.settled_at,
           m.state = 'ready' and p.id is null and tried.yes is not null as through
    from `+source+`
      and ($1 = '' or m.destination = $1) and ($2 = 0 or m.id < $2)
    order by m.id desc limit $3
)
select m.id, m.destination, m.lane, m.kind, m.key, case when m.through then 'delivered' else m.state end,
       coalesce(a.attempt, m.attempt), coalesce(a.reason, m.reason), m.published_at, m.due, coalesce(a.finished_at, m.settled_at)
from page m left join lateral (
    select a.attempt, a.reason, a.finished_at from outbox.attempt a where m.through and a.message = m.id order by a.id desc limit 1) a on true
order by m.id desc`, f.Destination, f.Before, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("listing messages: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Row, error) {
		var m Row
		var due, settled *time.Time
		err := row.Scan(&m.ID, &m.Destination, &m.Lane, &m.Kind, &m.Key, &m.State, &m.Attempt, &m.Reason, &m.Published, &due, &settled)
		if due != nil {
			m.Due = *due
		}
		if settled != nil {
			m.Settled = *settled
		}
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("listing messages: %w", err)
	}
	return list, nil
}
