package consultation

import (
	"errors"
	"strings"
)

// ErrNotFound says that there is no consultation with that id.
var ErrNotFound = errors.New("no such consultation")

// RefusalKind says why the procedure does not take something.
type RefusalKind string

// The kinds of refusal.
const (
	RefusedUnknown   RefusalKind = "unknown"   // no such leg for this caller: also said when it is another authority's
	RefusedInvalid   RefusalKind = "invalid"   // what is said breaks a rule; every violation is named
	RefusedConflict  RefusalKind = "conflict"  // it contradicts what was said before
	RefusedForbidden RefusalKind = "forbidden" // the official may not, at this desk or now
)

// Codes of violations that a caller may want to tell apart.
const (
	FaultUnknownConsultation = "consultation.unknown"
	FaultRoundNotCurrent     = "round.not_current"
	FaultAnswerIDReused      = "answer_id.reused"
	FaultAlreadyAnswered     = "already_answered"
	FaultActionIDReused      = "action_id.reused"
	FaultNotOverridable      = "outcome.not_overridable" // there is no objection that could be set aside
	FaultNotAnswered         = "not_answered"            // there is no answer that could be corrected
	FaultOtherCase           = "case.other"              // a revision is of the same case and type
	FaultState               = "state"                   // it cannot happen in this state
	FaultNoQuestions         = "questions.none"          // the policy allows no questions back
	FaultNoExtension         = "extension.none"          // the policy allows no extension
	FaultExtensionEarly      = "extension.not_later"     // the new end is not later
	FaultExtensionLate       = "extension.too_late"      // it is later than the law allows
	FaultExtensionRestDay    = "extension.rest_day"      // it is no working day
	FaultAssurance           = "desk.assurance"          // it is not sure enough who the official is
	FaultNoClerk             = "desk.no_clerk"           // the official works at no desk, or not at this one
	FaultAway                = "desk.away"               // the official is away
	FaultAssigned            = "desk.assigned"           // it is another official's
	FaultUnknownAttachment   = "attachment.unknown"
	FaultAttachmentIDReused  = "attachment.id_reused"
	FaultClassified          = "classification.too_high" // it is more secret than AK
)

// Violation is one fault of what was said. Path is a JSON pointer in the
// snake_case spelling of the JSON doors; Message never holds the value.
type Violation struct {
	Path    string
	Code    string
	Message string
}

// Refusal is the error of everything that the procedure does not take; it
// names every violation at once and holds no personal data.
type Refusal struct {
	Kind       RefusalKind
	Violations []Violation
}

// Error names the paths and codes, never a value.
func (r *Refusal) Error() string {
	var b strings.Builder
	b.WriteString("refused (" + string(r.Kind) + ")")
	for i, v := range r.Violations {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		if v.Path != "" {
			b.WriteString(v.Path + " ")
		}
		b.WriteString(v.Code)
	}
	return b.String()
}
