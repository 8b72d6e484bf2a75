package outbox

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Resume makes the record of events, and the log of messages, go on after the database was restored from a dump into another cluster, whose
// transaction ids may be lower than those that made the labels of the restored events: without it new events would
// stand before old ones, and neither might be readable, and messages that were waiting would not be sent. Positions given
// before stay valid. It says whether there was
// anything to do; in the cluster that wrote the events there never is, so it may always be called. It must have run
// before the first Append or Publish after a restore; every Relay calls it when it starts.
func Resume(ctx context.Context, db DB) (bool, error) {
	moved := false
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		// Nobody appends meanwhile.
		if _, err := tx.Exec(ctx, `lock table outbox.stream in share row exclusive mode`); err != nil {
			return err
		}
		// A committed label is below the next transaction id, so one that is not comes from elsewhere.
		tag, err := tx.Exec(ctx, `
with top as (
    select greatest((select max(label) from outbox.event), (select max(label) from outbox.stream)) as label
)
update outbox.horizon h
set shift = top.label + 1 - pg_snapshot_xmin(pg_current_snapshot())::text::bigint
from top
where top.label >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint + h.shift`)
		moved = err == nil && tag.RowsAffected() > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("resuming the record of events: %w", err)
	}
	too, err := resumeMessages(ctx, db)
	if err != nil {
		return moved, fmt.Errorf("resuming the log of messages: %w", err)
	}
	return moved || too, nil
}

// foreign says whether the log's newest messages, or what relays have noted about it, name transactions that this cluster
// has not come to yet.
const foreign = `
select exists (select from (select destination, bulk, id, born from outbox.message where born is not null order by id desc limit 1000) m
               left join outbox.feed_position p on p.destination = m.destination and p.bulk = m.bulk
               where m.born >= pg_snapshot_xmax(pg_current_snapshot()) and m.id > coalesce(p.base, 0))
    or exists (select from outbox.feed_position where pg_snapshot_xmax(coalesce(upto, seen)) > pg_snapshot_xmax(pg_current_snapshot()))`

// resumeMessages gives every message that no relay has taken a row in pending, which names no transaction, and lets relays
// read on behind all that there is. Nobody publishes meanwhile.
func resumeMessages(ctx context.Context, db DB) (moved bool, err error) {
	if err := db.QueryRow(ctx, foreign).Scan(&moved); err != nil || !moved {
		return false, err
	}
	err = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `lock table outbox.message in share row exclusive mode; lock table outbox.feed_position in exclusive mode`); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, foreign).Scan(&moved); err != nil || !moved {
			return err
		}
		for _, sql := range []string{`
insert into outbox.lane (destination, key, ready_at, bulk, by_relay)
select distinct on (destination, lane) destination, lane, not_before, bulk, true from outbox.untaken
order by destination, lane, id
on conflict (destination, key) do update set ready_at = lane.ready_at where false`, `
insert into outbox.pending (destination, lane, id, due, expires_at, bulk, published_at)
select destination, lane, id, not_before, expires_at, bulk, published_at from outbox.untaken`, `
insert into outbox.feed_position (destination, bulk)
select d.destination, b.bulk from (select distinct destination from outbox.message) d, (values (false), (true)) b(bulk)
on conflict (destination, bulk) do nothing`, `
update outbox.feed_position
set seen = pg_current_snapshot(), base = (select last_value from outbox.message_id_seq), next = 0, open = '{}', bounds = '{}',
    upto = null, upto_base = 0, upto_next = 0, at = 0`} {
			if _, err := tx.Exec(ctx, sql); err != nil {
				return err
			}
		}
		return nil
	})
	return moved, err
}
