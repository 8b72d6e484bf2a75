package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ristmik/outbox"
)

// outboxBulk shows and steers the bulk jobs that retry, discard and the console make.
type outboxBulk struct {
	Ls     bulkLs     `cmd:"" help:"Bulk jobs, the newest first."`
	Show   bulkShow   `cmd:"" help:"One job, with what became of each message."`
	Watch  bulkWatch  `cmd:"" help:"Work on a job until it is over, with a bar of its progress."`
	Pause  bulkPause  `cmd:"" help:"Keep a job from going on."`
	Resume bulkResume `cmd:"" help:"Let a paused job go on."`
	Stop   bulkStop   `cmd:"" help:"End a job for good; what is left is not touched."`
}

// bulkView is how a bulk job stands; the names are stable.
type bulkView struct {
	ID            int64      `json:"id"`
	Action        string     `json:"action"`
	By            string     `json:"by"`
	Reason        string     `json:"reason"`
	Destination   string     `json:"destination,omitempty"`
	Kind          string     `json:"kind,omitempty"`
	Because       string     `json:"because,omitempty"`
	Rate          float64    `json:"rate,omitempty"`
	State         string     `json:"state"`
	Total         int64      `json:"total"`
	Done          int64      `json:"done"`
	Failed        int64      `json:"failed"`
	Left          int64      `json:"left"`
	Created       time.Time  `json:"created"`
	ChangedBy     string     `json:"changed_by,omitempty"`
	ChangedReason string     `json:"changed_reason,omitempty"`
	Ended         time.Time  `json:"ended,omitzero"`
	Items         []itemView `json:"items,omitempty"`
}

func viewOfBulk(b outbox.Bulk) bulkView {
	return bulkView{
		ID: b.ID, Action: b.Action, By: b.By, Reason: b.Reason, Destination: b.Destination, Kind: b.Kind, Because: b.Because, Rate: b.Rate,
		State: b.State, Total: b.Total, Done: b.Done, Failed: b.Failed, Left: b.Left(), Created: b.Created,
		ChangedBy: b.ChangedBy, ChangedReason: b.ChangedReason, Ended: b.Ended,
	}
}

// withBulk is with for commands about one job; what the caller asked wrongly becomes an error of usage.
func (c outboxCommon) withBulk(p *surroundings, id int64, fn func(db *database, b outbox.Bulk) error) error {
	return c.with(p, func(db *database) error {
		b, err := outbox.BulkOf(p.ctx, db.pool, id)
		if err == nil {
			err = fn(db, b)
		}
		if errors.Is(err, outbox.ErrNoBulk) || errors.Is(err, outbox.ErrBulkState) {
			return usage(fmt.Errorf("bulk job %d: %w", id, err))
		}
		return err
	})
}

type bulkLs struct {
	outboxCommon
	Limit int `default:"50" help:"How many at most."`
}

// Run prints the jobs.
func (c bulkLs) Run(p *surroundings) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return usage(errors.New("--limit is from 1 to 10000"))
	}
	return c.with(p, func(db *database) error {
		list, err := outbox.Bulks(p.ctx, db.pool, c.Limit)
		if err != nil {
			return err
		}
		shown := make([]bulkView, 0, len(list))
		for _, b := range list {
			shown = append(shown, viewOfBulk(b))
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "ID\tACTION\tDESTINATION\tSTATE\tDONE\tFAILED\tLEFT\tCREATED\tBY\tREASON")
			for _, v := range shown {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\n", v.ID, v.Action, v.Destination, v.State, v.Done, v.Failed, v.Left, moment(v.Created), v.By, v.Reason)
			}
		})
	})
}

type bulkOne struct {
	outboxCommon
	ID int64 `arg:"" help:"The job's id."`
}

type bulkShow struct {
	bulkOne
}

// Run prints the job.
func (c bulkShow) Run(p *surroundings) error {
	return c.withBulk(p, c.ID, func(db *database, b outbox.Bulk) error {
		items, err := itemsOf(p.ctx, db, b)
		if err != nil {
			return err
		}
		v := viewOfBulk(b)
		v.Items = items
		return c.print(p.out, v, func(w io.Writer) {
			fmt.Fprintf(w, "bulk job %d\t%s, %s\n", v.ID, v.Action, v.State)
			fmt.Fprintf(w, "by\t%s: %s\n", v.By, v.Reason)
			if v.ChangedBy != "" {
				fmt.Fprintf(w, "changed by\t%s: %s\n", v.ChangedBy, v.ChangedReason)
			}
			fmt.Fprintf(w, "of %d\t%d done, %d failed, %d left\n", v.Total, v.Done, v.Failed, v.Left)
			for _, i := range v.Items {
				fmt.Fprintf(w, "%d\t%s\t%s\n", i.ID, i.Result, i.Error)
			}
		})
	})
}

type bulkWatch struct {
	bulkOne
}

// Run works on the job.
func (c bulkWatch) Run(p *surroundings) error {
	return c.withBulk(p, c.ID, func(db *database, b outbox.Bulk) error {
		return c.see(p, db, b)
	})
}

// bulkChange is what the commands take that change a job.
type bulkChange struct {
	bulkOne
	author
	Reason string `required:"" help:"Why; kept."`
}

func (c bulkChange) change(p *surroundings, do func(ctx context.Context, db outbox.DB, id int64, by, reason string) error) error {
	return c.withBulk(p, c.ID, func(db *database, b outbox.Bulk) error {
		if err := do(p.ctx, db.pool, b.ID, c.name(), c.Reason); err != nil {
			return err
		}
		b, err := outbox.BulkOf(p.ctx, db.pool, b.ID)
		if err != nil {
			return err
		}
		return c.print(p.out, viewOfBulk(b), func(w io.Writer) {
			fmt.Fprintf(w, "bulk job %d is %s: %d done, %d failed, %d left\n", b.ID, b.State, b.Done, b.Failed, b.Left())
		})
	})
}

type bulkPause struct {
	bulkChange
}

// Run pauses.
func (c bulkPause) Run(p *surroundings) error { return c.change(p, outbox.PauseBulk) }

type bulkResume struct {
	bulkChange
}

// Run resumes.
func (c bulkResume) Run(p *surroundings) error { return c.change(p, outbox.ResumeBulk) }

type bulkStop struct {
	bulkChange
}

// Run stops.
func (c bulkStop) Run(p *surroundings) error { return c.change(p, outbox.StopBulk) }
