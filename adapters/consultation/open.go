package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
)

// KindAsk is the kind of the outbox messages that put a question to an
// authority; the payload is a [Question] as JSON.
const KindAsk = "consultation.ask"

// Open starts a consultation in the caller's transaction: the round, a leg for
// every authority of the policy, an outbox message for each leg and the events
// that tell the core. The error is a *[Refusal] when the request breaks a rule;
// nothing has been written then.
func (p *Procedure) Open(ctx context.Context, tx pgx.Tx, r OpenRequest) (Consultation, error) {
	c, err := p.begun(r)
	if err != nil {
		return Consultation{}, err
	}
	if err := p.startRound(ctx, tx, &c, r); err != nil {
		return Consultation{}, err
	}
	return c, nil
}

// QueueOpen adds to a batch what Open writes for a request without attachments,
// so that it costs the caller no round trip of its own; nothing has to be read for
// it. The batch must be sent in a transaction; its error is the caller's to tell.
func (p *Procedure) QueueOpen(batch *pgx.Batch, r OpenRequest) (Consultation, error) {
	if len(r.Attachments) > 0 {
		return Consultation{}, errors.New("attachments have to be looked for: they cannot be queued")
	}
	c, err := p.begun(r)
	if err != nil {
		return Consultation{}, err
	}
	if err := p.queueAsking(batch, &c, r, p.queueRound(batch, c, r), nil); err != nil {
		return Consultation{}, err
	}
	return c, nil
}

// begun is the consultation that a request opens, without its legs.
func (p *Procedure) begun(r OpenRequest) (Consultation, error) {
	if !r.Classification.Passes() {
		return Consultation{}, tooSecret()
	}
	if violations := p.Check(r); len(violations) > 0 {
		return Consultation{}, &Refusal{RefusedInvalid, violations}
	}
	return Consultation{
		ID: p.newID(), CaseReference: r.CaseReference, Type: r.Type, Round: 1,
		State: RoundCollecting, Outcome: OutcomeOpen, OpenedAt: p.clock(),
	}, nil
}

// queueRound stores a round with what is asked in it, and says whom the policy or
// its rules name.
func (p *Procedure) queueRound(batch *pgx.Batch, c Consultation, r OpenRequest) []LegPolicy {
	legs, choice, _ := p.choose(r)
	batch.Queue(`
		insert into consultation.round (consultation_id, number, case_reference, type, legal_basis, purpose, state, opened_at, identity)
		values ($1, $2, $3, $4, $5, $6, $7, $8, consultation.reference($9))`,
		c.ID, c.Round, c.CaseReference, c.Type, r.LegalBasis, r.Purpose, c.State, c.OpenedAt, r.Person.identity())
	batch.Queue(`insert into consultation.identity (reference, person) values (consultation.reference($1), $2) on conflict do nothing`, r.Person.identity(), p.newID())
	batch.Queue(`insert into consultation.content (consultation_id, round, request) values ($1, $2, $3)`, c.ID, c.Round, r)
	if choice != nil {
		storeChoice(batch, c.ref(), *choice, c.OpenedAt)
	}
	return legs
}

// startRound stores a round with what is asked in it, and asks whom the policy
// or its rules name. The request has been checked.
func (p *Procedure) startRound(ctx context.Context, tx pgx.Tx, c *Consultation, r OpenRequest) error {
	batch := &pgx.Batch{}
	legs := p.queueRound(batch, *c, r)
	if len(r.Attachments) > 0 {
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return fmt.Errorf("storing the round: %w", err)
		}
		batch = &pgx.Batch{}
		if err := attachRound(ctx, tx, c.ref(), r.Attachments); err != nil {
			return err
		}
	}
	return p.ask(ctx, tx, batch, c, r, legs)
}

// ask puts the question to each of the authorities: a leg of the round with its
// timers, an outbox message and an event. The legs are appended to c. What stands
// in the batch goes to the database before them, all in one round trip.
func (p *Procedure) ask(ctx context.Context, tx pgx.Tx, batch *pgx.Batch, c *Consultation, r OpenRequest, policies []LegPolicy) error {
	var attached []Attached
	if len(r.Attachments) > 0 || len(c.Legs) > 0 { // a round that has just begun has those of its request
		var err error
		if attached, err = attachedTo(ctx, tx, c.ref()); err != nil {
			return err
		}
	}
	if err := p.queueAsking(batch, c, r, policies, attached); err != nil {
		return err
	}
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing and publishing the questions: %w", err)
	}
	return nil
}

// queueAsking is ask, but for the sending.
func (p *Procedure) queueAsking(batch *pgx.Batch, c *Consultation, r OpenRequest, policies []LegPolicy, attached []Attached) error {
	now := p.clock()
	messages := make([]outbox.Message, 0, len(policies))
	events := make([]outbox.Event, 0, len(policies))
	var rows newLegs
	for _, l := range policies {
		if l.Hidden = l.Hidden || slices.Contains(r.Hidden, l.Authority); l.Hidden {
			l.Destination = l.HiddenDestination
		}
		at := l.begin(now)
		due, hasDue := at.due()
		leg := Leg{
			ID: p.newID(), Type: l.Type, Authority: l.Authority, AuthorityTitle: p.title(l.Authority),
			Mandatory: l.Mandatory, Binding: l.Binding, Hidden: l.Hidden, Because: l.Because, State: at.State, DueAt: orNull(due, hasDue),
		}
		question := questionOf(r, leg, c.Round, l.Fields)
		if slices.Contains(l.Fields, fieldAttachments) {
			question.Attachments = attached
		}
		payload, err := json.Marshal(question)
		if err != nil {
			return fmt.Errorf("writing the question to %s: %w", leg.Authority, err)
		}
		if err := rows.add(leg, len(c.Legs), l, at, payload); err != nil {
			return err
		}
		if !l.Pull {
			// A lane for each leg: the questions of a case never wait for one another.
			messages = append(messages, outbox.Message{Destination: l.Destination, Lane: leg.ID, Kind: KindAsk, Key: leg.ID, Payload: payload})
		}
		events = append(events, event(c.ref(), leg.ID, eventRequested, now, eventData{
			LegID: leg.ID, LegType: leg.Type, Because: leg.Because, Authority: leg.Authority, Mandatory: &leg.Mandatory, Binding: leg.Binding, DueAt: leg.DueAt, Hidden: l.Hidden,
		}))
		c.Legs = append(c.Legs, leg)
	}
	rows.queue(batch, c.ref(), now)
	if err := outbox.QueueEvents(batch, events...); err != nil {
		return fmt.Errorf("telling who is asked: %w", err)
	}
	if err := outbox.Queue(batch, messages...); err != nil {
		return fmt.Errorf("publishing the questions: %w", err)
	}
	return nil
}

// begin is where a question starts that is put now.
func (l LegPolicy) begin(now time.Time) progress {
	at := progress{State: LegQueued}
	if l.Pull {
		at.State = LegSent
	}
	if l.Term != nil {
		at.Term = &calendar.Term{Rule: *l.Term, Start: now, StartEvent: startOpened}
	}
	return at
}
