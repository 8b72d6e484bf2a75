package consultation

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"ristmik/outbox"
)

// IsHidden tells whether nobody but the case owner and the authority itself may
// know of a question. There is nothing to hide about one that does not exist.
func (p *Procedure) IsHidden(ctx context.Context, db outbox.DB, leg string) (bool, error) {
	if !isUUID(leg) {
		return false, nil
	}
	rows, err := db.Query(ctx, `select 1 from consultation.leg where id = $1 and hidden`, leg)
	if err != nil {
		return false, fmt.Errorf("looking whether a question is hidden: %w", err)
	}
	defer rows.Close()
	hidden := rows.Next()
	if err := rows.Err(); err != nil {
		return false, fmt.Errorf("looking whether a question is hidden: %w", err)
	}
	return hidden, nil
}

// hideable tells whether an authority is asked at all, and whether it can be
// hidden that it is, whatever type of consultation asks it.
func (p *Procedure) hideable(authority string) (asked, can bool) {
	can = true
	for _, t := range p.policy.Types {
		for _, l := range t.Legs {
			if l.Authority == authority {
				asked, can = true, can && l.canHide()
			}
		}
	}
	return asked, can
}

// EventPrefix begins the types of all events of this room.
const EventPrefix = "consultation."

// Neutral is the data of an event for a reader who may not know who is asked:
// that a round has ended, of which case, and nothing of how. False means that
// the event is not for that reader at all: every event of a question, whether or not it is a
// hidden one, so that what is missing says nothing. Events of other rooms stay as they are.
func Neutral(kind string, data json.RawMessage) (json.RawMessage, bool) {
	if !strings.HasPrefix(kind, EventPrefix) {
		return data, true
	}
	if kind != eventRoundCompleted && kind != eventCancelled {
		return nil, false
	}
	var whole eventData
	if json.Unmarshal(data, &whole) != nil {
		return nil, false
	}
	neutral, _ := json.Marshal(map[string]any{ // texts and a number always marshal
		"consultation_id": whole.ConsultationID, "round": whole.Round, "case_reference": whole.CaseReference, "case_type": whole.CaseType,
	})
	return neutral, true
}
