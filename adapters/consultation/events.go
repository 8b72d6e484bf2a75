package consultation

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/consultation/receivers"
	"ristmik/outbox"
)

// The events that tell the core; their subject is the consultation's id.
const (
	eventRequested       = "consultation.requested"
	eventDelivered       = "consultation.delivered"
	eventDeliveryProblem = "consultation.delivery_problem"
	eventAnswered        = "consultation.answered"
	eventLateAnswer      = "consultation.late_answer"
	eventRoundCompleted  = "consultation.round_completed"

	eventRerouted           = "consultation.rerouted"
	eventInReview           = "consultation.in_review"
	eventInfoRequested      = "consultation.info_requested"
	eventInfoSupplied       = "consultation.info_supplied"
	eventInfoNotSupplied    = "consultation.info_not_supplied"
	eventExtensionRequested = "consultation.extension_requested"
	eventExtensionGranted   = "consultation.extension_granted"
	eventExtensionDenied    = "consultation.extension_denied"
	eventReminded           = "consultation.reminded"
	eventDigest             = "consultation.digest"
	eventDowntime           = "consultation.downtime_announced"
	eventOverdue            = "consultation.overdue"
	eventDeemed             = "consultation.deemed_no_objection"
	eventClosed             = "consultation.closed_without_answer"
	eventCorrected          = "consultation.corrected"
	eventWithdrawn          = "consultation.withdrawn"
	eventSuperseded         = "consultation.superseded"
	eventCancelled          = "consultation.cancelled"
	eventOverridden         = "consultation.overridden"
	eventPersonChanged      = "consultation.person_changed"
	eventOutcomeChanged     = "consultation.outcome_changed"
)

// eventSource is the CloudEvents source of every event of this room.
const eventSource = "/ristmik/consultation"

// eventSpace is the namespace of event ids: an id is made from what happened,
// so that the same transition is the same event however often it is told.
var eventSpace = uuid.MustParse("0f0b6bb3-33f1-5b53-9d7a-6f7a5c8f2f0e")

// roundRef is what every event says of its round.
type roundRef struct {
	ID            string
	Number        int
	CaseReference string
	Type          string
}

func (c Consultation) ref() roundRef { return roundRef{c.ID, c.Round, c.CaseReference, c.Type} }

// eventData is the data of every event: identifiers and codes, because the
// core owns the case and everybody who reads the feed reads all of it.
type eventData struct {
	ConsultationID string             `json:"consultation_id"`
	Round          int                `json:"round"`
	CaseReference  string             `json:"case_reference"`
	CaseType       string             `json:"case_type"`
	LegID          string             `json:"leg_id,omitempty"`
	LegType        string             `json:"leg_type,omitempty"` // of consultation
	Because        []receivers.Reason `json:"because,omitempty"`
	Authority      string             `json:"authority,omitempty"`
	Mandatory      *bool              `json:"mandatory,omitempty"`
	Binding        Binding            `json:"binding,omitempty"`
	LegState       LegState           `json:"leg_state,omitempty"`
	AnswerCode     AnswerCode         `json:"answer_code,omitempty"`
	Door           string             `json:"door,omitempty"`
	Reason         string             `json:"reason,omitempty"`
	Late           bool               `json:"late,omitempty"`    // the answer came after the term
	Adverse        bool               `json:"adverse,omitempty"` // a late answer that would have counted against
	Percent        int                `json:"percent,omitempty"` // of the term that has passed
	DueAt          *time.Time         `json:"due_at,omitempty"`
	Hidden         bool               `json:"hidden,omitempty"` // nobody else may know of the question
	Outcome        Outcome            `json:"outcome,omitempty"`
	ViaSilence     bool               `json:"via_silence,omitempty"` // an answer was deemed
	Unanswered     bool               `json:"unanswered,omitempty"`  // an optional answer did not come
	Legs           []eventLeg         `json:"legs,omitempty"`
	Changed        []string           `json:"changed,omitempty"`          // fields of the person, by their names in policies
	Revise         bool               `json:"revision_advised,omitempty"` // authorities were told what is not so any more
}

// eventLeg is one leg of a completed round.
type eventLeg struct {
	LegID      string     `json:"leg_id"`
	Authority  string     `json:"authority"`
	Hidden     bool       `json:"hidden,omitempty"`
	LegState   LegState   `json:"leg_state"`
	AnswerCode AnswerCode `json:"answer_code,omitempty"`
}

// event makes the event of one transition; key names what the transition
// belongs to (a leg, a round, an answer), once for each type.
func event(r roundRef, key, kind string, at time.Time, d eventData) outbox.Event {
	d.ConsultationID, d.Round, d.CaseReference, d.CaseType = r.ID, r.Number, r.CaseReference, r.Type
	data, _ := json.Marshal(d) // texts, numbers and booleans always marshal
	return outbox.Event{
		ID: uuid.NewSHA1(eventSpace, []byte(kind+"/"+key)).String(), Type: kind, Source: eventSource,
		Subject: r.ID, Time: at, Data: data,
	}
}
