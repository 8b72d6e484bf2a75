package consultation

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
)

// Deadline is the end of a leg's term with how it was reached, and what happens
// then.
type Deadline struct {
	LegID     string   `json:"leg_id"`
	Authority string   `json:"authority"`
	State     LegState `json:"state"`
	Silence   Silence  `json:"silence"` // what no answer means
	calendar.Explanation
}

// Explain tells how the end of a leg's term was reached: every day that was
// counted or passed over and why, pauses, extensions, the rule and its legal
// basis. [ErrNotFound] when the consultation has no such leg, or the leg no
// term.
func (p *Procedure) Explain(ctx context.Context, db outbox.DB, consultation, leg string) (Deadline, error) {
	if !isUUID(consultation) || !isUUID(leg) {
		return Deadline{}, ErrNotFound
	}
	d := Deadline{}
	var policy LegPolicy
	var kept keptProgress
	err := db.QueryRow(ctx, `select id, state, policy, progress from consultation.leg where consultation_id = $1 and id = $2`,
		consultation, leg).Scan(&d.LegID, &d.State, &policy, &kept)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && kept.Term == nil {
		return Deadline{}, ErrNotFound
	}
	if err != nil {
		return Deadline{}, fmt.Errorf("reading the leg's term: %w", err)
	}
	d.Authority, d.Silence, d.Explanation = policy.Authority, policy.Silence, kept.Term.Explain()
	return d, nil
}
