package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ristmik/outbox"
)

// outboxDead is what the commands about dead messages take.
type outboxDead struct {
	outboxCommon
	author
	IDs         []int64 `arg:"" optional:"" help:"The messages' ids."`
	All         bool    `help:"All that are dead now, the oldest first; what dies later is left alone."`
	Destination string  `help:"With --all: only those for this destination."`
	Reason      string  `required:"" help:"Why; kept with each message."`
	Rate        float64 `help:"At most so many a second; 0 is as fast as it goes."`
}

type outboxRetry struct {
	outboxDead
}

// Run retries.
func (c outboxRetry) Run(p *surroundings) error { return c.each(p, "retried", outbox.Retry) }

type outboxDiscard struct {
	outboxDead
}

// Run discards.
func (c outboxDiscard) Run(p *surroundings) error { return c.each(p, "discarded", outbox.Discard) }

// itemView is what became of one message; the names are stable.
type itemView struct {
	ID     int64  `json:"id"`
	Result string `json:"result"` // retried, discarded or failed
	Error  string `json:"error,omitempty"`
}

// each does what is asked to every message of a selection that is made once, and tells what became of each. It can be
// stopped at any time: what is done is done, and the same command goes on with the rest.
func (c outboxDead) each(p *surroundings, done string, do func(ctx context.Context, db outbox.DB, id int64, by, reason string) error) error {
	switch {
	case c.All == (len(c.IDs) > 0):
		return usage(errors.New("either ids or --all is needed"))
	case c.Destination != "" && !c.All:
		return usage(errors.New("--destination goes with --all"))
	case c.Rate < 0:
		return usage(errors.New("--rate is not negative"))
	}
	return c.with(p, func(db *database) error {
		ids := c.IDs
		if c.All {
			var err error
			if ids, err = deadOnes(p.ctx, db, c.Destination); err != nil {
				return err
			}
		}
		items := make([]itemView, 0, len(ids))
		failed := 0
		bar := newProgress(p.err)
		var next time.Time
		for _, id := range ids {
			if !waitUntil(p.ctx, next) {
				break
			}
			if c.Rate > 0 {
				next = time.Now().Add(time.Duration(float64(time.Second) / c.Rate))
			}
			item := itemView{ID: id, Result: done}
			if err := do(p.ctx, db.pool, id, c.name(), c.Reason); err != nil {
				if errors.Is(err, outbox.ErrInvalid) {
					return err
				}
				item.Result, item.Error = "failed", err.Error()
				failed++
			}
			items = append(items, item)
			bar.show(done, int64(len(items)), int64(len(ids)))
		}
		bar.end()
		err := c.print(p.out, items, func(w io.Writer) {
			for _, i := range items {
				fmt.Fprintf(w, "%d\t%s\t%s\n", i.ID, i.Result, i.Error)
			}
		})
		switch {
		case err != nil:
			return err
		case len(items) < len(ids):
			return fmt.Errorf("stopped: %d of %d left", len(ids)-len(items), len(ids))
		case failed > 0:
			return fmt.Errorf("%d of %d failed", failed, len(ids))
		}
		return nil
	})
}

// deadOnes are the ids of what is dead now, the oldest first.
func deadOnes(ctx context.Context, db *database, destination string) ([]int64, error) {
	var ids []int64
	for before := int64(0); ; {
		page, err := outbox.List(ctx, db.pool, outbox.Filter{State: outbox.Dead, Destination: destination, Limit: 1000, Before: before})
		if err != nil {
			return nil, err
		}
		for _, m := range page {
			ids = append(ids, m.ID)
			before = m.ID
		}
		if len(page) < 1000 {
			slices.Reverse(ids)
			return ids, nil
		}
	}
}

// waitUntil waits for a moment and says whether ctx still lives.
func waitUntil(ctx context.Context, t time.Time) bool {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
