// Package consultation is the procedure by which Estonia's migration core asks
// other authorities for approval, opinion, permit or facts in a case: it opens
// a round, puts one question to each authority that the policy names, takes
// each authority's answer exactly once by whatever door it comes, and works
// out the outcome of the round.
//
// The package owns the schema "consultation". Every change of state is one
// transaction with the outbox message and the events that tell about it, and
// every method that changes something takes the caller's transaction, so that
// the caller's own rows (an idempotency key, a delivery's outcome) stand or
// fall with it.
//
// Personal data stays in the question that is sent and in the answer that is
// stored: rounds, legs and events hold identifiers and codes only, because the
// core owns the case.
package consultation

import (
	"embed"
	"encoding/json"
	"slices"
	"time"

	"ristmik/adapters/consultation/receivers"
	"ristmik/soap"
)

// Migrations holds the schema consultation.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// RoundState is where a round stands.
type RoundState string

// A round collects answers until every leg has ended. A complete one collects
// again only when a question is put to another authority. It is cancelled when
// the case no longer needs it, and superseded by the round of a new revision.
const (
	RoundCollecting RoundState = "COLLECTING"
	RoundComplete   RoundState = "COMPLETE"
	RoundCancelled  RoundState = "CANCELLED"
	RoundSuperseded RoundState = "SUPERSEDED"
)

// LegState is where the question to one authority stands.
type LegState string

// The states of a leg; machine.go holds what leads from one to another.
const (
	LegQueued             LegState = "QUEUED"              // not yet known to have arrived
	LegSent               LegState = "SENT"                // waits to be fetched by the authority
	LegDelivered          LegState = "DELIVERED"           // the authority acknowledged it
	LegInReview           LegState = "IN_REVIEW"           // an official of the authority works on it
	LegInfoRequested      LegState = "INFO_REQUESTED"      // the authority asked back
	LegExtensionRequested LegState = "EXTENSION_REQUESTED" // the authority asked for more time
	LegOverdue            LegState = "OVERDUE"             // the term has passed; an official decides
	LegDeliveryProblem    LegState = "DELIVERY_PROBLEM"    // delivery was given up or never proven; a person must act

	LegAnswered           LegState = "ANSWERED"             // the authority answered
	LegRejectedByReceiver LegState = "REJECTED_BY_RECEIVER" // the authority says it is not competent
	LegDeemedNoObjection  LegState = "DEEMED_NO_OBJECTION"  // silence that counts as no objection
	LegClosedNoAnswer     LegState = "CLOSED_NO_ANSWER"     // ended without an answer
	LegWithdrawn          LegState = "WITHDRAWN"            // no longer needed
	LegSuperseded         LegState = "SUPERSEDED"           // asked anew in the round of a later revision
)

// Final reports whether a leg in this state has ended: it can only be
// superseded then.
func (s LegState) Final() bool { return slices.Contains(final, s) }

// AnswerCode is what an authority answers.
type AnswerCode string

// The closed set of answers.
const (
	CodeApproved               AnswerCode = "APPROVED"
	CodeApprovedWithConditions AnswerCode = "APPROVED_WITH_CONDITIONS"
	CodeNoObjection            AnswerCode = "NO_OBJECTION"
	CodeObjection              AnswerCode = "OBJECTION"
	CodeOpinionPositive        AnswerCode = "OPINION_POSITIVE"
	CodeOpinionNegative        AnswerCode = "OPINION_NEGATIVE"
	CodeFacts                  AnswerCode = "FACTS"
	CodeNoData                 AnswerCode = "NO_DATA"
	CodePermitGranted          AnswerCode = "PERMIT_GRANTED"
	CodePermitDenied           AnswerCode = "PERMIT_DENIED"
	CodeNotCompetent           AnswerCode = "NOT_COMPETENT"
	CodeHandledOutOfBand       AnswerCode = "HANDLED_OUT_OF_BAND"
)

// Employer is the employer the case is about, by its registry code.
type Employer struct {
	RegistryCode string `json:"registry_code"`
}

// OpenRequest is what the core says when it opens a consultation. Type is a
// type of consultation or a kind of case. Official is
// the X-Road user id of the official in charge: the country code and the
// personal code.
type OpenRequest struct {
	CaseReference string    `json:"case_reference"`
	Type          string    `json:"type"`
	LegalBasis    string    `json:"legal_basis"`
	Purpose       string    `json:"purpose"`
	Person        Person    `json:"person"`
	Employer      *Employer `json:"employer,omitempty"`
	Occupation    string    `json:"occupation,omitempty"`
	Official      string    `json:"official"`
	// Classification is how secret the question is; "" is AK.
	Classification Classification `json:"classification,omitempty"`

	// Of a kind of case: the types to ask, instead of what its rules decide over
	// the Facts (JSON values).
	Types []string       `json:"types,omitempty"`
	Facts map[string]any `json:"facts,omitempty"`

	// Hidden are authorities of which nobody else may know that they are asked,
	// beside those that the policy hides.
	Hidden []string `json:"hidden,omitempty"`

	// Attachments are ids of attachments that the core has sent before.
	Attachments []string `json:"attachments,omitempty"`
}

// Consultation is a consultation as the core sees it: its current round and
// what each authority has said so far.
type Consultation struct {
	ID            string     `json:"id"`
	CaseReference string     `json:"case_reference"`
	Type          string     `json:"type"`
	Round         int        `json:"round"`
	State         RoundState `json:"state"`
	Outcome       Outcome    `json:"outcome"` // OPEN while the round collects
	OpenedAt      time.Time  `json:"opened_at"`
	CompletedAt   *time.Time `json:"completed_at,omitempty"`
	ViaSilence    bool       `json:"via_silence,omitempty"` // an answer was deemed
	Unanswered    bool       `json:"unanswered,omitempty"`  // an answer did not come, or was not waited for
	Legs          []Leg      `json:"legs"`
}

// Leg is the question to one authority.
type Leg struct {
	ID             string             `json:"id"`
	Type           string             `json:"type"` // of consultation
	Authority      string             `json:"authority"`
	AuthorityTitle string             `json:"authority_title"`
	Mandatory      bool               `json:"mandatory"`
	Binding        Binding            `json:"binding"`
	Hidden         bool               `json:"hidden,omitempty"`  // nobody but the case owner may know of it
	Because        []receivers.Reason `json:"because,omitempty"` // why rules asked
	State          LegState           `json:"state"`
	ReceiptID      string             `json:"receipt_id,omitempty"`     // what the authority acknowledged with
	DeliveredAt    *time.Time         `json:"delivered_at,omitempty"`   // acknowledged, or proven by the answer
	ProblemReason  string             `json:"problem_reason,omitempty"` // kind and code of what made delivery impossible
	DueAt          *time.Time         `json:"due_at,omitempty"`         // the end of the term; none while the clock stands still
	Late           bool               `json:"late,omitempty"`           // answered after the term
	Inquiries      []Inquiry          `json:"inquiries,omitempty"`      // questions back
	Wanted         *Extension         `json:"extension,omitempty"`      // the extension that waits for a decision
	ReplacedBy     string             `json:"replaced_by,omitempty"`    // the leg of the authority that was asked instead
	Answer         *GivenAnswer       `json:"answer,omitempty"`
	EarlierAnswers []GivenAnswer      `json:"earlier_answers,omitempty"` // replaced by corrections
	LateAnswers    []GivenAnswer      `json:"late_answers,omitempty"`    // came after the leg had ended; without effect
}

// GivenAnswer is an answer as it was stored.
type GivenAnswer struct {
	AnswerID       string          `json:"answer_id"`
	Code           AnswerCode      `json:"code"`
	LegalGround    string          `json:"legal_ground,omitempty"`
	Justification  string          `json:"justification,omitempty"`
	Conditions     []Condition     `json:"conditions,omitempty"`
	Facts          json.RawMessage `json:"facts,omitempty"`
	Classification Classification  `json:"classification"`
	AnsweredAt     time.Time       `json:"answered_at"`
	ReceivedAt     time.Time       `json:"received_at"`
	Door           string          `json:"door"`
	MessageID      string          `json:"message_id,omitempty"` // X-Road message id, if it came over X-Road
}

// Condition is a condition under which an authority agrees.
type Condition struct {
	Code       string `json:"code"`
	Text       string `json:"text"`
	ValidUntil string `json:"valid_until,omitempty"` // date, YYYY-MM-DD
}

// Answer is an answer that an authority gives to its leg.
type Answer struct {
	AnswerID       string // the authority's own id; repeating it repeats the answer
	LegID          string // what the authority knows as the consultation id
	Round          int
	Code           AnswerCode
	LegalGround    string
	Justification  string
	Conditions     []Condition
	Facts          json.RawMessage // what a register holds, with FACTS; nil from people
	Correction     string          // why it replaces the answer before; "" for a first answer
	Classification Classification  // how secret it is; "" is AK
	Attachments    []string        // ids of attachments that the authority has sent before
	AnsweredAt     time.Time
	From           soap.ClientID // who says so, as the Security Server vouches
	Door           string        // how it came: "soap", "rest", "register", "desk"
	MessageID      string        // X-Road message id
	official       string        // who of the authority, at the desk
}

// ReceiptStatus is what became of an answer.
type ReceiptStatus string

// An answer is accepted once; the same answer again is a duplicate; a new one
// after the round is complete is late: kept, without effect on the outcome.
const (
	StatusAccepted  ReceiptStatus = "accepted"
	StatusDuplicate ReceiptStatus = "duplicate"
	StatusLate      ReceiptStatus = "late"
)

// Receipt confirms an answer. A repeated answer gets the first receipt again:
// the same LegState, Status "duplicate", and in First what Status was then.
type Receipt struct {
	Status   ReceiptStatus
	First    ReceiptStatus
	LegState LegState
	Hidden   bool // nobody else may know of the question
}
