package consultation

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// settle looks at a round after something happened to one of its legs: it
// withdraws what a veto has made needless where the type fails fast, and
// completes the round when nothing is waited for any more. The caller holds the
// round's lock. A round that is complete stays as it is.
func (p *Procedure) settle(ctx context.Context, tx pgx.Tx, r roundRef, state RoundState) error {
	if state != RoundCollecting {
		return nil
	}
	legs, results, err := readResults(ctx, tx, r, state)
	if err != nil {
		return err
	}
	now := p.clock()
	ended := false
	for i, what := range needless(results) {
		if _, err := p.happen(ctx, tx, &legs[i], occurrence{What: what, At: now}, news{actor: byHub}); err != nil {
			return err
		}
		ended = true
	}
	if ended {
		if legs, results, err = readResults(ctx, tx, r, state); err != nil {
			return err
		}
	}
	for _, l := range results {
		if !l.State.Final() {
			return nil
		}
	}
	return p.complete(ctx, tx, r, legs, results)
}

// needless says which legs the round need not wait for, by their index, and how
// they end: after a veto of a type that fails fast all that are open are withdrawn; optional ones whose term has passed are closed when they are all that is
// left.
func needless(legs []LegResult) map[int]Happening {
	ends := map[int]Happening{}
	// That a question is no longer needed must not tell others of a hidden one.
	if slices.ContainsFunc(legs, func(l LegResult) bool { return l.FailFast && !l.Hidden && blocked([]LegResult{l}) }) {
		for i, l := range legs {
			if !l.State.Final() {
				ends[i] = HappenedWithdrawn
			}
		}
		return ends
	}
	for i, l := range legs {
		switch {
		case l.State.Final():
		case !l.Mandatory && (l.State == LegOverdue || l.State == LegDeliveryProblem && l.DuePassed):
			ends[i] = HappenedClosed
		default:
			return nil
		}
	}
	return ends
}

// readResults reads the legs of a round with what counts for its outcome.
func readResults(ctx context.Context, tx pgx.Tx, r roundRef, state RoundState) ([]lockedLeg, []LegResult, error) {
	var legs []lockedLeg
	answers := map[string]LegResult{}
	batch := &pgx.Batch{}
	batch.Queue(selectLegs+"consultation_id = $1 and round = $2"+orderedLegs, r.ID, r.Number).Query(func(rows pgx.Rows) (err error) {
		legs, err = collectLegs(rows, r, state)
		return err
	})
	batch.Queue(`
		select l.id, coalesce(a.code, ''), coalesce(a.conditions, '[]'), l.replaced_by is not null,
			exists (select from consultation.ruling g
				where g.consultation_id = l.consultation_id and g.round = l.round and g.what = 'confirmed' and g.leg_id = l.id)
		from consultation.leg l
		left join lateral ( -- each by the index: a join would read all answers that there are while nobody has counted them
			select code, conditions from consultation.answer
			where leg_id = l.id and status = 'accepted' and version = l.answer_version limit 1) a on true
		where l.consultation_id = $1 and l.round = $2`, r.ID, r.Number).Query(func(rows pgx.Rows) error {
		var id string
		var a LegResult
		_, err := pgx.ForEachRow(rows, []any{&id, &a.Code, &a.Conditions, &a.Replaced, &a.Confirmed}, func() error {
			answers[id] = a
			a = LegResult{}
			return nil
		})
		return err
	})
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, nil, fmt.Errorf("reading the round's answers: %w", err)
	}
	results := make([]LegResult, len(legs))
	for i, l := range legs {
		results[i] = answers[l.id]
		results[i].Mandatory, results[i].Binding, results[i].FailFast, results[i].Hidden = l.policy.Mandatory, l.policy.Binding, l.policy.FailFast, l.policy.Hidden
		results[i].State, results[i].DuePassed = l.progress.State, l.progress.DuePassed || l.policy.Information
	}
	return legs, results, nil
}

// complete ends the round with its outcome.
func (p *Procedure) complete(ctx context.Context, tx pgx.Tx, r roundRef, legs []lockedLeg, results []LegResult) error {
	now := p.clock()
	outcome := OutcomeOf(results)
	viaSilence, unanswered := false, false
	told := make([]eventLeg, len(legs))
	for i, l := range legs {
		told[i] = eventLeg{l.id, l.policy.Authority, l.policy.Hidden, l.progress.State, results[i].Code}
		viaSilence = viaSilence || l.progress.State == LegDeemedNoObjection
		unanswered = unanswered || l.progress.State == LegClosedNoAnswer && !results[i].Replaced && !l.policy.Information
	}
	done, err := tx.Exec(ctx, `
		update consultation.round set state = $3, outcome = $4, completed_at = $5, via_silence = $6, unanswered = $7
		where consultation_id = $1 and number = $2 and state = $8`,
		r.ID, r.Number, RoundComplete, outcome, now, viaSilence, unanswered, RoundCollecting)
	if err != nil {
		return fmt.Errorf("completing the round: %w", err)
	}
	if done.RowsAffected() != 1 {
		return fmt.Errorf("completing the round: it is not collecting any more")
	}
	// A round that collected again after another authority was asked is completed
	// once more, with more legs.
	key := fmt.Sprintf("%s/%d", r.ID, r.Number)
	if slices.ContainsFunc(results, func(l LegResult) bool { return l.Replaced }) {
		key = fmt.Sprintf("%s/%d", key, len(results))
	}
	err = outbox.Append(ctx, tx, event(r, key, eventRoundCompleted, now,
		eventData{Outcome: outcome, ViaSilence: viaSilence, Unanswered: unanswered, Legs: told}))
	if err != nil {
		return fmt.Errorf("telling that the round is complete: %w", err)
	}
	return nil
}
