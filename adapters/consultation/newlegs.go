package consultation

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// newLegs are the rows of legs that are asked now, as columns: many legs are as
// many statements as one.
type newLegs struct {
	ids, authorities, destinations []string
	positions                      []int
	mandatory, hidden              []bool
	bindings, states               []string
	policies, progress             []string // JSON
	due                            []*time.Time
	questions                      [][]byte
	timed, what                    []string // of timers
	at                             []time.Time
}

func (n *newLegs) add(leg Leg, position int, l LegPolicy, at progress, question []byte) error {
	policy, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("writing down the policy of %s: %w", leg.Authority, err)
	}
	kept, err := json.Marshal(at.kept())
	if err != nil {
		return fmt.Errorf("writing down the leg: %w", err)
	}
	n.ids, n.positions, n.authorities = append(n.ids, leg.ID), append(n.positions, position), append(n.authorities, leg.Authority)
	n.mandatory, n.hidden, n.bindings = append(n.mandatory, leg.Mandatory), append(n.hidden, l.Hidden), append(n.bindings, string(leg.Binding))
	n.destinations, n.states = append(n.destinations, l.Destination), append(n.states, string(leg.State))
	n.policies, n.progress = append(n.policies, string(policy)), append(n.progress, string(kept))
	n.due, n.questions = append(n.due, leg.DueAt), append(n.questions, question)
	for _, t := range at.allTimers() {
		n.timed, n.what, n.at = append(n.timed, leg.ID), append(n.what, string(t.What)), append(n.at, t.At)
	}
	return nil
}

// queue stores the legs with their timers, their questions, and a notice for each
// authority.
func (n *newLegs) queue(batch *pgx.Batch, r roundRef, now time.Time) {
	batch.Queue(`
		insert into consultation.leg (id, consultation_id, round, position, authority, mandatory, binding, destination, state, policy, progress, due_at, asked_at, hidden)
		select w.id, $1, $2, w.position, w.authority, w.mandatory, w.binding, w.destination, w.state, w.policy::jsonb, w.progress::jsonb, w.due_at, $3, w.hidden
		from unnest($4::uuid[], $5::int[], $6::text[], $7::bool[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::timestamptz[], $14::bool[])
			as w (id, position, authority, mandatory, binding, destination, state, policy, progress, due_at, hidden)`,
		r.ID, r.Number, now, n.ids, n.positions, n.authorities, n.mandatory, n.bindings, n.destinations, n.states, n.policies, n.progress, n.due, n.hidden)
	if len(n.timed) > 0 {
		batch.Queue(`insert into consultation.timer (leg_id, what, due_at) select * from unnest($1::uuid[], $2::text[], $3::timestamptz[])`, n.timed, n.what, n.at)
	}
	batch.Queue(`insert into consultation.question (leg_id, content) select * from unnest($1::uuid[], $2::bytea[])`, n.ids, n.questions)
	batch.Queue(`insert into consultation.notice (authority, leg_id, what, at) select w.authority, w.id, $3, $4 from unnest($1::text[], $2::uuid[]) as w (authority, id)`,
		n.authorities, n.ids, HappenedOpened, now)
}
