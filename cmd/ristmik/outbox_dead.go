package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ristmik/outbox"
)

// outboxDead is what the commands about dead messages take.
type outboxDead struct {
	outboxCommon
	author
	IDs     []int64 `arg:"" optional:"" help:"The messages' ids."`
	All     bool    `help:"All that are dead now, the oldest first; what dies later is left alone."`
	AllOf   string  `placeholder:"DESTINATION" help:"The same, only those for this destination."`
	Kind    string  `help:"With --all or --all-of: only messages of this kind."`
	Because string  `help:"With --all or --all-of: only those that died for this reason, or whose reason begins with this word."`
	DryRun  bool    `help:"Only say how many that is."`
	Reason  string  `required:"" help:"Why; kept with each message."`
	Rate    float64 `help:"At most so many a second; 0 is as fast as it goes."`
}

type outboxRetry struct {
	outboxDead
}

// Run retries.
func (c outboxRetry) Run(p *surroundings) error { return c.decide(p, outbox.BulkRetry) }

type outboxDiscard struct {
	outboxDead
}

// Run discards.
func (c outboxDiscard) Run(p *surroundings) error { return c.decide(p, outbox.BulkDiscard) }

// itemView is what became of one message; the names are stable.
type itemView struct {
	ID     int64  `json:"id"`
	Result string `json:"result"` // retried, discarded, failed or left
	Error  string `json:"error,omitempty"`
}

// decide makes a bulk job of what is asked, works on it, and tells what became of each message. A command that is killed
// leaves the job to the processes that serve the database.
func (c outboxDead) decide(p *surroundings, action string) error {
	fits := c.AllOf != "" || c.Kind != "" || c.Because != ""
	switch {
	case (c.All || c.AllOf != "") == (len(c.IDs) > 0) || c.All && c.AllOf != "":
		return usage(errors.New("either ids, --all or --all-of is needed"))
	case len(c.IDs) > 0 && fits:
		return usage(errors.New("--kind and --because go with --all or --all-of"))
	}
	selection := outbox.Selection{IDs: c.IDs, Destination: c.AllOf, Kind: c.Kind, Because: c.Because}
	return c.with(p, func(db *database) error {
		if c.DryRun {
			n, err := outbox.CountDead(p.ctx, db.pool, selection)
			if err != nil {
				return err
			}
			return c.print(p.out, map[string]int64{"selected": n}, func(w io.Writer) { fmt.Fprintf(w, "%d dead messages are selected\n", n) })
		}
		b, err := outbox.Decide(p.ctx, db.pool, outbox.Decision{Selection: selection, Action: action, By: c.name(), Reason: c.Reason, Rate: c.Rate})
		if err != nil {
			return err
		}
		return c.see(p, db, b)
	})
}

// see works on a bulk job with a bar of its progress, and prints what became of each message.
func (c outboxCommon) see(p *surroundings, db *database, b outbox.Bulk) error {
	bar := newProgress(p.err)
	_, carryErr := outbox.CarryOn(p.ctx, db.pool, b.ID, func(now outbox.Bulk) {
		what := doneAs(now.Action)
		if now.State == outbox.BulkPaused {
			what = "paused, " + what
		}
		bar.show(what, now.Done+now.Failed, now.Total)
	})
	bar.end()
	if carryErr != nil && p.ctx.Err() == nil {
		return carryErr
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), 10*time.Second) // also of a job that goes on
	defer cancel()
	stands, err := outbox.BulkOf(ctx, db.pool, b.ID)
	if err != nil {
		return err
	}
	items, err := itemsOf(ctx, db, stands)
	if err != nil {
		return err
	}
	err = c.print(p.out, items, func(w io.Writer) {
		for _, i := range items {
			fmt.Fprintf(w, "%d\t%s\t%s\n", i.ID, i.Result, i.Error)
		}
	})
	switch {
	case err != nil:
		return err
	case !stands.Over():
		return fmt.Errorf("%d of %d left: bulk job %d goes on without this command, in the processes that serve the database; ristmik outbox bulk stop %d --reason … ends it",
			stands.Left(), stands.Total, stands.ID, stands.ID)
	case stands.State == outbox.BulkStopped:
		return fmt.Errorf("stopped by %s (%s): %d of %d left", stands.ChangedBy, stands.ChangedReason, stands.Left(), stands.Total)
	case stands.Failed > 0:
		return fmt.Errorf("%d of %d failed", stands.Failed, stands.Total)
	}
	return nil
}

// itemsOf is what became of each message of a bulk job.
func itemsOf(ctx context.Context, db *database, b outbox.Bulk) ([]itemView, error) {
	items := make([]itemView, 0, b.Total)
	for after := int64(0); ; {
		page, err := outbox.BulkItems(ctx, db.pool, b.ID, after, 1000)
		if err != nil {
			return nil, err
		}
		for _, i := range page {
			item := itemView{ID: i.Message, Result: "left", Error: i.Error}
			switch i.Result {
			case "done":
				item.Result = doneAs(b.Action)
			case "failed":
				item.Result = "failed"
			}
			items, after = append(items, item), i.Message
		}
		if len(page) < 1000 {
			return items, nil
		}
	}
}

// doneAs is how what a job does is told once it is done.
func doneAs(action string) string {
	if action == outbox.BulkDiscard {
		return "discarded"
	}
	return "retried"
}
