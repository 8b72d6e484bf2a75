package consultation

import (
	"context"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// minReason is how much an official has to say who sets an objection aside, in
// characters.
const minReason = 20

// Decision is what the case owner decides about one question: to answer a
// question back (info_supplied, with Text), to grant or deny an extension
// (extension_granted, extension_denied), to let it be fetched instead of sent
// (rerouted), or to wait no longer (closed). The last three need a reason; the
// official who closes is stored.
type Decision struct {
	What           Happening
	Text           string
	Reason         string
	Official       string         // X-Road user id
	Classification Classification // how secret Text and Reason are; "" is AK
}

func (d Decision) check() faults {
	var f faults
	supplies := d.What == HappenedSupplied
	reasoned := d.What == HappenedExtensionDenied || d.What == HappenedClosed || d.What == HappenedRerouted
	if !supplies && !reasoned && d.What != HappenedExtensionGranted {
		f.add("/decision", "enum", "not one of the known decisions")
	}
	f.text("/text", d.Text, supplies, maxText)
	f.text("/reason", d.Reason, reasoned, maxText)
	if d.What == HappenedClosed {
		f.official("/official", d.Official)
	}
	return f
}

// Decide does what the case owner decided about a question, in the caller's
// transaction. The error is ErrNotFound, or a *[Refusal] when it cannot be done
// now.
func (p *Procedure) Decide(ctx context.Context, tx pgx.Tx, consultation, leg string, d Decision) (Consultation, error) {
	if !d.Classification.Passes() {
		return Consultation{}, tooSecret()
	}
	l, err := lockLeg(ctx, tx, leg)
	if err != nil {
		return Consultation{}, err
	}
	if l.round.ID != consultation {
		return Consultation{}, ErrNotFound
	}
	if f := d.check(); len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	now := p.clock()
	if _, err := p.happen(ctx, tx, &l, occurrence{What: d.What, At: now, Reason: d.Reason}, news{actor: byCore}); err != nil {
		return Consultation{}, err
	}
	switch d.What {
	case HappenedSupplied:
		_, err = tx.Exec(ctx, `
			update consultation.inquiry set answer = $2, answered_at = $3
			where leg_id = $1 and number = (select max(number) from consultation.inquiry where leg_id = $1)`, l.id, d.Text, now)
	case HappenedClosed:
		err = rule(ctx, tx, l.round, l.id, ruling{"closed", d.Reason, d.Official, now})
	}
	if err != nil {
		return Consultation{}, fmt.Errorf("storing the decision: %w", err)
	}
	if err := p.settle(ctx, tx, l.round, l.roundState); err != nil {
		return Consultation{}, err
	}
	return p.Get(ctx, tx, l.round.ID)
}

// Override sets an objection aside that can be: the reason is stored (Aliens
// Act, section 82), and the outcome stays what it is. Doing it again changes
// nothing.
func (p *Procedure) Override(ctx context.Context, tx pgx.Tx, id, reason, official string) (Consultation, error) {
	r, err := lockRound(ctx, tx, id)
	if err != nil {
		return Consultation{}, err
	}
	var f faults
	f.text("/reason", reason, true, maxText)
	if n := utf8.RuneCountInString(reason); !f.about("/reason") && n < minReason {
		f.add("/reason", "length", "at least %d characters", minReason)
	}
	f.official("/official", official)
	if len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	if r.outcome != OutcomeObjectedOverridable {
		return Consultation{}, &Refusal{RefusedConflict, []Violation{{
			Code: FaultNotOverridable, Message: "the outcome is no objection that could be set aside",
		}}}
	}
	now := p.clock()
	if err := rule(ctx, tx, r.roundRef, "", ruling{"overridden", reason, official, now}); err != nil {
		return Consultation{}, err
	}
	if err := p.tell(ctx, tx, r.roundRef, eventOverridden, now, eventData{Outcome: r.outcome}); err != nil {
		return Consultation{}, err
	}
	return p.Get(ctx, tx, id)
}

// Confirm notes that an entitled official has read what an authority answered
// out of band; the round's outcome is then worked out without it.
func (p *Procedure) Confirm(ctx context.Context, tx pgx.Tx, id, leg, official string) (Consultation, error) {
	r, err := lockRound(ctx, tx, id)
	if err != nil {
		return Consultation{}, err
	}
	legs, results, err := readResults(ctx, tx, r.roundRef, r.state)
	if err != nil {
		return Consultation{}, err
	}
	at := slices.IndexFunc(legs, func(l lockedLeg) bool { return l.id == leg })
	if at < 0 {
		return Consultation{}, ErrNotFound
	}
	var f faults
	if f.official("/official", official); len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	if results[at].Code != CodeHandledOutOfBand {
		return Consultation{}, &Refusal{RefusedConflict, []Violation{{Code: FaultState, Message: "this was not answered out of band"}}}
	}
	now := p.clock()
	if err := rule(ctx, tx, r.roundRef, leg, ruling{"confirmed", "", official, now}); err != nil {
		return Consultation{}, err
	}
	results[at].Confirmed = true
	if outcome := OutcomeOf(results); r.state == RoundComplete && outcome != r.outcome {
		_, err := tx.Exec(ctx, `update consultation.round set outcome = $3 where consultation_id = $1 and number = $2 and state = 'COMPLETE'`,
			r.ID, r.Number, outcome)
		if err != nil {
			return Consultation{}, fmt.Errorf("changing the outcome: %w", err)
		}
		if err := p.tell(ctx, tx, r.roundRef, eventOutcomeChanged, now, eventData{LegID: leg, Outcome: outcome}); err != nil {
			return Consultation{}, err
		}
	}
	return p.Get(ctx, tx, id)
}
