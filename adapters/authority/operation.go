package authority

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/soap"
)

// operation is one thing that authorities do, the same through both doors.
type operation struct {
	code   string // of the SOAP service
	method string // of the REST service; "" where that has a handler of its own
	path   string
	schema string // of the REST body, "" without one
	work   func(ctx context.Context, p *Provider, in request) (out any, result string, err error)
}

// request is what an operation gets: the content in the REST door's spelling,
// which has been found in order by the door's own description.
type request struct {
	from      soap.ClientID
	messageID string
	door      string
	content   []byte       // JSON
	files     []*sentFiles // that came with a message, by its answers
}

// filesOf are the files that came with the answer i, or with what has no answers.
func (in request) filesOf(i int) *sentFiles {
	if i < len(in.files) {
		return in.files[i]
	}
	return nil
}

// read reads the content.
func (in request) read(into any) error {
	if err := json.Unmarshal(in.content, into); err != nil {
		return fmt.Errorf("reading a message that was valid: %w", err)
	}
	return nil
}

// resultRead is the result of an operation that only reads.
const resultRead = "read"

// SOAPServices are the codes of the SOAP services that authorities call.
func SOAPServices() []string {
	codes := []string{SOAPService}
	for _, o := range operations {
		codes = append(codes, o.code)
	}
	return codes
}

// operations are all but submitAnswer.
var operations = []operation{
	{code: "listNotices", method: "GET", path: "/notices", work: listNotices},
	{code: "getConsultation", method: "GET", path: "/consultations/{id}", work: getConsultation},
	{code: "getAttachment", work: getAttachment},
	{code: "acknowledgeConsultation", method: "POST", path: "/consultations/{id}/acknowledgement", schema: "Action", work: act(consultation.HappenedDelivered)},
	{code: "takeIntoReview", method: "POST", path: "/consultations/{id}/review", schema: "Action", work: act(consultation.HappenedTaken)},
	{code: "requestInformation", method: "POST", path: "/consultations/{id}/inquiries", schema: "Inquiry", work: act(consultation.HappenedAsked)},
	{code: "requestExtension", method: "POST", path: "/consultations/{id}/extensions", schema: "Extension", work: act(consultation.HappenedExtensionAsked)},
	{code: "listDigests", method: "GET", path: "/digests", work: listDigests},
	{code: "announceDowntime", method: "POST", path: "/downtimes", schema: "Downtime", work: announceDowntime},
	{code: "getStatistics", method: "GET", path: "/statistics", work: getStatistics},
	{code: "submitAnswers", method: "POST", path: "/answers", schema: "Answers", work: submitAnswers},
}

// receipt is the answer to whatever changes something.
type receipt struct {
	Status   string `json:"status"`
	LegState string `json:"leg_state"`
}

// act does one thing with a question.
func act(what consultation.Happening) func(context.Context, *Provider, request) (any, string, error) {
	return func(ctx context.Context, p *Provider, in request) (any, string, error) {
		var c struct {
			ActionID       string                      `json:"action_id"`
			ConsultationID string                      `json:"consultation_id"`
			Round          json.Number                 `json:"round"`
			Text           string                      `json:"text"`
			Until          string                      `json:"until"`
			Attachments    []string                    `json:"attachments"`
			Reason         string                      `json:"reason"`
			Classification consultation.Classification `json:"classification"`
		}
		if err := in.read(&c); err != nil {
			return nil, "", err
		}
		d := consultation.Deed{
			ID: c.ActionID, LegID: straight(c.ConsultationID), Round: whole(c.Round), What: what, Text: c.Text, Until: c.Until, Reason: c.Reason,
			Classification: c.Classification, Attachments: c.Attachments, From: in.from, Door: in.door, MessageID: in.messageID,
		}
		var r consultation.Receipt
		err := pgx.BeginFunc(ctx, p.o.Pool, func(tx pgx.Tx) (err error) {
			if err := p.attachAll(ctx, tx, in.filesOf(0)); err != nil {
				return err
			}
			r, err = p.o.Procedure.Act(ctx, tx, d)
			return err
		})
		if err != nil {
			return nil, "", p.aboutLeg(ctx, d.LegID, fmt.Errorf("doing what an authority wants: %w", err))
		}
		return receipt{string(r.Status), string(r.LegState)}, string(r.Status), nil
	}
}

// maxNotices bounds a page of notices.
const maxNotices = 500

func listNotices(ctx context.Context, p *Provider, in request) (any, string, error) {
	var c struct {
		After json.Number `json:"after"`
		Limit json.Number `json:"limit"`
	}
	if err := in.read(&c); err != nil {
		return nil, "", err
	}
	after, err := strconv.ParseInt(c.After.String(), 10, 64)
	limit := whole(c.Limit)
	var wrong []consultation.Violation
	if err != nil || after < 0 {
		wrong = append(wrong, consultation.Violation{Path: "/after", Code: "range", Message: "a position is needed, or 0"})
	}
	if limit < 1 || limit > maxNotices {
		wrong = append(wrong, consultation.Violation{Path: "/limit", Code: "range", Message: fmt.Sprintf("1 to %d is possible", maxNotices)})
	}
	if len(wrong) > 0 {
		return nil, "", &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: wrong}
	}
	notices, err := p.o.Procedure.Notices(ctx, p.o.Pool, in.from, after, limit)
	if err != nil {
		return nil, "", err
	}
	return map[string]any{"notices": append([]consultation.Notice{}, notices...)}, resultRead, nil
}

// fetched is a question as its authority fetches it, with how it stands.
type fetched struct {
	consultation.QuestionBody
	State           consultation.LegState  `json:"state"`
	DueAt           *time.Time             `json:"due_at,omitempty"`
	LatestExtension *time.Time             `json:"latest_extension,omitempty"`
	ExtensionAsked  *time.Time             `json:"extension_asked,omitempty"`
	Inquiries       []consultation.Inquiry `json:"inquiries,omitempty"`
}

func getConsultation(ctx context.Context, p *Provider, in request) (any, string, error) {
	var c struct {
		ConsultationID string `json:"consultation_id"`
	}
	if err := in.read(&c); err != nil {
		return nil, "", err
	}
	a, err := p.o.Procedure.Fetch(ctx, p.o.Pool, in.from, straight(c.ConsultationID))
	if err != nil {
		return nil, "", err
	}
	f := fetched{
		QuestionBody: a.Question.Body(), State: a.State, DueAt: a.DueAt, LatestExtension: a.Latest, ExtensionAsked: a.Wanted, Inquiries: a.Inquiries,
	}
	f.Attachments = consultation.References(a.Question.LegID, a.Attachments) // its own ones too
	if in.door == doorSOAP {                                                 // getAttachment gives them
		for i := range f.Attachments {
			f.Attachments[i].Href = ""
		}
	}
	return f, resultRead, nil
}

// maxAnswers bounds the answers of one message.
const maxAnswers = 500

// batchResult is what became of one answer of many.
type batchResult struct {
	ConsultationID string `json:"consultation_id,omitempty"`
	AnswerID       string `json:"answer_id,omitempty"`
	Status         string `json:"status"`
	LegState       string `json:"leg_state,omitempty"`
	FaultCode      string `json:"fault_code,omitempty"`
	FaultString    string `json:"fault_string,omitempty"`
}

// submitAnswers takes many answers, each in a transaction of its own: one that
// is wrong holds no other up. Sending all of them again changes nothing.
func submitAnswers(ctx context.Context, p *Provider, in request) (any, string, error) {
	var c struct {
		Answers []batchAnswer `json:"answers"`
	}
	if err := in.read(&c); err != nil {
		return nil, "", err
	}
	if len(c.Answers) > maxAnswers {
		return nil, "", &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: []consultation.Violation{
			{Path: "/answers", Code: "length", Message: fmt.Sprintf("at most %d answers", maxAnswers)},
		}}
	}
	results := make([]batchResult, len(c.Answers))
	for i, b := range c.Answers {
		r := batchResult{ConsultationID: b.ConsultationID, AnswerID: b.AnswerID}
		taken, err := p.one(ctx, in, b, in.filesOf(i))
		if why, ok := refusalOf(err); ok {
			r.Status, r.FaultCode, r.FaultString = resultRefused, why.Code, why.Message
		} else if err != nil {
			return nil, "", err
		} else {
			r.Status, r.LegState = string(taken.Status), string(taken.LegState)
		}
		results[i] = r
	}
	return map[string]any{"results": results}, string(consultation.StatusAccepted), nil
}

// batchAnswer is an answer among others. Its form is loose, so that one that is
// wrong is refused alone.
type batchAnswer struct {
	ConsultationID string `json:"consultation_id"`
	restAnswer
}

func (p *Provider) one(ctx context.Context, in request, b batchAnswer, sent *sentFiles) (consultation.Receipt, error) {
	if err := p.o.Procedure.Admit(b.Classification, in.door, in.from.String()); err != nil {
		return consultation.Receipt{}, err
	}
	var wrong []consultation.Violation
	at, err := p.dateTime(b.AnsweredAt)
	if err != nil {
		wrong = append(wrong, consultation.Violation{Path: "/answered_at", Code: "format", Message: "is not a date-time"})
	}
	for i, c := range b.Conditions {
		b.Conditions[i].ValidUntil = withoutZone(c.ValidUntil)
	}
	if len(wrong) > 0 {
		return consultation.Receipt{}, &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: wrong}
	}
	return p.receive(ctx, consultation.Answer{
		AnswerID: b.AnswerID, LegID: b.ConsultationID, Round: whole(b.Round), Code: consultation.AnswerCode(b.AnswerCode), LegalGround: b.LegalGround,
		Justification: b.Justification, Conditions: b.Conditions, Correction: b.Correction, Classification: b.Classification, Attachments: b.Attachments, AnsweredAt: at,
		From: in.from, Door: in.door, MessageID: in.messageID,
	}, sent)
}

// whole is a number that a schema has found whole; one too large is none.
func whole(n json.Number) int {
	f, err := n.Float64()
	if err != nil || f != float64(int(f)) {
		return 0
	}
	return int(f)
}

// contentOfQuery is the content of a request without a body: its parameters.
func contentOfQuery(values url.Values, more map[string]string) []byte {
	content := map[string]any{"after": json.Number("0"), "limit": json.Number("100")}
	for _, name := range []string{"after", "limit"} {
		if n, err := strconv.ParseInt(values.Get(name), 10, 64); values.Has(name) && err == nil {
			content[name] = n
		} else if values.Has(name) {
			content[name] = -1
		}
	}
	if values.Has("after_day") {
		content["after_day"] = values.Get("after_day")
	}
	for name, value := range more {
		content[name] = value
	}
	data, _ := json.Marshal(content) // numbers and texts always marshal
	return data
}
