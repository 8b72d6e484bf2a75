package registers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// restResult is the answer of a REST register.
type restResult struct {
	// Status is the register's own.
	Status int `json:"status"`
	// Data is its body as it came, null where there is none.
	Data json.RawMessage `json:"data"`
	// Unknown are the places of fields that the contract does not have.
	Unknown  []string `json:"unknown,omitempty"`
	Exchange exchange `json:"exchange"`
}

// saidNo is a failure in which the register says more than a code and a text.
type saidNo struct {
	*soap.Failure
	answer json.RawMessage
}

func (s *saidNo) Unwrap() error { return s.Failure }

// maxSaid bounds how much of a refusal is handed on, in bytes.
const maxSaid = 64 << 10

func (a *API) callREST(w http.ResponseWriter, r *http.Request, reg *served, operation string, started time.Time) {
	op := reg.REST.Operation(operation)
	if op == nil || r.URL.Query().Has("version") {
		notFound(w)
		return
	}
	call, problem := a.readREST(w, r, reg, op)
	if problem != nil {
		a.observe(reg, op.Code, "invalid", started)
		web.WriteProblem(w, *problem)
		return
	}
	rec := a.recording(r, reg, op.Code)
	call.Before = rec.before()
	a.finish(w, r, reg, op.Code, started, rec, func() (outcome, error) {
		answer, err := a.o.XRoad.REST(r.Context(), call)
		if err != nil {
			return outcome{}, err
		}
		res, err := reg.restResult(op, answer)
		if err == nil {
			err = a.toldREST(reg, op, &res)
		}
		return outcome{answer.Exchange, &res.Exchange, func(w http.ResponseWriter) { web.WriteJSON(w, http.StatusOK, res) }}, err
	})
}

// readREST checks the request and makes the call of it, or says everything that
// is wrong.
func (a *API) readREST(w http.ResponseWriter, r *http.Request, reg *served, op *contract.RESTOperation) (xroad.RESTCall, *web.Problem) {
	if op.Unsupported != nil {
		return xroad.RESTCall{}, unusable(op.Unsupported)
	}
	user, issue, problem := who(r, reg, reg.RequireUser || op.RequireUser, reg.RequireIssue || op.RequireIssue)
	if problem != nil {
		return xroad.RESTCall{}, problem
	}
	body, problem := web.ReadJSON(w, r, a.o.MaxBody)
	if problem != nil {
		return xroad.RESTCall{}, problem
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return xroad.RESTCall{}, &web.Problem{Type: web.TypeMalformed, Status: http.StatusBadRequest, Detail: "The body is not JSON."}
	}
	wrong := func(faults []web.FieldError) *web.Problem {
		return &web.Problem{
			Type: web.TypeValidation, Status: http.StatusUnprocessableEntity, Detail: "Values in the body are wrong; errors names each.", Errors: faults,
		}
	}
	value, body, faults := a.mappedREST(reg, op, value, body)
	if len(faults) > 0 {
		return xroad.RESTCall{}, wrong(faults)
	}
	call, faults, err := RESTRequest(op, value, body)
	if err != nil {
		return xroad.RESTCall{}, &web.Problem{Type: web.TypeMalformed, Status: http.StatusBadRequest, Detail: "The body is not JSON."}
	}
	if len(faults) > 0 {
		return xroad.RESTCall{}, wrong(reg.inCore(op, faults))
	}
	call.Service, call.UserID, call.Issue, call.Timeout = soap.ServiceID{Provider: reg.Provider, Code: reg.Service}, user, issue, reg.Timeout
	return call, nil
}

// RESTRequest checks the one object of a request, which is value and text in one,
// by the description, and writes method, path, query, headers and body of a call.
// The faults are everything that is wrong with it; err is for text that is not
// JSON.
func RESTRequest(op *contract.RESTOperation, value any, text []byte) (call xroad.RESTCall, faults []web.FieldError, err error) {
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](op.CheckRequest(value)); ok {
		return xroad.RESTCall{}, schemaErrors(invalid), nil
	}
	object, _ := value.(map[string]any) // the schema says that it is one
	written, faults := write(op, object)
	if len(faults) > 0 {
		return xroad.RESTCall{}, faults, nil
	}
	call = xroad.RESTCall{Method: op.Endpoint.Method, Path: written.path, Query: written.query, Declared: written.header}
	if _, has := object["body"]; has {
		var whole struct {
			Body json.RawMessage `json:"body"`
		}
		if err := json.Unmarshal(text, &whole); err != nil {
			return xroad.RESTCall{}, nil, fmt.Errorf("reading the body: %w", err)
		}
		call.Body, call.ContentType = whole.Body, "application/json"
	}
	return call, nil, nil
}

// schemaErrors lists what a schema found, in the codes that all registers use.
func schemaErrors(invalid *jsonschema.ValidationError) []web.FieldError {
	faults := web.SchemaFaults(invalid)
	for i := range faults {
		if faults[i].Code == "unknown_field" {
			faults[i].Code = "unknown"
		}
	}
	return faults
}

// restResult reads an answer. The error is or wraps a *soap.Failure.
func (s *served) restResult(op *contract.RESTOperation, answer *xroad.RESTAnswer) (restResult, error) {
	x := answer.Exchange
	res := restResult{Status: answer.Status, Data: json.RawMessage("null"), Exchange: exchangeOf(x)}
	text := bytes.TrimSpace(answer.Body)
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if answer.Status >= 300 {
		code, words := "", ""
		if err == nil {
			code, words = s.restRefusal(value)
		}
		f := &soap.Failure{
			Kind: xroad.KindOfStatus(answer.Status), Code: fmt.Sprintf("http.%d", answer.Status), Raw: code, Message: words, MessageID: x.MessageID,
		}
		if f.Message == "" {
			f.Message = fmt.Sprintf("the register answered with status %d", answer.Status)
		}
		if err != nil || len(text) > maxSaid {
			return res, f
		}
		return res, &saidNo{f, text}
	}
	broken := func(err error) error {
		return &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", MessageID: x.MessageID, Err: err, Message: "the answer does not keep to the contract",
		}
	}
	if err != nil && len(text) > 0 {
		return res, broken(errors.New("the body is not JSON"))
	}
	switch err := op.CheckAnswer(answer.Status, value, len(text) > 0); {
	case err == nil:
	case s.Tolerant:
		invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
		if !ok {
			return res, broken(err)
		}
		for _, fault := range schemaErrors(invalid) {
			if fault.Code != "unknown" {
				return res, broken(err)
			}
			res.Unknown = append(res.Unknown, fault.Path)
		}
	default:
		return res, broken(err)
	}
	if len(text) == 0 {
		return res, nil
	}
	res.Data = text
	in := lookIn(value)
	res.Exchange.asOf(s.restMoment(in, answer.Header, res.Exchange.AnsweredAt))
	if code, words, refused := s.refusal(in); refused {
		return res, &soap.Failure{
			Kind: soap.KindBusiness, Code: "answer.refused", Raw: code, Message: words, MessageID: x.MessageID, Err: errors.New("the register refused"),
		}
	}
	return res, nil
}

// restRefusal finds code and text in the body of a refusal: where the
// configuration says, or where most REST services have them (RFC 9457 and what
// was usual before it).
func (s *served) restRefusal(value any) (code, text string) {
	object, _ := value.(map[string]any)
	for _, pointer := range s.Refusals {
		if text = words(at(object, pointer)); text != "" {
			break
		}
	}
	for _, e := range s.Errors {
		if c, t, refused := e.says(lookIn(object)); refused && text == "" {
			code, text = c, t
		}
	}
	places := []map[string]any{object}
	if inner, ok := object["error"].(map[string]any); ok {
		places = append(places, inner)
	}
	for _, place := range places {
		for _, name := range []string{"code", "errorCode", "error_code", "faultCode", "type"} {
			if code == "" {
				code = words(place[name])
			}
		}
		for _, name := range []string{"detail", "message", "errorMessage", "error_description", "faultString", "title", "error"} {
			if text == "" {
				text = words(place[name])
			}
		}
	}
	return code, text
}
