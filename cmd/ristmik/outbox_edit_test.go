package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/labour"
	"ristmik/outbox"
)

const edited = `{"event_id":"e1","event_type":"permit.issued","occurred_at":"2026-03-02T10:15:00Z","permit_id":"p1","personal_code":"canary"}`

// An operator takes the body of a dead message out, mends it, and lets it go again; the sender's own check has its word,
// and no body is printed.
func TestADeadMessageIsEditedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	err := pgx.BeginFunc(t.Context(), w.pool, func(tx pgx.Tx) error {
		return outbox.Publish(t.Context(), tx, outbox.Message{Destination: labour.Destination, Lane: "p", Kind: "permit.issued", Key: "e1", Payload: []byte(`{"x":"canary"}`)})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.pool.Exec(t.Context(), `
with m as (update outbox.message set state = 'dead', reason = 'fix_data' returning id, destination),
     p as (update outbox.pending set due = 'infinity'), l as (update outbox.lane set ready_at = 'infinity')
insert into outbox.dead (id, destination, since, reason) select id, destination, now(), 'fix_data' from m`); err != nil {
		t.Fatal(err)
	}
	var dead []messageView
	w.json(&dead, "ls", "--state", "dead")
	id, dir := strconv.FormatInt(dead[0].ID, 10), t.TempDir()
	file := filepath.Join(dir, "body.json")
	w.run(exitDone, "body", id, "-o", file, "--reason", "to mend it", "--by", "mari")
	if text, err := os.ReadFile(file); err != nil || string(text) != `{"x":"canary"}` {
		t.Errorf("%q, %v", text, err)
	}
	w.run(exitUsage, "body", id, "-o", file, "--reason", "over it")
	w.run(exitUsage, "edit", id, "--body", file, "--reason", "as it is")
	other := filepath.Join(dir, "other.json")
	for text, code := range map[string]int{strings.Replace(edited, "e1", "e2", 1): exitUsage, strings.Replace(edited, "personal_code", "name", 1): exitUsage, "": exitUsage} {
		if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w.run(code, "edit", id, "--body", other, "--reason", "mended")
	}
	if err := os.WriteFile(other, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := w.run(exitDone, "edit", id, "--body", other, "--reason", "mended", "--by", "mari", "--delay", "1h"); !strings.Contains(got, "generation 2") {
		t.Error(got)
	}
	var story storyView
	w.json(&story, "show", id)
	if story.State != "ready" || story.Generation != 2 || len(story.Interventions) != 2 || story.Interventions[0].Action != "read" || story.Interventions[1].Action != "edit" {
		t.Errorf("%+v", story)
	}
	w.run(exitUsage, "edit", id, "--delay", "2h", "--reason", "it is not dead")
}

// Switching retries off says what it cancels, switching on asks about the old ones.
func TestRetriesAreSwitchedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	w.publish("a", "b")
	stop := w.serve(func(string) outbox.Outcome { return outbox.Outcome{Result: outbox.ResultRetry, After: time.Hour} })
	w.eventually("both wait", func() bool {
		r, err := outbox.RetriesOf(t.Context(), w.pool, "tax")
		return err == nil && r.Waiting == 2
	})
	stop()
	w.run(exitUsage, "retries", "tax", "off", "--reason", "it doubles")
	w.run(exitUsage, "retries", "tax", "off", "--old", "keep", "--reason", "it doubles")
	var v retriesView
	if w.json(&v, "retries", "tax", "off", "--yes", "--reason", "it doubles", "--by", "mari"); v.Cancelled != 2 {
		t.Errorf("%+v", v)
	}
	stop = w.relay(func(string) bool { return true })
	var stats []statsView
	w.eventually("both are dead", func() bool { w.json(&stats, "stats"); return stats[0].Dead == 2 })
	if stats[0].RetriesOffBy != "mari" || stats[0].Delivered != 0 {
		t.Errorf("%+v", stats)
	}
	w.run(exitUsage, "retries", "tax", "on", "--reason", "mended")
	if w.json(&v, "retries", "tax", "on", "--old", "retry", "--reason", "mended"); v.Cancelled != 2 || len(v.Old) != 2 || v.Old[0].Result != "retry" {
		t.Errorf("%+v", v)
	}
	w.eventually("both are delivered", func() bool { w.json(&stats, "stats"); return stats[0].Delivered == 2 })
	stop()
}
