package main

import (
	"errors"
	"fmt"
	"io"

	"ristmik/outbox"
)

// outboxCommand shows and steers the deliveries of the configured database; the processes that serve it send.
type outboxCommand struct {
	Ls       outboxLs       `cmd:"" help:"Messages, those published last first."`
	Show     outboxShow     `cmd:"" help:"One message with its attempts and what people did about it; never its payload."`
	Retry    outboxRetry    `cmd:"" help:"Let dead messages go again, each at its old place in its lane."`
	Discard  outboxDiscard  `cmd:"" help:"Give dead messages up for good; what they block goes on."`
	Bulk     outboxBulk     `cmd:"" help:"What is being done to many dead messages at once: see, pause, resume, stop."`
	Body     outboxBody     `cmd:"" help:"Write the body of a message into a file; who and why is kept."`
	Edit     outboxEdit     `cmd:"" help:"Let a dead message go again with another body or at another time, at its old place."`
	Retries  outboxRetries  `cmd:"" help:"Switch off or on that failed messages to a destination are tried again."`
	Pause    outboxPause    `cmd:"" help:"Send nothing more to a destination; what is being sent goes on."`
	Resume   outboxResume   `cmd:"" help:"Send to a paused destination again."`
	Trip     outboxTrip     `cmd:"" help:"Open the breaker of a destination for a while, as failures would; after that a message is tried."`
	Reset    outboxReset    `cmd:"" help:"Close the breaker of a destination at once."`
	Downtime outboxDowntime `cmd:"" help:"Outages that destinations have announced: nothing is sent while they last."`
	Stats    outboxStats    `cmd:"" help:"What waits for each destination, and why."`
}

// outboxCommon is what every command about deliveries takes.
type outboxCommon struct {
	jobsCommon
}

// with is that of jobsCommon; what the caller asked wrongly becomes an error of usage.
func (c outboxCommon) with(p *surroundings, fn func(db *database) error) error {
	err := c.jobsCommon.with(p, fn)
	if errors.Is(err, outbox.ErrInvalid) || errors.Is(err, outbox.ErrNotFound) {
		return usage(err)
	}
	return err
}

type outboxLs struct {
	outboxCommon
	State       string `enum:"ready,delivered,dead,discarded," default:"" help:"Only these: ready, delivered, dead or discarded."`
	Destination string `help:"Only those for this destination."`
	Limit       int    `default:"50" help:"How many at most."`
	Before      int64  `help:"Only those with smaller ids: the last one's id gives the next page."`
}

// Run prints the messages.
func (c outboxLs) Run(p *surroundings) error {
	if c.Limit < 1 || c.Limit > 10_000 || c.Before < 0 {
		return usage(errors.New("--limit is from 1 to 10000, --before an id"))
	}
	return c.with(p, func(db *database) error {
		list, err := outbox.List(p.ctx, db.pool, outbox.Filter{
			State: outbox.State(c.State), Destination: c.Destination, Limit: c.Limit, Before: c.Before,
		})
		if err != nil {
			return err
		}
		shown := make([]messageView, 0, len(list))
		for _, m := range list {
			shown = append(shown, viewOfMessage(m))
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "ID\tDESTINATION\tLANE\tKIND\tSTATE\tATTEMPTS\tPUBLISHED\tDUE\tREASON")
			for _, v := range shown {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\n", v.ID, v.Destination, v.Lane, v.Kind, v.State, v.Attempts, moment(v.Published), moment(v.Due), v.Reason)
			}
		})
	})
}

type outboxShow struct {
	outboxCommon
	ID int64 `arg:"" help:"The message's id."`
}

// Run prints the message's story.
func (c outboxShow) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		s, err := outbox.Show(p.ctx, db.pool, c.ID)
		if err != nil {
			return fmt.Errorf("message %d: %w", c.ID, err)
		}
		v := viewOfStory(s)
		return c.print(p.out, v, func(w io.Writer) {
			fmt.Fprintf(w, "message %d\t%s\n", v.ID, v.State)
			fmt.Fprintf(w, "to\t%s, lane %s\n", v.Destination, v.Lane)
			fmt.Fprintf(w, "generation\t%d\n", v.Generation)
			fmt.Fprintf(w, "kind, key\t%s, %s\n", v.Kind, v.Key)
			fmt.Fprintf(w, "published\t%s\n", moment(v.Published))
			fmt.Fprintf(w, "due\t%s\n", moment(v.Due))
			fmt.Fprintf(w, "settled\t%s\n", moment(v.Settled))
			fmt.Fprintf(w, "reason\t%s\n", v.Reason)
			for _, a := range v.Tried {
				fmt.Fprintf(w, "attempt %d\t%s\t%s %s\t%s\tby %s\n", a.Attempt, moment(a.Started), a.Result, a.Reason, a.Exchange, a.Owner)
			}
			for _, i := range v.Interventions {
				fmt.Fprintf(w, "%s\t%s\tby %s: %s\n", i.Action, moment(i.At), i.By, i.Reason)
			}
		})
	})
}

type outboxStats struct {
	outboxCommon
}

// Run prints the counts.
func (c outboxStats) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		list, err := outbox.Stats(p.ctx, db.pool)
		if err != nil {
			return err
		}
		breakers, err := outbox.Breakers(p.ctx, db.pool)
		if err != nil {
			return err
		}
		shown := viewOfStats(list, breakers)
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "DESTINATION\tREADY\tSENDING\tWAITING\tBLOCKED\tPARKED\tDEAD\tDELIVERED\tOLDEST\tBREAKER")
			for _, v := range shown {
				fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%.0f s\t%s\n", v.Destination, v.Ready, v.Sending, v.Waiting, v.Blocked,
					v.Parked, v.Dead, v.Delivered, v.OldestSeconds, v.stands())
			}
		})
	})
}
