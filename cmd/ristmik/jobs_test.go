package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/schedules"
)

// jobsWorld is a private PostgreSQL that another part of the program runs, as a
// hub would, with a runner whose only job is "nightly".
type jobsWorld struct {
	t      *testing.T
	config string
	url    string // of its database
	let    chan error
	pool   *pgxpool.Pool
}

func newJobsWorld(t *testing.T) *jobsWorld {
	t.Helper()
	config, url, pool := besideAHub(t)
	w := &jobsWorld{t: t, config: config, url: url, let: make(chan error, 10), pool: pool}
	runner, err := schedules.NewRunner(pool, []schedules.Job{{
		Name: "nightly", Cron: "0 0 * * *", Grace: time.Hour, Run: func(ctx context.Context, run *schedules.Run) error {
			run.Report(map[string]int{"rows": 7})
			run.Progress(2, 4)
			select {
			case err := <-w.let:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		},
	}}, schedules.Options{Owner: "hub", Poll: 10 * time.Millisecond, Lease: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	w.eventually("the job is there", func() bool { return strings.Contains(w.jobs(exitDone, "list"), "nightly") })
	return w
}

// jobs runs a command about jobs and returns what it printed.
func (w *jobsWorld) jobs(code int, args ...string) string {
	w.t.Helper()
	out, errOut := w.try(code, args...)
	return out + errOut
}

func (w *jobsWorld) try(code int, args ...string) (out, errOut string) {
	w.t.Helper()
	var o, e bytes.Buffer
	all := append([]string{"jobs"}, args...)
	if got := run(w.t.Context(), append(all, "-c", w.config), &o, &e); got != code {
		w.t.Errorf("jobs %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, o.String(), e.String())
	}
	return o.String(), e.String()
}

func (w *jobsWorld) eventually(what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := watch(ctx, func() (bool, error) { return ok(), nil }); err != nil {
		w.t.Fatalf("never: %s", what)
	}
}

// An operator sees and steers jobs from the command line while a hub runs them.
func TestJobsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newJobsWorld(t)

	w.let <- nil
	if got := w.jobs(exitDone, "run", "nightly", "--wait", "--by", "mari"); !strings.Contains(got, "succeeded") || !strings.Contains(got, "2 of 4") {
		t.Errorf("run: %s", got)
	}
	w.let <- errors.New("register is closed")
	if got := w.jobs(exitFailed, "run", "nightly", "--wait"); !strings.Contains(got, "register is closed") {
		t.Errorf("run: %s", got)
	}
	var history []runView
	out, _ := w.try(exitDone, "history", "nightly", "--json")
	if err := json.Unmarshal([]byte(out), &history); err != nil || len(history) != 2 || history[1].RequestedBy != "mari" ||
		history[0].State != "failed" || history[1].Summary["rows"] != 7 || history[1].Total != 4 {
		t.Errorf("history: %v\n%s", err, out)
	}

	w.jobs(exitDone, "run", "nightly")
	w.eventually("its progress is shown", func() bool { return strings.Contains(w.jobs(exitDone, "list"), "running 2 of 4 (50 %), rows 7") })
	if got := w.jobs(exitDone, "cancel", "nightly", "--reason", "wrong data", "--by", "mari"); !strings.Contains(got, "told to stop: 1") {
		t.Errorf("cancel: %s", got)
	}
	w.eventually("it is cancelled", func() bool {
		return strings.Contains(w.jobs(exitDone, "history", "nightly"), "cancelled by mari: wrong data")
	})
	w.jobs(exitFailed, "cancel", "nightly", "--reason", "again")

	w.jobs(exitDone, "pause", "nightly", "--reason", "register is moved", "--by", "jaan")
	var list []jobView
	out, _ = w.try(exitDone, "list", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Paused == nil || *list[0].Paused != (pauseView{list[0].Paused.At, "jaan", "register is moved"}) {
		t.Errorf("list: %v\n%s", err, out)
	}
	if out, _ := w.try(exitDone, "rehearse", "--json"); strings.TrimSpace(out) != "[]" {
		t.Errorf("a paused job would run: %s", out)
	}
	w.jobs(exitDone, "resume", "nightly")
	if got := w.jobs(exitDone, "rehearse", "--for", "72h"); strings.Count(got, "nightly") != 3 {
		t.Errorf("rehearsal: %s", got)
	}

	w.let <- nil
	w.let <- errors.New("register is closed")
	if got := w.jobs(exitFailed, "backfill", "nightly", "--from", "2026-03-01", "--to", "2026-03-03", "--wait"); !strings.Contains(got, "2 due times to run") || !strings.Contains(got, "1 due times of the range have no good run") {
		t.Errorf("backfill: %s", got)
	}
}

// Whatever is asked wrongly is one sentence and exit code 2.
func TestJobsAskedWrongly(t *testing.T) {
	t.Parallel()
	w := newJobsWorld(t)
	for want, args := range map[string][]string{
		"ristmik jobs list names those":     {"run", "hourly"},
		"names those that":                  {"history", "hourly"},
		"no such job":                       {"resume", "hourly"},
		"--reason":                          {"pause", "nightly"},
		"--reason is empty":                 {"cancel", "nightly", "--reason", " "},
		"is no day (2026-03-01)":            {"backfill", "nightly", "--from", "yesterday", "--to", "2026-03-01"},
		"does not begin before it ends":     {"backfill", "nightly", "--from", "2026-03-02", "--to", "2026-03-01"},
		"ends in the future":                {"backfill", "nightly", "--from", "2026-03-02", "--to", "2999-03-01"},
		"--limit is from 1":                 {"history", "nightly", "--limit", "0"},
		"--for is above zero and at most 8": {"rehearse", "--for", "9000h"},
	} {
		if got := w.jobs(exitUsage, args...); !strings.Contains(got, want) {
			t.Errorf("jobs %s: %q is not in\n%s", strings.Join(args, " "), want, got)
		}
	}
}
