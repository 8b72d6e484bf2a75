package consultation

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"ristmik/soap"
)

// Question is what one authority is asked: the payload of the outbox message,
// and all that a [Wire] needs. It holds personal data: those fields that the
// authority may see; the others are empty.
type Question struct {
	LegID           string         `json:"leg_id"` // the authority knows it as the consultation id
	Round           int            `json:"round"`
	CaseReference   string         `json:"case_reference"`
	CaseType        string         `json:"case_type"`
	LegalBasis      string         `json:"legal_basis"`
	Purpose         string         `json:"purpose"`
	PersonalCode    string         `json:"personal_code,omitempty"`
	GivenName       string         `json:"given_name,omitempty"`
	Surname         string         `json:"surname,omitempty"`
	BirthDate       string         `json:"birth_date,omitempty"`
	Citizenship     string         `json:"citizenship,omitempty"`
	DocumentNumber  string         `json:"document_number,omitempty"`
	DocumentCountry string         `json:"document_country,omitempty"`
	EmployerCode    string         `json:"employer_code,omitempty"`
	Occupation      string         `json:"occupation,omitempty"`
	Official        string         `json:"official"` // X-Road user id
	Classification  Classification `json:"classification,omitempty"`
	// Attachments are of the core; what was attached since is fetched.
	Attachments []Attached `json:"attachments,omitempty"`
}

// Reply is what comes back at once when an authority is asked: either an
// acknowledgement (ReceiptID), whose answer follows by another door, or the
// answer itself when a machine gives it (Answer).
type Reply struct {
	ReceiptID string
	Answer    *MachineAnswer
	MessageID string // X-Road message id of the exchange; given with an error as well, when there was an exchange
}

// MachineAnswer is an answer that a register gives in the same exchange: FACTS
// or NO_DATA. The procedure knows the leg, and gives the answer its id.
type MachineAnswer struct {
	Code       AnswerCode
	Facts      json.RawMessage // a JSON value, with FACTS
	AnsweredAt time.Time
}

// Wire is how one authority is asked. Ask may be called again with the same
// question: the authority must see the same consultation id. An error is a
// *soap.Failure, whose kind decides what happens next. Ask is called from many
// goroutines.
type Wire interface {
	Ask(ctx context.Context, q Question) (Reply, error)
}

// businessFault is a refusal inside the body of an answer (PR-MESS D.2). Its
// text may name a person, so only the code is kept, and only when it looks like
// one.
func businessFault(code, messageID string) error {
	f := &soap.Failure{Kind: soap.KindBusiness, Code: "business", Raw: code, Message: notTaken, MessageID: messageID}
	if codeForm.MatchString(code) {
		f.Code += "." + code
	}
	return f
}

// notTaken is what every refusal says to people.
const notTaken = "the authority did not take the question"

// codeForm is what codes look like; a personal code (11 digits) does not.
var codeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.:-]{0,63}$`)

// unreadable is an answer that is neither a receipt nor a refusal: nobody knows
// whether the authority has the question.
func unreadable(messageID string, err error) error {
	return &soap.Failure{
		Kind: soap.KindUnknownResult, Code: "answer.contract", Message: "the authority's receipt cannot be read",
		MessageID: messageID, Err: err,
	}
}

// goodReceipt bounds what is kept as a receipt.
func goodReceipt(id string) bool {
	var f faults
	f.text("", id, true, 255)
	return len(f) == 0
}
