package consultation

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// ofPerson is the condition that a consultation, r, is about the person with an
// identity: one of its rounds was opened under any identity of that person's.
const ofPerson = `r.consultation_id in (select o.consultation_id from consultation.round o where o.identity in (
	select every.reference from consultation.identity one join consultation.identity every on every.person = one.person
	where one.reference = consultation.reference(?)))`

// PersonChanged notes that the person who was known as before is known as after:
// the same person has got a personal code or other data, or two identities were
// found to be one person's. From then on the consultations of both are found by
// either. Of every consultation of the person known as before that still collects
// answers the core is told which fields have changed, and whether an authority
// was told another value: then the case owner should ask anew, by a revision,
// because an approval holds for the data that it was given for. Whoever is asked
// later in such a round gets the personal code where there was none. fact is the
// core's own id of what happened: told again, it is not another.
func (p *Procedure) PersonChanged(ctx context.Context, tx pgx.Tx, fact string, before, after Person) error {
	if before.identity() == after.identity() && len(changedFields(before, after)) == 0 {
		return nil
	}
	// One after another: each may change whose identities those of another are.
	if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('consultation identities', 0))`); err != nil {
		return fmt.Errorf("waiting for other changes of persons: %w", err)
	}
	// Rounds are always the first to be locked, in one order.
	rows, err := tx.Query(ctx, `
		select r.consultation_id, r.number, r.case_reference, r.type from consultation.round r
		where r.state = 'COLLECTING' and `+strings.Replace(ofPerson, "?", "$1", 1)+` order by r.consultation_id, r.number for update`, before.identity())
	if err != nil {
		return fmt.Errorf("looking for the person's consultations: %w", err)
	}
	rounds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[roundRef])
	if err != nil {
		return fmt.Errorf("looking for the person's consultations: %w", err)
	}
	batch := &pgx.Batch{}
	batch.Queue(`insert into consultation.identity (reference, person) values (consultation.reference($1), $2) on conflict do nothing`, before.identity(), p.newID())
	batch.Queue(`
		insert into consultation.identity (reference, person) select consultation.reference($2), person from consultation.identity where reference = consultation.reference($1)
		on conflict do nothing`, before.identity(), after.identity())
	batch.Queue(`
		update consultation.identity set person = (select person from consultation.identity where reference = consultation.reference($2))
		where person = (select person from consultation.identity where reference = consultation.reference($1))`, before.identity(), after.identity())
	var events []outbox.Event
	now, changed := p.clock(), changedFields(before, after)
	for _, r := range rounds {
		told, err := toldFields(ctx, tx, r)
		if err != nil {
			return err
		}
		if before.PersonalCode == "" && after.PersonalCode != "" {
			batch.Queue(`
				update consultation.content set request = jsonb_set(request, '{person,personal_code}', to_jsonb($3::text))
				where consultation_id = $1 and round = $2 and coalesce(request #>> '{person,personal_code}', '') = ''`, r.ID, r.Number, after.PersonalCode)
		}
		other := slices.ContainsFunc(changed, func(field string) bool {
			return slices.Contains(told, field) && (field != "personal_code" || before.PersonalCode != "")
		})
		if len(changed) > 0 {
			events = append(events, event(r, fmt.Sprintf("%s/%s/%d", fact, r.ID, r.Number), eventPersonChanged, now, eventData{Changed: changed, Revise: other}))
		}
	}
	if err := outbox.QueueEvents(batch, events...); err != nil {
		return fmt.Errorf("telling that a person's data have changed: %w", err)
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("noting that a person's data have changed: %w", err)
	}
	return nil
}

// toldFields are the fields that any authority of the round may see.
func toldFields(ctx context.Context, tx pgx.Tx, r roundRef) ([]string, error) {
	rows, err := tx.Query(ctx, `
		select distinct f.name from consultation.leg l, jsonb_array_elements_text(coalesce(l.policy->'fields', '[]')) f (name)
		where l.consultation_id = $1 and l.round = $2`, r.ID, r.Number)
	if err != nil {
		return nil, fmt.Errorf("looking who was told what: %w", err)
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking who was told what: %w", err)
	}
	return names, nil
}
