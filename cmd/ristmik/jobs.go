package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"ristmik/schedules"
)

// jobsCommand shows and steers the scheduled jobs of the configured database;
// the work itself is done by the processes that serve it.
type jobsCommand struct {
	List     jobsList     `cmd:"" help:"How every job stands: next due time, what runs and how far, how the last run ended, pauses, alarms."`
	History  jobsHistory  `cmd:"" help:"The newest runs of a job."`
	Run      jobsRun      `cmd:"" help:"Ask for a run now, beside the schedule."`
	Pause    jobsPause    `cmd:"" help:"Stop a schedule from coming due; what runs goes on."`
	Resume   jobsResume   `cmd:"" help:"Let a paused schedule come due again, counting from now."`
	Cancel   jobsCancel   `cmd:"" help:"Tell the run of a job to stop."`
	Backfill jobsBackfill `cmd:"" help:"Run the due times of a range that have no good run, oldest first."`
	Rehearse jobsRehearse `cmd:"" help:"What would run when, with what summer time does; nothing is changed."`
}

// jobsCommon is what every command about jobs takes.
type jobsCommon struct {
	Config string `short:"c" type:"path" help:"Configuration file; without it, the shipped default."`
	JSON   bool   `help:"Print JSON."`
}

// with opens the database, beside a hub that runs or without one, and hands it
// to fn. What the caller asked wrongly becomes an error of usage.
func (j jobsCommon) with(p *surroundings, fn func(db *database) error) (err error) {
	cfg, err := loadConfig(j.Config)
	if err != nil {
		return err
	}
	log, err := logger(p.err, "warn")
	if err != nil {
		return err
	}
	db, err := visitDatabase(p.ctx, cfg.Database, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(p.ctx))) }()
	if err := ready(db.pool)(p.ctx); err != nil {
		return fmt.Errorf("the database is not that of this program: %w; ristmik migrate or ristmik serve brings it there", err)
	}
	err = fn(db)
	if errors.Is(err, schedules.ErrUnknownJob) {
		return usage(fmt.Errorf("%w; ristmik jobs list names those that a hub has run here", err))
	}
	if errors.Is(err, schedules.ErrRange) {
		return usage(err)
	}
	return err
}

// print writes v as JSON, or lets text write it for people.
func (j jobsCommon) print(w io.Writer, v any, text func(w io.Writer)) error {
	if !j.JSON {
		t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
		text(t)
		return t.Flush()
	}
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// author is who stands in the rows for what a command does.
type author struct {
	By string `help:"Who asks, for the record; without it, the name of your account here."`
}

func (a author) name() string {
	if a.By != "" {
		return a.By
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "command line"
}

type jobsList struct {
	jobsCommon
}

func (c jobsList) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		list, err := schedules.List(p.ctx, db.pool)
		if err != nil {
			return err
		}
		shown := make([]jobView, 0, len(list))
		for _, s := range list {
			shown = append(shown, viewOfJob(s))
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "JOB\tSCHEDULE\tNEXT\tNOW\tLAST")
			for _, v := range shown {
				fmt.Fprintf(w, "%s\t%s (%s)\t%s\t%s\t%s\n", v.Name, v.Cron, v.Zone, moment(v.Next), v.now(), v.Last.text())
			}
		})
	})
}

type jobsHistory struct {
	jobsCommon
	Name  string `arg:"" help:"The job."`
	Limit int    `default:"20" help:"How many runs at most."`
}

func (c jobsHistory) Run(p *surroundings) error {
	if c.Limit < 1 || c.Limit > 10_000 {
		return usage(errors.New("--limit is from 1 to 10000"))
	}
	return c.with(p, func(db *database) error {
		if err := known(p.ctx, db, c.Name); err != nil {
			return err
		}
		history, err := schedules.History(p.ctx, db.pool, c.Name, c.Limit)
		if err != nil {
			return err
		}
		shown := make([]*runView, 0, len(history))
		for _, r := range history {
			shown = append(shown, viewOfRun(&r))
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "DUE\tSTATE\tBECAUSE\tBEGAN\tTOOK\tWHAT")
			for _, v := range shown {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", moment(v.Due), v.State, v.because(), moment(v.Started), v.took(), v.what())
			}
		})
	})
}

// known gives an error for a job that has no row.
func known(ctx context.Context, db *database, name string) error {
	list, err := schedules.List(ctx, db.pool)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(s schedules.Status) bool { return s.Name == name }) {
		return fmt.Errorf("%w: %q", schedules.ErrUnknownJob, name)
	}
	return nil
}

type jobsPause struct {
	jobsCommon
	author
	Name   string `arg:"" help:"The job."`
	Reason string `required:"" help:"Why; shown beside the job."`
}

func (c jobsPause) Run(p *surroundings) error {
	if strings.TrimSpace(c.Reason) == "" {
		return usage(errors.New("--reason is empty"))
	}
	return c.with(p, func(db *database) error {
		if err := schedules.Pause(p.ctx, db.pool, c.Name, c.name(), c.Reason); err != nil {
			return err
		}
		return c.print(p.out, map[string]string{"job": c.Name, "state": "paused"}, func(w io.Writer) { fmt.Fprintf(w, "%s is paused\n", c.Name) })
	})
}

type jobsResume struct {
	jobsCommon
	Name string `arg:"" help:"The job."`
}

func (c jobsResume) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		if err := schedules.Resume(p.ctx, db.pool, c.Name); err != nil {
			return err
		}
		return c.print(p.out, map[string]string{"job": c.Name, "state": "scheduled"}, func(w io.Writer) { fmt.Fprintf(w, "%s comes due again\n", c.Name) })
	})
}

type jobsCancel struct {
	jobsCommon
	author
	Name    string `arg:"" help:"The job."`
	Reason  string `required:"" help:"Why; kept with the run."`
	Waiting bool   `help:"Also give up what was asked for and has not begun: requests and what was to be filled in."`
}

func (c jobsCancel) Run(p *surroundings) error {
	if strings.TrimSpace(c.Reason) == "" {
		return usage(errors.New("--reason is empty"))
	}
	return c.with(p, func(db *database) error {
		got, err := schedules.Cancel(p.ctx, db.pool, c.Name, c.name(), c.Reason, c.Waiting)
		if err != nil {
			return err
		}
		return c.print(p.out, map[string]any{"job": c.Name, "running": got.Running, "waiting": got.Waiting}, func(w io.Writer) {
			fmt.Fprintf(w, "%s: told to stop: %d, given up: %d\n", c.Name, got.Running, got.Waiting)
		})
	})
}

type jobsRehearse struct {
	jobsCommon
	For time.Duration `default:"24h" help:"How far ahead to look, at most 8760h."`
}

func (c jobsRehearse) Run(p *surroundings) error {
	if c.For <= 0 || c.For > 8760*time.Hour {
		return usage(errors.New("--for is above zero and at most 8760h"))
	}
	return c.with(p, func(db *database) error {
		list, err := schedules.List(p.ctx, db.pool)
		if err != nil {
			return err
		}
		var now time.Time // the database's, by which jobs come due
		if err := db.pool.QueryRow(p.ctx, `select clock_timestamp()`).Scan(&now); err != nil {
			return err
		}
		type planned struct {
			Job     string    `json:"job"`
			Due     time.Time `json:"due"`
			Local   string    `json:"local"`
			Start   time.Time `json:"start"`
			CatchUp bool      `json:"catch_up"`
			Clocks  string    `json:"clocks,omitempty"`
		}
		shown := []planned{}
		for _, r := range schedules.Rehearse(list, now, now.Add(c.For)) {
			shown = append(shown, planned{r.Job, r.Due.UTC(), r.Local.Format("2006-01-02 15:04 MST"), r.Start.UTC(), r.CatchUp, r.Clocks})
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "START (UTC)\tJOB\tDUE\t")
			for _, r := range shown {
				note := r.Clocks
				if r.CatchUp {
					note = "missed, made up for"
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", r.Start.Format(time.DateTime), r.Job, r.Local, note)
			}
		})
	})
}
