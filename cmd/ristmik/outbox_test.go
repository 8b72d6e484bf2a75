package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
)

// outboxWorld is a database that another part of the program runs, as a hub would, and the command line beside it.
type outboxWorld struct {
	t      *testing.T
	config string
	pool   *pgxpool.Pool
}

func newOutboxWorld(t *testing.T) *outboxWorld {
	t.Helper()
	config, _, pool := besideAHub(t)
	return &outboxWorld{t, config, pool}
}

func (w *outboxWorld) publish(keys ...string) {
	w.t.Helper()
	err := pgx.BeginFunc(w.t.Context(), w.pool, func(tx pgx.Tx) error {
		for _, key := range keys {
			err := outbox.Publish(w.t.Context(), tx, outbox.Message{Destination: "tax", Lane: key, Kind: "permit", Key: key, Payload: []byte("canary")})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// relay serves tax until the returned function is called; it delivers what accept lets pass and refuses the rest.
func (w *outboxWorld) relay(accept func(key string) bool) (stop func()) {
	w.t.Helper()
	return w.serve(func(key string) outbox.Outcome {
		if accept(key) {
			return outbox.Outcome{Result: outbox.ResultDelivered, Exchange: "exchange-" + key}
		}
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "fix_data"}
	})
}

// serve serves tax until the returned function is called.
func (w *outboxWorld) serve(answer func(key string) outbox.Outcome) (stop func()) {
	w.t.Helper()
	r, err := outbox.NewRelay(w.pool, []outbox.Destination{{Name: "tax", Sender: outbox.SenderFunc(func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		return answer(d.Key)
	})}}, outbox.Options{Owner: "hub", Poll: 10 * time.Millisecond})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Error(err)
		}
	}
}

func (w *outboxWorld) eventually(what string, ok func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	if err := watch(ctx, func() (bool, error) { return ok(), nil }); err != nil {
		w.t.Fatalf("never: %s", what)
	}
}

// run runs a command about deliveries and returns what it printed.
func (w *outboxWorld) run(code int, args ...string) string {
	w.t.Helper()
	var out, errOut bytes.Buffer
	if got := run(w.t.Context(), append(append([]string{"outbox"}, args...), "-c", w.config), &out, &errOut); got != code {
		w.t.Errorf("outbox %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errOut.String())
	}
	if strings.Contains(out.String()+errOut.String(), "canary") {
		w.t.Errorf("outbox %s shows a payload", strings.Join(args, " "))
	}
	return out.String()
}

func (w *outboxWorld) json(v any, args ...string) {
	w.t.Helper()
	out := w.run(exitDone, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), v); err != nil {
		w.t.Fatalf("outbox %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// An operator sees what is dead and decides about it, one by one and all at once, with a word of why that is kept.
func TestDeadLettersFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	w.publish("a", "b", "c", "d")
	stop := w.relay(func(key string) bool { return key == "a" })
	w.eventually("three are dead", func() bool {
		var dead []messageView
		w.json(&dead, "ls", "--state", "dead")
		return len(dead) == 3
	})
	stop()
	var all []messageView
	w.json(&all, "ls", "--destination", "tax")
	if len(all) != 4 || all[3].State != "delivered" || all[0].Reason != "fix_data" || all[3].Attempts != 1 {
		t.Fatalf("%+v", all)
	}
	var stats []statsView
	if w.json(&stats, "stats"); len(stats) != 1 || stats[0].Dead != 3 || stats[0].Delivered != 1 {
		t.Errorf("%+v", stats)
	}
	b := strconv.FormatInt(all[2].ID, 10)
	if got := w.run(exitDone, "discard", b, "--reason", "sent by hand", "--by", "mari"); !strings.Contains(got, b) || !strings.Contains(got, "discarded") {
		t.Errorf("discard: %s", got)
	}
	var story storyView
	w.json(&story, "show", b)
	if story.State != "discarded" || len(story.Tried) != 1 || story.Tried[0].Result != "refused" || len(story.Interventions) != 1 ||
		story.Interventions[0].By != "mari" || story.Interventions[0].Reason != "sent by hand" {
		t.Errorf("%+v", story)
	}
	if got := w.run(exitFailed, "discard", b, "--reason", "again"); !strings.Contains(got, "failed") {
		t.Errorf("discard again: %s", got)
	}

	var items []itemView
	w.json(&items, "retry", "--all-of", "tax", "--because", "fix_data", "--rate", "100", "--reason", "their data is mended")
	if len(items) != 2 || items[0].ID != all[1].ID || items[1].ID != all[0].ID || items[0].Result != "retried" {
		t.Errorf("%+v", items)
	}
	stop = w.relay(func(string) bool { return true })
	defer stop()
	w.eventually("they are delivered", func() bool {
		w.json(&stats, "stats")
		return stats[0].Delivered == 3 && stats[0].Dead == 0
	})
	if got := w.run(exitDone, "show", strconv.FormatInt(all[0].ID, 10)); !strings.Contains(got, "exchange-d") || !strings.Contains(got, "their data is mended") {
		t.Errorf("show: %s", got)
	}
}

// A pause is seen with who and why, and what was published meanwhile is sent when it ends.
func TestADestinationIsPausedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	w.run(exitDone, "pause", "tax", "--reason", "their upgrade", "--by", "mari")
	w.publish("a")
	stop := w.relay(func(string) bool { return true })
	defer stop()
	if got := w.run(exitDone, "stats"); !strings.Contains(got, "paused by mari: their upgrade") {
		t.Errorf("stats: %s", got)
	}
	w.run(exitDone, "resume", "tax", "--reason", "they are back")
	w.eventually("it is delivered", func() bool { return strings.Contains(w.run(exitDone, "ls"), "delivered") })
}

// A breaker is tripped for a while and reset by hand, with who and why in its history.
func TestABreakerIsTrippedAndResetFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	w.run(exitDone, "trip", "tax", "--for", "1h", "--reason", "they asked us to", "--by", "mari")
	w.publish("a")
	stop := w.relay(func(string) bool { return true })
	defer stop()
	var stats []statsView
	w.eventually("it waits for the breaker", func() bool {
		w.json(&stats, "stats")
		return stats[0].Parked == 1 && stats[0].Breaker == "open" && stats[0].BreakerReason == "they asked us to"
	})
	w.run(exitDone, "reset", "tax", "--reason", "they are well", "--by", "mari")
	w.eventually("it is delivered", func() bool { return strings.Contains(w.run(exitDone, "ls"), "delivered") })
	history, err := outbox.BreakerHistory(w.t.Context(), w.pool, 10)
	if err != nil || len(history) != 2 || history[0].State != "closed" || history[0].Reason != "they are well" || history[1].By != "mari" {
		t.Errorf("%+v, %v", history, err)
	}
}

// An outage that a partner has announced is kept for its time, is seen in the counts while it lasts, and can be taken back.
func TestAnOutageIsAnnouncedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	var later, now downtimeView
	w.json(&later, "downtime", "announce", "tax", "--from", time.Now().Add(24*time.Hour).UTC().Format(time.RFC3339), "--for", "2h", "--reason", "their move", "--by", "mari")
	w.json(&now, "downtime", "announce", "tax", "--for", "1h", "--reason", "their upgrade", "--by", "mari")
	var list []downtimeView
	if w.json(&list, "downtime", "ls"); len(list) != 2 || list[0].ID != now.ID || list[1].Until.Sub(list[1].From) != 2*time.Hour {
		t.Errorf("%+v", list)
	}
	w.publish("a")
	stop := w.relay(func(string) bool { return true })
	defer stop()
	if got := w.run(exitDone, "stats"); !strings.Contains(got, "announced by mari: their upgrade") {
		t.Errorf("stats: %s", got)
	}
	w.run(exitDone, "downtime", "withdraw", strconv.FormatInt(now.ID, 10), "--reason", "they are done")
	w.eventually("it is delivered", func() bool { return strings.Contains(w.run(exitDone, "ls"), "delivered") })
	if got := w.run(exitDone, "downtime", "ls"); !strings.Contains(got, "their move") || strings.Contains(got, "their upgrade") {
		t.Errorf("ls: %s", got)
	}
}

func TestOutboxCommandsRefuseWhatIsNotClear(t *testing.T) {
	t.Parallel()
	w := newOutboxWorld(t)
	for _, args := range [][]string{
		{"retry", "--reason", "why"}, {"retry", "1", "--all", "--reason", "why"}, {"discard", "1"}, {"discard", "1", "--reason", " "},
		{"retry", "1", "--because", "x", "--reason", "why"}, {"retry", "1", "--all-of", "tax", "--reason", "why"},
		{"retry", "--all", "--all-of", "tax", "--reason", "why"}, {"retry", "--all", "--rate", "-1", "--reason", "why"}, {"bulk", "show", "12345"},
		{"bulk", "stop", "12345", "--reason", "why"}, {"bulk", "ls", "--limit", "0"}, {"bulk", "pause", "1"}, {"show", "12345"}, {"ls", "--state", "lost"}, {"ls", "--limit", "0"},
		{"downtime", "announce", "tax", "--reason", "why"}, {"downtime", "announce", "tax", "--reason", "why", "--for", "1h", "--until", "2030-01-01T00:00"},
		{"downtime", "announce", "tax", "--reason", "why", "--from", "tomorrow", "--for", "1h"}, {"downtime", "announce", "tax", "--reason", "why", "--until", "2020-01-01T00:00"},
		{"downtime", "withdraw", "12345", "--reason", "why"}, {"trip", "tax", "--reason", "why"}, {"trip", "tax", "--reason", "why", "--for", "-1h"}, {"reset", "tax"}, {"pause", "tax"}, {"pause", "tax", "--reason", " "},
	} {
		w.run(exitUsage, args...)
	}
}
