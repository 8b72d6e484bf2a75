package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ristmik/schedules"
)

// watchEvery is how often a command that waits looks.
const watchEvery = 500 * time.Millisecond

type jobsRun struct {
	jobsCommon
	author
	Name string `arg:"" help:"The job."`
	Wait bool   `help:"Wait for the end and show the progress; exit code 1 when the run does not succeed."`
}

func (c jobsRun) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		ticket, err := schedules.RunNow(p.ctx, db.pool, c.Name, c.name())
		if err != nil {
			return err
		}
		if !c.Wait {
			return c.print(p.out, map[string]any{"job": c.Name, "due": ticket.Due}, func(w io.Writer) {
				fmt.Fprintf(w, "%s is asked for; a hub that serves this database runs it: ristmik jobs history %s\n", c.Name, c.Name)
			})
		}
		run, err := c.follow(p, db, ticket)
		if err != nil {
			return err
		}
		if err := c.print(p.out, run, func(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", c.Name, run.text()) }); err != nil {
			return err
		}
		if run.State != string(schedules.StateSucceeded) {
			return fmt.Errorf("the run has ended as %s", run.State)
		}
		return nil
	})
}

// follow shows a run's progress until it has ended.
func (c jobsRun) follow(p *surroundings, db *database, ticket schedules.Ticket) (*runView, error) {
	bar := newProgress(p.err)
	defer bar.end()
	var run *runView
	err := watch(p.ctx, func() (bool, error) {
		info, err := schedules.Get(p.ctx, db.pool, ticket)
		if err != nil {
			return false, err
		}
		run = viewOfRun(&info)
		bar.show(fmt.Sprintf("%s: %s", c.Name, run.State), info.Done, info.Total)
		return info.State.Ended(), nil
	})
	return run, err
}

type jobsBackfill struct {
	jobsCommon
	author
	Name string `arg:"" help:"The job."`
	From string `required:"" help:"The first due time that counts: 2026-03-01 (UTC) or 2026-03-01T06:00:00+02:00."`
	To   string `required:"" help:"The end of the range, which is not in it; not in the future."`
	Wait bool   `help:"Wait until all have run and show the progress; exit code 1 when one does not succeed."`
}

func (c jobsBackfill) Run(p *surroundings) error {
	from, err1 := parseMoment("--from", c.From)
	to, err2 := parseMoment("--to", c.To)
	if err := errors.Join(err1, err2); err != nil {
		return usage(err)
	}
	return c.with(p, func(db *database) error {
		got, err := schedules.Backfill(p.ctx, db.pool, c.Name, c.name(), from, to)
		if err != nil {
			return err
		}
		failed := 0
		if c.Wait {
			if failed, err = c.follow(p, db, from, to); err != nil {
				return err
			}
		}
		err = c.print(p.out, map[string]any{"job": c.Name, "asked": got.Asked, "done_before": got.Done, "failed": failed}, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %d due times to run, %d had a good run or wait already\n", c.Name, got.Asked, got.Done)
		})
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d due times of the range have no good run", failed)
		}
		return err
	})
}

// follow shows how many due times of the range have ended until all have, and
// returns how many of them did not end well.
func (c jobsBackfill) follow(p *surroundings, db *database, from, to time.Time) (failed int, err error) {
	bar := newProgress(p.err)
	defer bar.end()
	err = watch(p.ctx, func() (bool, error) {
		n, err := schedules.Within(p.ctx, db.pool, c.Name, from, to)
		if err != nil {
			return false, err
		}
		failed = n.Failed
		bar.show(c.Name, int64(n.Ended), int64(n.All))
		return n.Ended == n.All, nil
	})
	return failed, err
}

// parseMoment reads a day, which begins in UTC, or a moment.
func parseMoment(option, text string) (time.Time, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return t, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %q is no day (2026-03-01) and no moment (2026-03-01T06:00:00+02:00)", option, text)
	}
	return t, nil
}

// watch looks until done says so or ctx ends.
func watch(ctx context.Context, done func() (bool, error)) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.New("interrupted; what was asked for goes on in the hub")
		case <-tick.C:
		}
	}
}
