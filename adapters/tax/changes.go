package tax

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/mapping"
	"ristmik/outbox"
	"ristmik/schedules"
)

const (
	// batch is how many persons one query asks for: far below the register's
	// limit of records, and a request stays a few hundred bytes.
	batch = 50
	// overlap is how far a run looks back behind the last one, because the
	// register tells change periods in whole days and records may arrive late.
	overlap = 24 * time.Hour
	// firstLook is how far the very first run looks back.
	firstLook = 7 * 24 * time.Hour
)

// cursor is where the last run stopped: changes up to this moment are known.
type cursor struct {
	Until time.Time `json:"until"`
}

type watched struct {
	Ref      string
	Code     string
	PermitID string
}

// Changes is the scheduled job: it asks for what changed in the employment
// register about the persons with a permit and tells the core, as events
// employment.registered, employment.changed and employment.ended. Records that
// were told before are recognised by their id and time of change, so an
// overlapping or repeated run tells nothing twice. What was found and how far
// the job has looked are one transaction.
func (r *Register) Changes(ctx context.Context, run *schedules.Run) error {
	var last cursor
	if raw := run.Cursor(); len(raw) > 0 {
		if err := json.Unmarshal(raw, &last); err != nil {
			return fmt.Errorf("reading the cursor: %w", err)
		}
	}
	now := run.Now
	from := now.Add(-firstLook)
	if !last.Until.IsZero() {
		from = last.Until.Add(-overlap)
	}
	summary := map[string]int{"persons": 0, "records": 0, "events": 0}
	persons, err := r.watchedPersons(ctx)
	if err != nil {
		return err
	}
	type batchResult struct {
		byCode map[string]watched
		found  []Employment
	}
	var results []batchResult
	for start := 0; start < len(persons); start += batch {
		part := persons[start:min(start+batch, len(persons))]
		codes := make([]string, len(part))
		byCode := make(map[string]watched, len(part))
		for i, p := range part {
			codes[i], byCode[p.Code] = p.Code, p
		}
		found, err := r.changed(ctx, codes, from.In(r.o.Zone), now.In(r.o.Zone))
		if err != nil {
			return err
		}
		summary["persons"] += len(part)
		summary["records"] += len(found)
		results = append(results, batchResult{byCode, found})
	}
	err = run.Commit(ctx, cursor{Until: now}, func(tx pgx.Tx) error {
		var events []outbox.Event
		for _, b := range results {
			for _, e := range b.found {
				p, ok := b.byCode[e.PersonalCode]
				if !ok {
					continue // an answer about a person nobody asked for is not ours to keep
				}
				event, news, err := store(ctx, tx, p, e)
				if err != nil {
					return err
				}
				if news {
					events = append(events, event)
				}
			}
		}
		// After all rows of our own: locks are taken in that order.
		if err := outbox.Append(ctx, tx, events...); err != nil {
			return fmt.Errorf("appending the employment events: %w", err)
		}
		summary["events"] = len(events)
		return nil
	})
	if err != nil {
		return err
	}
	run.Report(summary)
	return nil
}

func (r *Register) watchedPersons(ctx context.Context) ([]watched, error) {
	rows, _ := r.o.Pool.Query(ctx, `select person_ref::text, personal_code, permit_id from tax.watched order by since, person_ref`)
	persons, err := pgx.CollectRows(rows, pgx.RowToStructByPos[watched])
	if err != nil {
		return nil, fmt.Errorf("reading the watched persons: %w", err)
	}
	return persons, nil
}

// store keeps the record if it is new or changed and returns the event that
// says so; false when it was told before.
func store(ctx context.Context, tx pgx.Tx, p watched, e Employment) (outbox.Event, bool, error) {
	var endedBefore *time.Time
	var known bool
	err := tx.QueryRow(ctx, `select true, ended from tax.employment where toot_id = $1 for update`, e.ID).Scan(&known, &endedBefore)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return outbox.Event{}, false, fmt.Errorf("reading a known employment: %w", err)
	}
	tag, err := tx.Exec(ctx, `
		insert into tax.employment as t (toot_id, person_ref, employer, started, ended, changed_at)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (toot_id) do update
		set employer = excluded.employer, started = excluded.started, ended = excluded.ended, changed_at = excluded.changed_at
		where t.changed_at < excluded.changed_at`,
		e.ID, p.Ref, e.Employer, e.Start, e.End, e.Changed)
	if err != nil {
		return outbox.Event{}, false, fmt.Errorf("storing an employment: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return outbox.Event{}, false, nil
	}
	kind := "employment.changed"
	switch {
	case e.End != nil && endedBefore == nil:
		kind = "employment.ended"
	case !known:
		kind = "employment.registered"
	}
	data := map[string]any{
		"permit_id": p.PermitID, "toot_id": e.ID,
		"started": e.Start.Format(time.DateOnly), "changed_at": e.Changed.UTC().Format(time.RFC3339Nano),
	}
	// A natural person may employ too, under a personal code.
	if mapping.CheckRegistryCode(e.Employer) == "" {
		data["employer_code"] = e.Employer
	}
	if e.End != nil {
		data["ended"] = e.End.Format(time.DateOnly)
		data["end_ground_code"] = e.EndGround
	}
	raw, err := json.Marshal(data)
	if err != nil {
		return outbox.Event{}, false, fmt.Errorf("writing an employment event: %w", err)
	}
	// The id follows from the record and its change, so that telling twice is
	// one event wherever the repetition comes from.
	id := uuid.NewSHA1(uuid.NameSpaceURL, fmt.Appendf(nil, "employment:%d:%d", e.ID, e.Changed.UnixMicro()))
	return outbox.Event{
		ID: id.String(), Type: kind, Source: "/registers/tax", Subject: "person:" + p.Ref, Time: e.Changed, Data: raw,
	}, true, nil
}
