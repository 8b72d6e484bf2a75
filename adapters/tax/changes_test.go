package tax_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/tax"
	"ristmik/outbox"
)

var employerCode = regexp.MustCompile(`<ta_kood>[^<]*<`)

// An end of employment is told once, however often the job looks.
func TestEndOfEmploymentIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, id := w.employed(t)
	w.publish(t, tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL1", PersonalCode: p.PersonalCode})
	w.end(t, p, id)
	w.run(t)
	w.run(t)
	ended := 0
	for _, e := range w.events(t) {
		var data map[string]any
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatal(err)
		}
		if e.Type == "employment.ended" && data["toot_id"] == float64(id) {
			ended++
			if data["permit_id"] != "EL1" || data["end_ground_code"] != "1" {
				t.Errorf("the event says %v", data)
			}
		}
		if bytes.Contains(e.Data, []byte(p.PersonalCode)) {
			t.Error("the event holds the personal code")
		}
	}
	if ended != 1 {
		t.Errorf("employment.ended was told %d times", ended)
	}
}

// Nobody is asked about who isn't watched.
func TestPersonsWithoutPermitAreNotAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run(t)
	var exchanges struct {
		Exchanges []any `json:"exchanges"`
	}
	w.control(t, http.MethodGet, "exchanges?limit=10", nil, &exchanges)
	if len(exchanges.Exchanges) != 0 || len(w.events(t)) != 0 {
		t.Errorf("%d exchanges, %d events", len(exchanges.Exchanges), len(w.events(t)))
	}
}

// A natural person who employs is named by nothing in the feed.
func TestEmployersPersonalCodeIsNotTold(t *testing.T) {
	t.Parallel()
	for code, told := range map[string]bool{"10000024": true, "81506150008": false} {
		w := newWorldThrough(t, answering(t, func(answer []byte) []byte {
			return employerCode.ReplaceAll(answer, []byte("<ta_kood>"+code+"<"))
		}))
		p, id := w.employed(t)
		w.publish(t, tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL1", PersonalCode: p.PersonalCode})
		w.end(t, p, id)
		w.run(t)
		events := w.events(t)
		if len(events) == 0 {
			t.Fatal("nothing was told")
		}
		for _, e := range events {
			if bytes.Contains(e.Data, []byte(code)) != told {
				t.Errorf("employer %s: %s", code, e.Data)
			}
		}
	}
}

// The job takes all its own rows before the subjects of events, as everybody
// does: whoever holds one of its rows and tells something of a person waits for
// nobody.
func TestRowsAreTakenBeforeSubjects(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all struct {
		Persons []person `json:"persons"`
	}
	w.control(t, http.MethodGet, "persons", nil, &all)
	ended := 0
	for _, p := range all.Persons {
		for _, e := range p.Employments {
			if e.End == "" && ended < 2 {
				ended++
				w.publish(t, tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL1", PersonalCode: p.PersonalCode})
				w.end(t, p, e.ID)
				break
			}
		}
	}
	w.run(t)
	events := w.events(t)
	if ended != 2 || len(events) < 2 || events[0].Subject == events[len(events)-1].Subject {
		t.Fatalf("%d ended, %d events", ended, len(events))
	}
	// As if none of it had been seen: the same run once more, in the same order.
	if _, err := w.pool.Exec(t.Context(), `update tax.employment set changed_at = changed_at - interval '1 hour'`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	done := make(chan struct{})
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		var last struct {
			ID int64 `json:"toot_id"`
		}
		if err := json.Unmarshal(events[len(events)-1].Data, &last); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `select toot_id from tax.employment where toot_id = $1 for update`, last.ID); err != nil {
			return err
		}
		go func() { defer close(done); w.run(t) }()
		w.awaitBlocked(ctx, t)
		return outbox.Append(ctx, tx, outbox.Event{ID: "e", Type: "test.happened", Source: "/test", Subject: events[0].Subject, Time: time.Now()})
	})
	if err != nil {
		t.Error(err)
	}
	<-done
}

// awaitBlocked waits until a connection of the database waits for a lock.
func (w world) awaitBlocked(ctx context.Context, t *testing.T) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for blocked := false; !blocked; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("nobody waits")
		}
		err := w.pool.QueryRow(ctx, `
			select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&blocked)
		if err != nil {
			t.Fatal(err)
		}
	}
}
