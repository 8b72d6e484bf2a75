package outbox

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Resume makes the record of events go on after the database was restored from a dump into another cluster, whose
// transaction ids may be lower than those that made the labels of the restored events: without it new events would
// stand before old ones, and neither might be readable. Positions given before stay valid. It says whether there was
// anything to do; in the cluster that wrote the events there never is, so it may always be called. It must have run
// before the first Append after a restore; every Relay calls it when it starts.
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
	return moved, nil
}
