package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ristmik/outbox"
)

// outboxSteer is what the commands take that steer a destination.
type outboxSteer struct {
	outboxCommon
	author
	Destination string `arg:"" help:"The destination."`
	Reason      string `required:"" help:"Why; kept, and shown beside the destination."`
}

// steer does something about the destination and prints what it is now.
func (c outboxSteer) steer(p *surroundings, state, told string, do func(ctx context.Context, db outbox.DB, destination, by, reason string) error) error {
	return c.with(p, func(db *database) error {
		if err := do(p.ctx, db.pool, c.Destination, c.name(), c.Reason); err != nil {
			return err
		}
		return c.print(p.out, map[string]string{"destination": c.Destination, "state": state}, func(w io.Writer) { fmt.Fprintf(w, told+"\n", c.Destination) })
	})
}

type outboxPause struct {
	outboxSteer
	For time.Duration `help:"End the pause by itself after this long; without it, ristmik outbox resume ends it."`
}

// Run pauses.
func (c outboxPause) Run(p *surroundings) error {
	return c.steer(p, "paused", "%s is paused", func(ctx context.Context, db outbox.DB, destination, by, reason string) error {
		return outbox.Pause(ctx, db, destination, by, reason, c.For)
	})
}

type outboxResume struct {
	outboxSteer
}

// Run ends a pause.
func (c outboxResume) Run(p *surroundings) error {
	return c.steer(p, "resumed", "%s is sent to again", outbox.Unpause)
}

type outboxTrip struct {
	outboxSteer
	For time.Duration `required:"" help:"For how long; then a message is tried."`
}

// Run opens a breaker.
func (c outboxTrip) Run(p *surroundings) error {
	if c.For <= 0 {
		return usage(errors.New("--for is a time such as 30m"))
	}
	return c.steer(p, "open", "the breaker of %s is open", func(ctx context.Context, db outbox.DB, destination, by, reason string) error {
		return outbox.Trip(ctx, db, destination, by, reason, c.For)
	})
}

type outboxReset struct {
	outboxSteer
}

// Run closes a breaker.
func (c outboxReset) Run(p *surroundings) error {
	return c.steer(p, "closed", "the breaker of %s is closed", outbox.Reset)
}
