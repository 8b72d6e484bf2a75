package subscriber

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/core"
	"ristmik/adapters/postgres"
	"ristmik/outbox"
)

// batch is how many events are handed over in one transaction.
const batch = 500

// Run hands events over until ctx ends. Troubles with the database are logged,
// once each time they begin, and waited out.
func (h *Hub) Run(ctx context.Context) error {
	var pumps sync.WaitGroup
	for _, s := range h.subs {
		pumps.Go(func() { s.pump(ctx) })
	}
	pumps.Wait()
	return nil
}

func (s *subscription) pump(ctx context.Context) {
	trouble, registered := false, false
	for ctx.Err() == nil {
		var err error
		if !registered {
			err = s.register(ctx)
			registered = err == nil
		}
		if err == nil {
			err = s.step(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !trouble:
			s.hub.o.Log.ErrorContext(ctx, "subscription stands still", "subscription", s.Name, "error", postgres.WithoutValues(err))
		case err == nil && trouble:
			s.hub.o.Log.InfoContext(ctx, "subscription goes on", "subscription", s.Name)
		}
		if trouble = err != nil; trouble {
			rest(ctx, s.hub.o.Poll)
		}
	}
}

// register makes the subscription's row when it is there for the first time.
func (s *subscription) register(ctx context.Context) error {
	cursor := outbox.Position("")
	if s.From == StartNow {
		var err error
		if cursor, err = outbox.End(ctx, s.hub.o.Pool); err != nil {
			return err
		}
	}
	_, err := s.hub.o.Pool.Exec(ctx, `insert into core.subscription (name, cursor) values ($1, $2) on conflict (name) do nothing`, s.Name, string(cursor))
	if err != nil {
		return fmt.Errorf("registering subscription %s: %w", s.Name, err)
	}
	return nil
}

// step waits for events after the cursor, and hands them over.
func (s *subscription) step(ctx context.Context) error {
	var cursor string
	var generation int
	var disabled bool
	err := s.hub.o.Pool.QueryRow(ctx, `
		select cursor, generation, disabled_at is not null from core.subscription where name = $1`, s.Name).
		Scan(&cursor, &generation, &disabled)
	if err != nil {
		return fmt.Errorf("reading subscription %s: %w", s.Name, err)
	}
	s.state.disabled.Store(disabled)
	if disabled {
		rest(ctx, s.hub.o.Poll)
		return nil
	}
	events, err := outbox.Wait(ctx, s.hub.o.Pool, outbox.Position(cursor), batch, s.hub.o.Poll)
	if err != nil {
		return fmt.Errorf("reading events for %s: %w", s.Name, err)
	}
	if len(events) == 0 {
		return nil
	}
	var messages []outbox.Message
	for _, e := range events {
		if !s.wants(e.Event.Type) {
			continue
		}
		if s.Neutral {
			var mine bool
			if e.Event.Data, mine = consultation.Neutral(e.Event.Type, e.Event.Data); !mine {
				continue
			}
		}
		body, err := core.CloudEvent(e)
		if err != nil {
			return err
		}
		key := e.Event.ID
		if generation > 0 {
			key += "/" + strconv.Itoa(generation)
		}
		messages = append(messages, outbox.Message{
			Destination: Destination(s.Name), Lane: e.Event.Subject, Kind: e.Event.Type, Key: key, Payload: body,
		})
	}
	// The cursor first: whoever moves it hands over what it has passed, and
	// nobody else does.
	err = pgx.BeginFunc(ctx, s.hub.o.Pool, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `
			update core.subscription set cursor = $3
			where name = $1 and cursor = $2 and generation = $4 and disabled_at is null`,
			s.Name, cursor, string(events[len(events)-1].Position), generation)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return outbox.Publish(ctx, tx, messages...)
	})
	if err != nil {
		return fmt.Errorf("handing events over to %s: %w", s.Name, err)
	}
	return nil
}

// rest waits, unless ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
