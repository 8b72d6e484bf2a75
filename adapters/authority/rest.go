package authority

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
	"ristmik/soap"
)

// caller is who sent a REST message, as its own Security Server vouches.
type caller struct {
	client    soap.ClientID
	messageID string
}

// callerOf reads the X-Road header fields. A field that comes twice, or a list,
// is refused: a Security Server would take the last one, and who called must
// not depend on who reads (PR-REST 4.3).
func (p *Provider) callerOf(h http.Header) (caller, []web.FieldError) {
	var c caller
	var wrong []web.FieldError
	hop := hopByHop(h)
	one := func(name string, required bool) string {
		values := h.Values(name)
		if hop[strings.ToLower(name)] {
			values = nil // of this connection only, says the sender: not the caller's own words
		}
		switch {
		case len(values) == 0 && !required:
			return ""
		case len(values) == 0:
			wrong = append(wrong, web.FieldError{Path: name, Code: "required", Message: "the header field is needed"})
			return ""
		case len(values) > 1 || strings.Contains(values[0], ","):
			wrong = append(wrong, web.FieldError{Path: name, Code: "repeated", Message: "the header field must come once, with one value"})
			return ""
		}
		return values[0]
	}
	if v := one("X-Road-Client", true); v != "" {
		id, err := soap.ParseClientID(v)
		if err != nil || dots(id) {
			wrong = append(wrong, web.FieldError{Path: "X-Road-Client", Code: "format", Message: "is not INSTANCE/CLASS/MEMBER/SUBSYSTEM"})
		}
		c.client = id
	} else if len(wrong) == 0 {
		wrong = append(wrong, web.FieldError{Path: "X-Road-Client", Code: "format", Message: "is not INSTANCE/CLASS/MEMBER/SUBSYSTEM"})
	}
	before := len(wrong)
	c.messageID = one("X-Road-Id", true)
	if len(wrong) == before && !goodMessageID(c.messageID) {
		wrong = append(wrong, web.FieldError{Path: "X-Road-Id", Code: "format", Message: "is empty, longer than 255 characters, or has characters that are not allowed"})
	}
	before = len(wrong)
	if user := one("X-Road-UserId", p.o.RequireUserID); p.o.RequireUserID && user == "" && len(wrong) == before {
		wrong = append(wrong, web.FieldError{Path: "X-Road-UserId", Code: "required", Message: "the header field is needed"})
	}
	return c, wrong
}

// hopByHop are the header fields that Connection names, in lower case.
func hopByHop(h http.Header) map[string]bool {
	names := map[string]bool{}
	for _, list := range h.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			names[strings.ToLower(strings.TrimSpace(name))] = true
		}
	}
	return names
}

// dots tells whether a part of an identifier would be a step in a path.
func dots(id soap.ClientID) bool {
	return slices.ContainsFunc([]string{id.Instance, id.Class, id.Member, id.Subsystem}, func(part string) bool {
		return part == "." || part == ".."
	})
}

// workREST is an operation of the table through this door.
func (p *Provider) workREST(o operation) restWork {
	return func(r *http.Request, from caller, body []byte, sent *sentFiles) (any, string, error) {
		if o.schema == "" {
			body = contentOfQuery(r.URL.Query(), map[string]string{"consultation_id": r.PathValue("id")})
		} else if id := r.PathValue("id"); id != "" {
			var content map[string]json.RawMessage
			if err := json.Unmarshal(body, &content); err != nil {
				return nil, "", fmt.Errorf("reading a body that was valid: %w", err)
			}
			content["consultation_id"], _ = json.Marshal(id) // a text always marshals
			var err error
			if body, err = json.Marshal(content); err != nil {
				return nil, "", fmt.Errorf("writing a body: %w", err)
			}
		}
		return o.work(r.Context(), p, request{from: from.client, messageID: from.messageID, door: doorREST, content: body, files: []*sentFiles{sent}})
	}
}

// answerREST takes one answer.
func (p *Provider) answerREST(r *http.Request, from caller, body []byte, sent *sentFiles) (any, string, error) {
	var content restAnswer
	if err := json.Unmarshal(body, &content); err != nil {
		return nil, "", fmt.Errorf("reading an answer that was valid: %w", err)
	}
	answer, err := content.answer(r.PathValue("id"))
	if err != nil {
		return nil, "", err
	}
	answer.From, answer.MessageID = from.client, from.messageID
	got, err := p.receive(r.Context(), answer, sent)
	return receipt{string(got.Status), string(got.LegState)}, string(got.Status), err
}

// restWork does what a request asks for; the body, if one is wanted, is as
// described, and sent are the files that it named by reference.
type restWork func(r *http.Request, from caller, body []byte, sent *sentFiles) (out any, result string, err error)

// serveREST serves one operation. The response has no header field of X-Road's
// own: those are the Security Server's to set (C-137).
func (p *Provider) serveREST(method, schema string, work restWork) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		started := p.o.Now()
		observe := func(result string) {
			p.o.Observe(Observation{Door: doorREST, Result: result, Took: p.o.Now().Sub(started)})
		}
		if r.Method != method && !(r.Method == http.MethodHead && method == http.MethodGet) {
			p.logRefused(r.Context(), doorREST, refuse("method", ""), nil, p.o.NewID())
			wrongMethod(w, method)
			observe(resultRefused)
			return
		}
		out, result, problem, err := p.rest(w, r, schema, work)
		switch {
		case err != nil:
			correlation := p.o.NewID()
			p.logFailed(r.Context(), doorREST, err, correlation)
			web.WriteProblem(w, web.Problem{
				Type: web.TypeInternal, Title: "The message could not be handled", Status: http.StatusInternalServerError,
				Detail: "Ask with this id: " + correlation,
			})
			observe(resultFailed)
		case problem != nil:
			web.WriteProblem(w, *problem)
			observe(resultRefused)
		default:
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_ = json.NewEncoder(w).Encode(out) // a caller who has gone needs no answer
			observe(result)
		}
	}
}

// rest returns what is answered, or the problem that the caller is told of (it
// has been logged), or an error of ours.
func (p *Provider) rest(w http.ResponseWriter, r *http.Request, schema string, work restWork) (any, string, *web.Problem, error) {
	hidden := false
	refused := func(code string, problem web.Problem, from *caller) (any, string, *web.Problem, error) {
		why := refuse(code, "")
		why.Fields, why.Hidden = len(problem.Errors), hidden
		var msg *soap.Message
		if from != nil {
			msg = &soap.Message{Header: soap.Header{Client: from.client, ID: from.messageID}}
		}
		p.logRefused(r.Context(), doorREST, why, msg, p.o.NewID())
		return nil, "", &problem, nil
	}
	from, wrong := p.callerOf(r.Header)
	if len(wrong) > 0 {
		return refused("headers", web.Problem{
			Type: web.TypeMalformed, Title: "The X-Road header fields are not in order", Status: http.StatusBadRequest, Errors: wrong,
		}, nil)
	}
	if !p.mayCall(from.client, p.o.RESTService) {
		return refused(codeAccessDenied, web.Problem{
			Type: web.TypeForbidden, Title: "The client may not call this service", Status: http.StatusForbidden,
		}, &from)
	}
	var body []byte
	if schema != "" {
		var problem *web.Problem
		var code string
		var err error
		if body, code, problem, err = p.bodyREST(w, r, schema, from.client); err != nil {
			return nil, "", nil, err
		} else if problem != nil {
			return refused(code, *problem, &from)
		}
	}
	var sent *sentFiles
	var err error
	if id := r.PathValue("id"); schema != "" && id != "" {
		body, sent, err = p.fetchNamed(r.Context(), from, id, body)
	}
	if err == nil {
		var out any
		var result string
		if out, result, err = work(r, from, body, sent); err == nil {
			return out, result, nil, nil
		}
	}
	if problem, ok := later(w, err); ok {
		_, hidden = errors.AsType[aboutHidden](err)
		return refused("unavailable", *problem, &from)
	}
	if why, ok := refusalOf(err); ok {
		hidden = why.Hidden
		return refused(why.Code, problemOf(why), &from)
	}
	return nil, "", nil, err
}

// bodyREST reads a body and holds it against its schema. The problem, if there
// is one, comes with its code for the log.
func (p *Provider) bodyREST(w http.ResponseWriter, r *http.Request, schema string, from soap.ClientID) ([]byte, string, *web.Problem, error) {
	if len(r.Header.Values("Content-Type")) == 0 {
		// X-Road only recommends the field (PR-REST 4.3), and there is one kind
		// of body here.
		r.Header.Set("Content-Type", "application/json")
	}
	body, problem := web.ReadJSON(w, r, int64(p.o.Limits.Bytes))
	if problem != nil {
		return nil, "body", problem, nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return nil, "body", &web.Problem{Type: web.TypeMalformed, Title: "The body is not JSON", Status: http.StatusBadRequest}, nil
	}
	if content, ok := value.(map[string]any); ok {
		// Before the schema: whatever else is wrong, this is what is told.
		level, _ := content["classification"].(string)
		if why, ok := refusalOf(p.o.Procedure.Admit(consultation.Classification(level), doorREST, from.String())); ok {
			problem := problemOf(why)
			return nil, why.Code, &problem, nil
		}
	}
	if err := p.schemas[schema].Validate(value); err != nil {
		invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
		if !ok {
			return nil, "", nil, fmt.Errorf("validating a body: %w", err)
		}
		return nil, "fields", &web.Problem{
			Type: web.TypeValidation, Title: "The answer is not as described", Status: http.StatusUnprocessableEntity,
			Detail: "The description is at /rest/openapi.json.", Errors: web.SchemaFaults(invalid),
		}, nil
	}
	return body, "", nil, nil
}

func wrongMethod(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	web.WriteProblem(w, web.Problem{Title: "The method is not allowed here", Status: http.StatusMethodNotAllowed, Detail: "Allowed: " + allow})
}
