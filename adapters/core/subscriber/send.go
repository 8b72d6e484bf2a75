package subscriber

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// EventDisabled is the type of the event that tells that a subscription has
// been disabled; its subject is "subscription:" and the name.
const EventDisabled = "subscription.disabled"

const (
	eventSource = "/ristmik/events"
	// reasonDisabled is why a message of a disabled subscription waits.
	reasonDisabled = "subscription_disabled"
	// disabledPolls is for how many looks at the row such a message waits.
	disabledPolls = 10
	byHub         = "ristmik"
)

// state is what this process knows of the subscription's row; as old as one
// poll.
type state struct{ disabled atomic.Bool }

// Send implements outbox.Sender.
func (s *subscription) Send(ctx context.Context, d outbox.Delivery) outbox.Outcome {
	if s.state.disabled.Load() {
		return outbox.Outcome{Result: outbox.ResultWait, Reason: reasonDisabled, After: disabledPolls * s.hub.o.Poll}
	}
	var event struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(d.Payload, &event); err != nil || event.ID == "" {
		return outbox.Outcome{Result: outbox.ResultDead, Reason: "not_an_event"}
	}
	out := s.Sink.Deliver(ctx, Event{ID: event.ID, Key: d.Key, Type: d.Kind, Subject: d.Lane, Body: d.Payload, TraceParent: d.TraceParent})
	switch {
	case out.Result != outbox.ResultDelivered && ctx.Err() == nil:
		reason, gone := out.Reason, out.Reason == ReasonGone
		out.Apply = func(ctx context.Context, tx pgx.Tx) error { return s.noteFailure(ctx, tx, reason, gone) }
	case out.Result == outbox.ResultDelivered:
		out.Apply = s.noteSuccess
	}
	return out
}

func (s *subscription) noteSuccess(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, `
		update core.subscription set failing_since = null, failing_reason = '' where name = $1 and failing_since is not null`, s.Name)
	if err != nil {
		return fmt.Errorf("noting that %s takes events again: %w", s.Name, err)
	}
	return nil
}

// noteFailure writes down since when nothing is taken, and disables the
// subscription when that has lasted, with an event that says so.
func (s *subscription) noteFailure(ctx context.Context, tx pgx.Tx, reason string, gone bool) error {
	var since time.Time
	var disabled bool
	err := tx.QueryRow(ctx, `
		update core.subscription
		set failing_since = coalesce(failing_since, clock_timestamp()), failing_reason = $2,
		    disabled_at = case when $3 or failing_since < clock_timestamp() - $4::interval then clock_timestamp() end,
		    disabled_by = case when $3 or failing_since < clock_timestamp() - $4::interval then $5 else '' end,
		    disabled_reason = case when $3 or failing_since < clock_timestamp() - $4::interval then $2 else '' end
		where name = $1 and disabled_at is null
		returning failing_since, disabled_at is not null`, s.Name, reason, gone, s.DisableAfter, byHub).Scan(&since, &disabled)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // it has been disabled meanwhile
	}
	if err != nil {
		return fmt.Errorf("noting that %s takes no events: %w", s.Name, err)
	}
	if !disabled {
		return nil
	}
	data, err := json.Marshal(map[string]any{"subscription": s.Name, "failing_since": since.UTC(), "reason": reason})
	if err != nil {
		return fmt.Errorf("writing the notice of %s: %w", s.Name, err)
	}
	err = outbox.Append(ctx, tx, outbox.Event{
		ID: s.hub.o.NewID(), Type: EventDisabled, Source: eventSource, Subject: "subscription:" + s.Name, Time: s.hub.o.Now(), Data: data,
	})
	if err != nil {
		return err
	}
	s.state.disabled.Store(true)
	s.hub.o.Log.ErrorContext(ctx, "subscription disabled", "subscription", s.Name, "failing_since", since, "reason", reason)
	return nil
}
