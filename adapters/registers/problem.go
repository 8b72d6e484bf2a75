package registers

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/web"
	"ristmik/mapping"
	"ristmik/soap"
)

// The headers by which a call says on whose behalf and why it is made; the same
// as those of the message protocol for REST (PR-REST 4.3).
const (
	headerUser  = "X-Road-UserId"
	headerIssue = "X-Road-Issue"
	// headerPurpose says in words what personal data are asked for. It is the hub's
	// own: it is recorded, and no header of X-Road.
	headerPurpose = "X-Purpose"
)

// Problem types beside those of package web.
const (
	typeMethod   = "/problems/method-not-allowed" // 405
	typeHeader   = "/problems/parameter"          // 400: a header is wrong
	typeUnusable = "/problems/operation-unusable" // 501: the contract has what the hub cannot do
	typeRefused  = "/problems/register-refused"   // 422: the register worked and said no
	typeRegister = "/problems/register"           // 502, 503, 504: the register could not be asked, or not understood
)

// statuses are what each kind of failure is to the caller.
var statuses = map[soap.Kind]int{
	soap.KindRetryNow:      http.StatusServiceUnavailable,
	soap.KindRetryLater:    http.StatusBadGateway,
	soap.KindWait:          http.StatusServiceUnavailable,
	soap.KindFixData:       http.StatusUnprocessableEntity,
	soap.KindFixRights:     http.StatusBadGateway,
	soap.KindPartnerDown:   http.StatusServiceUnavailable,
	soap.KindOwnServer:     http.StatusServiceUnavailable,
	soap.KindUnknownResult: http.StatusGatewayTimeout,
	soap.KindBusiness:      http.StatusUnprocessableEntity,
}

// failed is the problem document of a call that was made: all forms in which
// registers say no, and all ways in which a call goes wrong, look like this.
type failed struct {
	web.Problem
	// Kind is the kind of failure, Turn who has to act: "ours" is the hub's side.
	Kind soap.Kind `json:"kind"`
	Turn soap.Turn `json:"turn"`
	// Code is the code of X-Road or of the register, Reason what it said.
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// MessageID is the X-Road message id of the exchange.
	MessageID string `json:"message_id,omitempty"`
	// Answer is what a REST register itself said, where that is JSON.
	Answer json.RawMessage `json:"answer,omitempty"`
}

// fail answers with what went wrong, and logs it without the register's words,
// which may be about a person.
func (a *API) fail(w http.ResponseWriter, r *http.Request, reg *served, operation string, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the caller has gone; nobody is there to answer
	}
	f, ok := errors.AsType[*soap.Failure](err)
	if !ok {
		f = &soap.Failure{Kind: soap.KindInternal, Err: err}
	}
	a.o.Log.WarnContext(r.Context(), "register call failed", "register", reg.Name, "operation", operation,
		"kind", string(f.Kind), "code", f.Code, "message_id", f.MessageID, "detail", f.Detail)
	p := failed{
		Problem: web.Problem{Type: typeRegister, Status: statuses[f.Kind], Detail: f.Advice()},
		Kind:    f.Kind, Turn: f.Turn(), Code: f.Code, Reason: f.Message, MessageID: f.MessageID,
	}
	if p.Status == 0 {
		p.Status = http.StatusBadGateway
	}
	if f.Kind == soap.KindBusiness {
		p.Type, p.Code = typeRefused, f.Raw
	}
	if violations, ok := errors.AsType[mapping.Violations](f.Err); ok {
		p.Status, p.Errors = http.StatusBadGateway, fieldErrors(violations)
	}
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](f.Err); ok {
		p.Status, p.Errors = http.StatusBadGateway, schemaErrors(invalid)
	}
	if said, ok := errors.AsType[*saidNo](err); ok {
		p.Answer = said.answer
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "30")
	}
	if p.MessageID != "" {
		w.Header()[headerID] = []string{p.MessageID}
	}
	p.Title = http.StatusText(p.Status)
	web.WriteProblemDocument(w, p.Status, p)
}
