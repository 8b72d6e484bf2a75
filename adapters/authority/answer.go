package authority

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

// restAnswer is an answer in the REST door's spelling.
type restAnswer struct {
	AnswerID       string                      `json:"answer_id"`
	Round          json.Number                 `json:"round"` // 1.0 is an integer too, to a JSON schema
	AnswerCode     string                      `json:"answer_code"`
	LegalGround    string                      `json:"legal_ground"`
	Justification  string                      `json:"justification"`
	Conditions     []consultation.Condition    `json:"conditions"`
	Correction     string                      `json:"correction"`
	AnsweredAt     string                      `json:"answered_at"`
	Attachments    []string                    `json:"attachments"`
	Classification consultation.Classification `json:"classification"`
}

// answer is what the procedure takes; legID comes from the path.
func (a restAnswer) answer(legID string) (consultation.Answer, error) {
	round, err := a.Round.Float64()
	if err != nil {
		return consultation.Answer{}, fmt.Errorf("reading the round of an answer that was valid: %w", err)
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(a.AnsweredAt))
	if err != nil {
		// JSON schema knows leap seconds; a time here does not.
		return consultation.Answer{}, &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: []consultation.Violation{
			{Path: "/answered_at", Code: "format", Message: "is not a date-time"},
		}}
	}
	return consultation.Answer{
		AnswerID: a.AnswerID, LegID: legID, Round: int(round), Code: consultation.AnswerCode(a.AnswerCode),
		LegalGround: a.LegalGround, Justification: a.Justification, Conditions: a.Conditions,
		Correction: a.Correction, Classification: a.Classification, AnsweredAt: at, Door: doorREST, Attachments: a.Attachments,
	}, nil
}

// soapAnswer is an answer in the contract's spelling.
type soapAnswer struct {
	AnswerID       string `json:"answerId"`
	ConsultationID string `json:"consultationId"`
	Round          int    `json:"round"`
	AnswerCode     string `json:"answerCode"`
	LegalGround    string `json:"legalGround"`
	Justification  string `json:"justification"`
	Condition      []struct {
		Code       string `json:"code"`
		Text       string `json:"text"`
		ValidUntil string `json:"validUntil"`
	} `json:"condition"`
	AnsweredAt     string                      `json:"answeredAt"`
	Correction     string                      `json:"correction"`
	Attachment     []string                    `json:"attachment"`
	Classification consultation.Classification `json:"classification"`
}

// fromSOAP turns the content of a submitAnswer wrapper, which the contract has
// accepted, into what the procedure takes.
func (p *Provider) fromSOAP(content map[string]any) (consultation.Answer, error) {
	text, err := json.Marshal(content["request"])
	if err != nil {
		return consultation.Answer{}, fmt.Errorf("writing an answer as JSON: %w", err)
	}
	var a soapAnswer
	if err := json.Unmarshal(text, &a); err != nil {
		// The contract allows numbers that no round has.
		return consultation.Answer{}, refuse("client.invalid_xml", "the message does not follow the contract: /request has a value out of range")
	}
	at, err := p.dateTime(a.AnsweredAt)
	if err != nil {
		return consultation.Answer{}, refuse("client.invalid_xml", "the message does not follow the contract: /request/answeredAt: is not a time between the years 1 and 9999")
	}
	answer := consultation.Answer{
		AnswerID: a.AnswerID, LegID: a.ConsultationID, Round: a.Round, Code: consultation.AnswerCode(a.AnswerCode),
		LegalGround: a.LegalGround, Justification: a.Justification, Correction: a.Correction,
		Classification: a.Classification, AnsweredAt: at, Door: doorSOAP, Attachments: a.Attachment,
	}
	for _, c := range a.Condition {
		answer.Conditions = append(answer.Conditions, consultation.Condition{Code: c.Code, Text: c.Text, ValidUntil: withoutZone(c.ValidUntil)})
	}
	return answer, nil
}

// dateTime reads an xs:dateTime. One without a zone is Estonian time.
func (p *Provider) dateTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.ParseInLocation("2006-01-02T15:04:05", s, p.location)
}

// withoutZone cuts the time zone off an xs:date: the day that is written counts.
func withoutZone(date string) string {
	if len(date) > len(time.DateOnly) {
		return date[:len(time.DateOnly)]
	}
	return date
}

// receive hands the answer to the procedure, with the files that came with it, in
// one transaction. The receipt is given out only when everything is stored.
func (p *Provider) receive(ctx context.Context, a consultation.Answer, sent *sentFiles) (consultation.Receipt, error) {
	id, err := uuid.Parse(a.LegID)
	if err != nil || len(a.LegID) != 36 {
		return consultation.Receipt{}, unknownConsultation()
	}
	a.LegID = id.String()
	var receipt consultation.Receipt
	err = pgx.BeginFunc(ctx, p.o.Pool, func(tx pgx.Tx) error {
		if err := p.attachAll(ctx, tx, sent); err != nil {
			return err
		}
		var err error
		receipt, err = p.o.Procedure.Receive(ctx, tx, a)
		return err
	})
	if err != nil {
		return consultation.Receipt{}, p.aboutLeg(ctx, a.LegID, fmt.Errorf("receiving an answer: %w", err))
	}
	if receipt.Hidden {
		return receipt, nil
	}
	p.o.Log.InfoContext(ctx, "message taken", "door", a.Door, "result", string(receipt.Status),
		"client", a.From.String(), "message_id", a.MessageID)
	return receipt, nil
}

// aboutHidden is an error about a question that is hidden: who caused it is not
// for the log.
type aboutHidden struct{ error }

func (e aboutHidden) Unwrap() error { return e.error }

// aboutLeg marks an error about a question that is hidden, or of which nobody
// can tell now.
func (p *Provider) aboutLeg(ctx context.Context, leg string, err error) error {
	if hidden, wrong := p.o.Procedure.IsHidden(ctx, p.o.Pool, leg); hidden || wrong != nil {
		return aboutHidden{err}
	}
	return err
}

// aboutLegs marks a refusal of a message that brought files for questions of which
// one is hidden.
func (p *Provider) aboutLegs(ctx context.Context, sent []*sentFiles, err error) error {
	r, ok := technical(err)
	if !ok {
		return err
	}
	for _, s := range sent {
		if hidden, wrong := p.o.Procedure.IsHidden(ctx, p.o.Pool, s.leg); hidden || wrong != nil {
			r.Hidden = true
		}
	}
	return r
}

// refusalOf finds what the procedure did not take, as one text: the message is
// in order, so both doors tell it as a result of the service.
func refusalOf(err error) (*refusal, bool) {
	why, ok := errors.AsType[*consultation.Refusal](err)
	if !ok {
		return nil, false
	}
	r := &refusal{Code: string(why.Kind), Kind: why.Kind, Fields: len(why.Violations), Violations: why.Violations}
	_, r.Hidden = errors.AsType[aboutHidden](err)
	if why.Kind == consultation.RefusedUnknown {
		// One answer for "there is none" and "it is another authority's", in
		// words that do not depend on which of the two it was.
		r.Code, r.Message, r.Violations, r.Fields = consultation.FaultUnknownConsultation, "no such consultation", nil, 0
		return r, true
	}
	if len(why.Violations) > 0 {
		r.Code = why.Violations[0].Code
	}
	texts := make([]string, len(why.Violations))
	for i, v := range why.Violations {
		texts[i] = strings.TrimPrefix(soapPath(v.Path)+": "+v.Message, ": ")
	}
	r.Message = strings.Join(texts, "; ")
	return r, true
}

func unknownConsultation() error {
	return &consultation.Refusal{Kind: consultation.RefusedUnknown, Violations: []consultation.Violation{
		{Code: consultation.FaultUnknownConsultation, Message: "no such consultation"},
	}}
}

// soapPath spells a path of the JSON doors as the contract does: /answer_id is
// /answerId, /conditions/0/text is /condition/0/text.
func soapPath(path string) string {
	var b strings.Builder
	upper := false
	for _, c := range strings.Replace(path, "/conditions", "/condition", 1) {
		switch {
		case c == '_':
			upper = true
		case upper:
			b.WriteString(strings.ToUpper(string(c)))
			upper = false
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// problemOf is a refusal of the procedure in the REST door's words.
func problemOf(r *refusal) web.Problem {
	problem := web.Problem{Type: web.TypeValidation, Title: "The answer is not taken", Status: http.StatusUnprocessableEntity}
	switch r.Kind {
	case consultation.RefusedUnknown:
		return web.Problem{Type: web.TypeNotFound, Title: "No such consultation", Status: http.StatusNotFound}
	case consultation.RefusedConflict:
		problem.Type, problem.Status = web.TypeConflict, http.StatusConflict
		problem.Title = "The answer contradicts what was said before"
	}
	for _, v := range r.Violations {
		problem.Errors = append(problem.Errors, web.FieldError{Path: v.Path, Code: v.Code, Message: v.Message})
	}
	return problem
}
