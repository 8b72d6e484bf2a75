package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/receivers"
)

// nextWave decides the rules over an answer that has just been taken, and asks
// whom they name in the same round, each with a term of its own from now. The
// version is the one that decided at the opening. The caller holds the round's
// lock and settles the round afterwards.
func (p *Procedure) nextWave(ctx context.Context, tx pgx.Tx, l lockedLeg, a Answer) error {
	c, ok := p.cases[l.round.Type]
	needless := l.policy.FailFast && blocked([]LegResult{{Code: a.Code, Binding: l.policy.Binding}})
	if !ok || needless || l.roundState != RoundCollecting || !c.over(l.policy.Type) {
		return nil
	}
	var version string
	var waves int
	var request OpenRequest
	err := tx.QueryRow(ctx, `
		select c.version, (select count(*) from consultation.choice n where n.consultation_id = $1 and n.round = $2), q.request
		from consultation.choice c join consultation.content q using (consultation_id, round)
		where c.consultation_id = $1 and c.round = $2 and c.wave = 0`, l.round.ID, l.round.Number).Scan(&version, &waves, &request)
	if errors.Is(err, pgx.ErrNoRows) { // the core has named the types
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading what rules decided: %w", err)
	}
	program := c.programs[version]
	if program == nil { // it has left the configuration
		version, program = c.Version, c.programs[c.Version]
	}
	facts, _ := receivers.Read(c.Facts, request.Facts) // they were in order when the round began
	answer := receivers.Answer{Type: l.policy.Type, Authority: l.policy.Authority, Code: string(a.Code)}
	for _, condition := range a.Conditions {
		answer.Conditions = append(answer.Conditions, condition.Code)
	}
	if len(a.Facts) > 0 {
		if err := json.Unmarshal(a.Facts, &answer.Facts); err != nil {
			return fmt.Errorf("reading the facts of an answer: %w", err)
		}
	}
	after := func(program *receivers.Program) ([]receivers.Decision, error) {
		return program.After(ruled(request, facts), answer), nil
	}
	decisions, _ := after(program)
	choice := c.choice(version, decisions, after)
	choice.Wave, choice.AfterLeg = waves, l.id
	now := p.clock()
	batch := &pgx.Batch{}
	storeChoice(batch, l.round, *choice, now)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing what rules decided: %w", err)
	}
	legs, err := readLegs(ctx, tx, l.round, l.roundState, "consultation_id = $1 and round = $2", l.round.ID, l.round.Number)
	if err != nil {
		return err
	}
	more := slices.DeleteFunc(p.legsOf(asked(decisions), decisions), func(wanted LegPolicy) bool {
		return slices.ContainsFunc(legs, func(known lockedLeg) bool { return known.policy.Authority == wanted.Authority })
	})
	if len(more) == 0 {
		return nil
	}
	round := Consultation{ID: l.round.ID, CaseReference: l.round.CaseReference, Type: l.round.Type, Round: l.round.Number, Legs: make([]Leg, len(legs))}
	return p.ask(ctx, tx, &pgx.Batch{}, &round, request, more)
}

// over tells whether any version has rules over answers to questions of a type.
func (c caseRules) over(consultationType string) bool {
	for _, rules := range c.Versions {
		if slices.ContainsFunc(rules, func(r receivers.Rule) bool { return r.After == consultationType }) {
			return true
		}
	}
	return false
}
