package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/outbox"
)

// lockedRound is the current round of a consultation, locked.
type lockedRound struct {
	roundRef
	state   RoundState
	outcome Outcome // OPEN while it collects
}

// lockRound locks the current round; ErrNotFound when there is no such
// consultation. A new round is made under the lock of the one before, so it is
// looked for once more after waiting.
func lockRound(ctx context.Context, tx pgx.Tx, id string) (lockedRound, error) {
	if !isUUID(id) {
		return lockedRound{}, ErrNotFound
	}
	for {
		var r lockedRound
		err := tx.QueryRow(ctx, `
			select consultation_id, number, case_reference, type, state, coalesce(outcome, $2) from consultation.round
			where consultation_id = $1 and number = (select max(number) from consultation.round where consultation_id = $1)
			for update`, id, OutcomeOpen).
			Scan(&r.ID, &r.Number, &r.CaseReference, &r.Type, &r.state, &r.outcome)
		if errors.Is(err, pgx.ErrNoRows) {
			return lockedRound{}, ErrNotFound
		}
		if err != nil {
			return lockedRound{}, fmt.Errorf("locking the round: %w", err)
		}
		var newest int
		if err := tx.QueryRow(ctx, `select max(number) from consultation.round where consultation_id = $1`, id).Scan(&newest); err != nil {
			return lockedRound{}, fmt.Errorf("looking for a newer round: %w", err)
		}
		if newest == r.Number {
			return r, nil
		}
	}
}

// ruling is what an official decided.
type ruling struct {
	what, reason, official string
	at                     time.Time
}

// rule stores a ruling; the first one of its kind stands.
func rule(ctx context.Context, tx pgx.Tx, r roundRef, leg string, d ruling) error {
	_, err := tx.Exec(ctx, `
		insert into consultation.ruling (consultation_id, round, leg_id, what, reason, official, at)
		values ($1, $2, nullif($3, '')::uuid, $4, $5, $6, $7) on conflict do nothing`, r.ID, r.Number, leg, d.what, d.reason, d.official, d.at)
	if err != nil {
		return fmt.Errorf("storing what the official decided: %w", err)
	}
	return nil
}

// tell appends an event of the whole round, once for each kind and leg.
func (p *Procedure) tell(ctx context.Context, tx pgx.Tx, r roundRef, kind string, at time.Time, d eventData) error {
	key := strings.TrimSuffix(fmt.Sprintf("%s/%d/%s", r.ID, r.Number, d.LegID), "/")
	if err := outbox.Append(ctx, tx, event(r, key, kind, at, d)); err != nil {
		return fmt.Errorf("telling %s: %w", kind, err)
	}
	return nil
}

// Revise starts a new round because the facts of the case have changed: every
// question of the current round is superseded, whatever was answered, and
// everybody is asked anew. An answer to the old round that still comes is kept
// and has no effect. The error is ErrNotFound, or a *[Refusal].
func (p *Procedure) Revise(ctx context.Context, tx pgx.Tx, id string, r OpenRequest) (Consultation, error) {
	if !r.Classification.Passes() {
		return Consultation{}, tooSecret()
	}
	old, err := lockRound(ctx, tx, id)
	if err != nil {
		return Consultation{}, err
	}
	f := faults(p.Check(r))
	if r.CaseReference != old.CaseReference && !f.about("/case_reference") {
		f.add("/case_reference", FaultOtherCase, "a revision is about the same case")
	}
	if r.Type != old.Type && !f.about("/type") {
		f.add("/type", FaultOtherCase, "a revision is of the same type")
	}
	if len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	if old.state == RoundCancelled {
		return Consultation{}, cannotBe(old.state)
	}
	if err := p.endAll(ctx, tx, old, HappenedSuperseded, "revised", RoundSuperseded); err != nil {
		return Consultation{}, err
	}
	c := Consultation{
		ID: old.ID, CaseReference: r.CaseReference, Type: r.Type, Round: old.Number + 1,
		State: RoundCollecting, Outcome: OutcomeOpen, OpenedAt: p.clock(),
	}
	if err := p.startRound(ctx, tx, &c, r); err != nil {
		return Consultation{}, err
	}
	return c, nil
}

// Withdraw ends the current round because the case no longer needs it: what is
// open is withdrawn, and the authorities get to know. Withdrawing again changes
// nothing.
func (p *Procedure) Withdraw(ctx context.Context, tx pgx.Tx, id, reason string) (Consultation, error) {
	r, err := lockRound(ctx, tx, id)
	if err != nil {
		return Consultation{}, err
	}
	var f faults
	if f.text("/reason", reason, true, maxText); len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	switch r.state {
	case RoundCancelled:
		return p.Get(ctx, tx, id)
	case RoundCollecting:
	default:
		return Consultation{}, cannotBe(r.state)
	}
	if err := p.endAll(ctx, tx, r, HappenedWithdrawn, reason, RoundCancelled); err != nil {
		return Consultation{}, err
	}
	if err := p.tell(ctx, tx, r.roundRef, eventCancelled, p.clock(), eventData{}); err != nil {
		return Consultation{}, err
	}
	return p.Get(ctx, tx, id)
}

func cannotBe(state RoundState) *Refusal {
	return &Refusal{RefusedConflict, []Violation{{Code: FaultState, Message: "this cannot be done with a consultation that is " + string(state)}}}
}

// endAll lets the same happen to every leg of a round and ends the round.
func (p *Procedure) endAll(ctx context.Context, tx pgx.Tx, r lockedRound, what Happening, reason string, to RoundState) error {
	legs, err := readLegs(ctx, tx, r.roundRef, r.state, "consultation_id = $1 and round = $2", r.ID, r.Number)
	if err != nil {
		return err
	}
	now := p.clock()
	for i := range legs {
		if _, err := p.happen(ctx, tx, &legs[i], occurrence{What: what, At: now, Reason: reason}, news{actor: byCore}); err != nil {
			return err
		}
	}
	done, err := tx.Exec(ctx, `update consultation.round set state = $3 where consultation_id = $1 and number = $2 and state = $4`,
		r.ID, r.Number, to, r.state)
	if err != nil || done.RowsAffected() != 1 {
		return fmt.Errorf("ending the round as %s: %w", to, errors.Join(err, errors.New("it has left its state")))
	}
	return nil
}

// Readdress asks another authority what one has ended without answering: the
// round collects again if it was complete. The other one must not be part of
// the round yet.
func (p *Procedure) Readdress(ctx context.Context, tx pgx.Tx, id, leg, authority, reason, official string) (Consultation, error) {
	r, err := lockRound(ctx, tx, id)
	if err != nil {
		return Consultation{}, err
	}
	legs, err := readLegs(ctx, tx, r.roundRef, r.state, "consultation_id = $1 and round = $2", r.ID, r.Number)
	if err != nil {
		return Consultation{}, err
	}
	at := slices.IndexFunc(legs, func(l lockedLeg) bool { return l.id == leg })
	if at < 0 {
		return Consultation{}, ErrNotFound
	}
	other, known := p.authorities[authority]
	var f faults
	switch {
	case !known || !other.Pull && other.Destination == "":
		f.add("/authority", "authority.unknown", "no such authority")
	case slices.ContainsFunc(legs, func(l lockedLeg) bool { return l.policy.Authority == authority }):
		f.add("/authority", "authority.asked", "this authority has been asked already")
	}
	f.text("/reason", reason, true, maxText)
	f.official("/official", official)
	if len(f) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	ended := legs[at].progress.State
	if r.state != RoundCollecting && r.state != RoundComplete || ended != LegRejectedByReceiver && ended != LegClosedNoAnswer {
		return Consultation{}, cannotBe(r.state)
	}
	var request OpenRequest
	if err := tx.QueryRow(ctx, `select request from consultation.content where consultation_id = $1 and round = $2`, r.ID, r.Number).Scan(&request); err != nil {
		return Consultation{}, fmt.Errorf("reading what was asked: %w", err)
	}
	policy := legs[at].policy
	policy.Authority, policy.Destination, policy.Pull, policy.Fallback = authority, other.Destination, other.Pull, other.Fallback
	policy.HiddenDestination, policy.Tell = other.HiddenDestination, other.Tell
	if policy.Hidden && !policy.canHide() {
		f.add("/authority", "hidden.impossible", "it cannot be hidden that this authority is asked")
		return Consultation{}, &Refusal{RefusedInvalid, f}
	}
	policy.Fields = p.fieldsFor(policy.Type, authority, policy.Fields)
	c := Consultation{ID: r.ID, CaseReference: r.CaseReference, Type: r.Type, Round: r.Number, Legs: make([]Leg, len(legs))}
	if err := p.ask(ctx, tx, &pgx.Batch{}, &c, request, []LegPolicy{policy}); err != nil {
		return Consultation{}, err
	}
	batch := &pgx.Batch{}
	batch.Queue(`update consultation.leg set replaced_by = $2 where id = $1`, leg, c.Legs[len(legs)].ID)
	batch.Queue(`
		update consultation.round set state = 'COLLECTING', outcome = null, completed_at = null, via_silence = false, unanswered = false
		where consultation_id = $1 and number = $2`, r.ID, r.Number)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Consultation{}, fmt.Errorf("replacing the leg: %w", err)
	}
	if err := rule(ctx, tx, r.roundRef, leg, ruling{"readdressed", reason, official, p.clock()}); err != nil {
		return Consultation{}, err
	}
	return p.Get(ctx, tx, id)
}

// Moment is one thing that happened in a consultation.
type Moment struct {
	Round      int        `json:"round"`
	LegID      string     `json:"leg_id,omitempty"`
	Authority  string     `json:"authority,omitempty"`
	What       string     `json:"what"`
	At         time.Time  `json:"at"`
	RecordedAt time.Time  `json:"recorded_at"` // when the hub noted it
	FromState  string     `json:"from_state,omitempty"`
	ToState    string     `json:"to_state,omitempty"`
	Actor      string     `json:"actor"` // core, authority, clock or hub
	Door       string     `json:"door,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	Until      *time.Time `json:"until,omitempty"`
	DueAt      *time.Time `json:"due_at,omitempty"`
	Official   string     `json:"official,omitempty"` // who decided, where that is kept
}

// Timeline tells everything that happened in a consultation, over all its
// rounds, in the order in which it happened; ErrNotFound when there is none.
func (p *Procedure) Timeline(ctx context.Context, db outbox.DB, id string) ([]Moment, error) {
	if !isUUID(id) {
		return nil, ErrNotFound
	}
	rows, err := db.Query(ctx, `
		select to_jsonb(m) - 'number' from (
			select r.number as round, l.id as leg_id, l.authority, 'opened' as what, r.opened_at as at, r.opened_at as recorded_at,
				null as from_state, null as to_state, 'core' as actor, null as door, null as reason, null::timestamptz as until,
				null::timestamptz as due_at, null as official, 0 as number
			from consultation.round r join consultation.leg l on l.consultation_id = r.consultation_id and l.round = r.number
			where r.consultation_id = $1
			union all
			select l.round, l.id, l.authority, h.what, h.at, h.recorded_at, h.from_state, h.to_state, h.actor, h.door, h.reason, h.until,
				h.due_at, null, h.number
			from consultation.happening h join consultation.leg l on l.id = h.leg_id where l.consultation_id = $1
			union all
			select g.round, g.leg_id, null, g.what, g.at, g.at, null, null, 'core', null, nullif(g.reason, ''), null, null, g.official, 2147483646
			from consultation.ruling g where g.consultation_id = $1
			union all
			select r.number, null, null, 'completed', r.completed_at, r.completed_at, null, r.outcome, 'hub', null, null, null, null, null, 2147483647
			from consultation.round r where r.consultation_id = $1 and r.completed_at is not null
		) m order by m.round, m.recorded_at, m.number, m.leg_id`, id)
	if err != nil {
		return nil, fmt.Errorf("reading the timeline: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Moment, error) {
		var data []byte
		var m Moment
		if err := row.Scan(&data); err != nil {
			return Moment{}, err
		}
		err := json.Unmarshal(data, &m)
		m.At, m.RecordedAt, m.Until, m.DueAt = m.At.UTC(), m.RecordedAt.UTC(), inUTC(m.Until), inUTC(m.DueAt)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the timeline: %w", err)
	}
	if len(list) == 0 {
		return nil, ErrNotFound
	}
	return list, nil
}
