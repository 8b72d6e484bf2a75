package main

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"ristmik/outbox"
)

// A selection is looked at first; the job it becomes is paused, seen, resumed and stopped by anybody, and goes on after
// the command that made it has ended.
func TestBulkJobsFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	w.publish("a", "b", "c", "d")
	stop := w.relay(func(string) bool { return false })
	w.eventually("four are dead", func() bool {
		var dead []messageView
		w.json(&dead, "ls", "--state", "dead")
		return len(dead) == 4
	})
	stop()
	var selected map[string]int
	if w.json(&selected, "retry", "--all-of", "tax", "--dry-run", "--reason", "look"); selected["selected"] != 4 {
		t.Errorf("%v", selected)
	}
	// One in ten seconds: the first is retried, and the command is interrupted.
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errOut bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"outbox", "retry", "--all-of", "tax", "--kind", "permit", "--rate", "0.1", "--reason", "mended", "--by", "mari", "--json", "-c", w.config}, &out, &errOut)
	}()
	var jobs []bulkView
	w.eventually("the job has begun", func() bool {
		w.json(&jobs, "bulk", "ls")
		return len(jobs) == 1 && jobs[0].Done == 1
	})
	interrupt()
	id := strconv.FormatInt(jobs[0].ID, 10)
	if code := <-ended; code != exitFailed || !strings.Contains(errOut.String(), "3 of 4 left: bulk job "+id+" goes on") || strings.Count(out.String(), `"left"`) != 3 {
		t.Errorf("exit code %d\n%s%s", code, out.String(), errOut.String())
	}
	if got := w.run(exitDone, "bulk", "pause", id, "--reason", "wait", "--by", "jaan"); !strings.Contains(got, "is paused: 1 done, 0 failed, 3 left") {
		t.Error(got)
	}
	w.run(exitUsage, "bulk", "pause", id, "--reason", "again")
	var job bulkView
	if w.json(&job, "bulk", "show", id); job.State != outbox.BulkPaused || job.ChangedBy != "jaan" || job.By != "mari" || job.Destination != "tax" || len(job.Items) != 4 || job.Items[0].Result != "retried" {
		t.Errorf("%+v", job)
	}
	w.run(exitDone, "bulk", "resume", id, "--reason", "go on")
	w.run(exitDone, "bulk", "stop", id, "--reason", "too slow")
	if got := w.run(exitFailed, "bulk", "watch", id); strings.Count(got, "left") != 3 {
		t.Error(got)
	}
	if got := w.run(exitDone, "bulk", "show", id); !strings.Contains(got, "too slow") || !strings.Contains(got, "1 done, 0 failed, 3 left") {
		t.Error(got)
	}
	var items []itemView
	if w.json(&items, "discard", "--all", "--reason", "by post"); len(items) != 3 || items[0].Result != "discarded" {
		t.Errorf("%+v", items)
	}
}

func TestTimesOfTheCommandLineAreEstonian(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-12-01T22:00": "2026-12-01T20:00:00Z", "2026-07-01 22:00": "2026-07-01T19:00:00Z", "2026-12-01T20:00:00Z": "2026-12-01T20:00:00Z",
		"2026-12-01T22:00:30": "2026-12-01T20:00:30Z",
	} {
		if got, err := wallTime(text); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s is %s, %v", text, got, err)
		}
	}
}
