package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Attempt is one send, as it ended.
type Attempt struct {
	// Attempt counts from 1; attempts that ended in ResultWait were not counted and share the number of the next one.
	Attempt           int
	Started, Finished time.Time
	Result            Result
	Reason            string
	// Exchange is the id under which the attempt is known outside, for example the X-Road message id.
	Exchange string
	// Owner is the relay that made it.
	Owner string
}

// Intervention is what a person did about a message: retry, discard, edit, or read (its payload).
type Intervention struct {
	Action, By, Reason string
	At                 time.Time
}

// Story is a message, without its payload, with all that has happened to it.
type Story struct {
	Row
	// Generation counts from 1; each edit makes the next one.
	Generation    int
	Attempts      []Attempt
	Interventions []Intervention
}

// Show tells the story of a message. Its error is ErrNotFound where there is no such message.
func Show(ctx context.Context, db DB, id int64) (Story, error) {
	s, err := show(ctx, db, id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return s, fmt.Errorf("showing message %d: %w", id, err)
	}
	return s, err
}

func show(ctx context.Context, db DB, id int64) (s Story, err error) {
	list, err := List(ctx, db, Filter{Limit: 1, Before: id + 1})
	if err != nil {
		return s, err
	}
	if len(list) == 0 || list[0].ID != id {
		return s, ErrNotFound
	}
	s.Row = list[0]
	if err := db.QueryRow(ctx, `select generation from outbox.message where id = $1`, id).Scan(&s.Generation); err != nil {
		return s, err
	}
	rows, err := db.Query(ctx, `
select attempt, started_at, finished_at, result, reason, exchange, owner from outbox.attempt where message = $1 order by id`, id)
	if err != nil {
		return s, err
	}
	if s.Attempts, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Attempt]); err != nil {
		return s, err
	}
	rows, err = db.Query(ctx, `select action, by, reason, at from outbox.intervention where message = $1 order by id`, id)
	if err != nil {
		return s, err
	}
	s.Interventions, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Intervention])
	return s, err
}
