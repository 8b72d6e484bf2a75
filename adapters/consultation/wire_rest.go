package consultation

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// restWire asks with POST /consultations.
type restWire struct {
	xroad   *xroad.Client
	service soap.ServiceID
}

// NewRESTWire asks an authority with POST /consultations of its X-Road REST
// service. The authority answers later, with POST
// /consultations/{id}/answers.
func NewRESTWire(client *xroad.Client, service soap.ServiceID) Wire { return restWire{client, service} }

// QuestionBody is a question as its authority gets it in JSON: as the body of POST
// /consultations, or when it fetches the question.
type QuestionBody struct {
	ConsultationID  string         `json:"consultation_id"`
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
	Classification  Classification `json:"classification,omitempty"`
	// Attachments are passed by reference: they are fetched at our REST service.
	Attachments []Reference `json:"attachments,omitempty"`
}

// Reference is an attachment that is passed by reference. Href is where its file is
// fetched, below the address of our REST service; "" over a wire that has another
// way for it.
type Reference struct {
	Attached
	Href string `json:"href,omitempty"`
}

// References are the attachments of a question, to be fetched at our REST service.
func References(leg string, list []Attached) []Reference {
	var out []Reference
	for _, a := range list {
		out = append(out, Reference{a, "/consultations/" + leg + "/attachments/" + a.ID})
	}
	return out
}

// Body is the question in JSON.
func (q Question) Body() QuestionBody {
	return QuestionBody{
		ConsultationID: q.LegID, Round: q.Round, CaseReference: q.CaseReference, CaseType: q.CaseType,
		LegalBasis: q.LegalBasis, Purpose: q.Purpose, PersonalCode: q.PersonalCode, GivenName: q.GivenName, Surname: q.Surname,
		BirthDate: q.BirthDate, Citizenship: q.Citizenship, DocumentNumber: q.DocumentNumber, DocumentCountry: q.DocumentCountry,
		EmployerCode: q.EmployerCode, Occupation: q.Occupation, Classification: q.Classification, Attachments: References(q.LegID, q.Attachments),
	}
}

// Ask sends the question with the case as X-Road-Issue and the official as
// X-Road-UserId. The authority acknowledges with 200 or 202; its 4xx is a
// refusal, its 5xx trouble of its own.
func (w restWire) Ask(ctx context.Context, q Question) (Reply, error) {
	body, err := json.Marshal(q.Body())
	if err != nil {
		return Reply{}, &soap.Failure{Kind: soap.KindInternal, Code: "question", Message: "the question cannot be written", Err: err}
	}
	answer, err := w.xroad.REST(ctx, xroad.RESTCall{
		Service: w.service, Method: http.MethodPost, Path: "/consultations",
		Header: http.Header{"Accept": {"application/json"}}, ContentType: "application/json; charset=utf-8",
		Body: body, UserID: q.Official, Issue: q.CaseReference,
	})
	if err != nil {
		return Reply{}, err
	}
	reply := Reply{MessageID: answer.Exchange.MessageID}
	if answer.Status != http.StatusOK && answer.Status != http.StatusAccepted {
		return reply, &soap.Failure{
			Kind: xroad.KindOfStatus(answer.Status), Code: fmt.Sprintf("http.%d", answer.Status), Message: notTaken, MessageID: reply.MessageID,
		}
	}
	if media, _, err := mime.ParseMediaType(answer.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return reply, unreadable(reply.MessageID, nil)
	}
	var receipt struct {
		ReceiptID string `json:"receipt_id"`
	}
	if err := json.Unmarshal(answer.Body, &receipt); err != nil || !goodReceipt(receipt.ReceiptID) {
		return reply, unreadable(reply.MessageID, nil)
	}
	reply.ReceiptID = receipt.ReceiptID
	return reply, nil
}
