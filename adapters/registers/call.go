package registers

import (
	"errors"
	"net/http"

	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

func (a *API) call(w http.ResponseWriter, r *http.Request, register, operation string) {
	started := a.o.Now()
	reg := a.registers[register]
	if reg != nil && reg.REST != nil {
		a.callREST(w, r, reg, operation, started)
		return
	}
	if reg != nil && reg.Unusable != nil {
		web.WriteProblem(w, *unusable(reg.Unusable))
		return
	}
	version := ""
	if r.URL.RawQuery != "" {
		version = r.URL.Query().Get("version")
	}
	op := reg.find(operation, version)
	if op == nil {
		notFound(w)
		return
	}
	call, problem := a.read(w, r, reg, op)
	if problem != nil {
		a.observe(reg, op.Code, "invalid", started)
		web.WriteProblem(w, *problem)
		return
	}
	rec := a.recording(r, reg, op.Code)
	call.Before = rec.before()
	a.finish(w, r, reg, op.Code, started, rec, func() (outcome, error) {
		answer, err := a.o.XRoad.Call(r.Context(), call)
		if err != nil {
			return outcome{}, err
		}
		res, err := a.result(reg, op, answer)
		if err != nil {
			return outcome{}, err
		}
		return outcome{answer.Exchange, &res.exchange, res.write}, nil
	})
}

// find returns the operation of that code; of several versions the one asked
// for, or else the newest. Nil when there is none.
func (s *served) find(code, version string) *contract.Operation {
	if s == nil {
		return nil
	}
	if version == "" {
		return s.newest[code]
	}
	for _, op := range s.Contract.Operations() {
		if op.Code == code && op.Version == version {
			return op
		}
	}
	return nil
}

// newestOf are the operations of a contract by code, of several versions the
// highest that can be called: v10 comes after v9.
func newestOf(c *contract.Contract) map[string]*contract.Operation {
	newest := map[string]*contract.Operation{}
	for _, op := range c.Operations() {
		best := newest[op.Code]
		switch {
		case best == nil, best.Unsupported != nil && op.Unsupported == nil:
			newest[op.Code] = op
		case op.Unsupported != nil:
		case len(op.Version) > len(best.Version) || len(op.Version) == len(best.Version) && op.Version > best.Version:
			newest[op.Code] = op
		}
	}
	return newest
}

// serviceOf names an operation as X-Road does.
func serviceOf(r Register, op *contract.Operation) soap.ServiceID {
	return soap.ServiceID{Provider: r.Provider, Code: op.Code, Version: op.Version}
}

// countryFirst says whether a person is named as X-Road wants it: two capital
// letters, and no third letter behind them.
func countryFirst(user string) bool {
	capital := func(c byte) bool { return c >= 'A' && c <= 'Z' }
	return len(user) > 2 && capital(user[0]) && capital(user[1]) && !capital(user[2]&^0x20)
}

// read checks the request and makes the call of it, or says everything that is
// wrong.
func (a *API) read(w http.ResponseWriter, r *http.Request, reg *served, op *contract.Operation) (xroad.Call, *web.Problem) {
	if op.Unsupported != nil {
		return xroad.Call{}, unusable(op.Unsupported)
	}
	user, issue, problem := who(r, reg, reg.RequireUser, reg.RequireIssue)
	if problem != nil {
		return xroad.Call{}, problem
	}
	body, problem := web.ReadJSON(w, r, a.o.MaxBody)
	if problem != nil {
		return xroad.Call{}, problem
	}
	wrapper, err := a.encode(reg, op, body)
	if violations, ok := errors.AsType[mapping.Violations](err); ok {
		return xroad.Call{}, &web.Problem{
			Type: web.TypeValidation, Status: http.StatusUnprocessableEntity, Detail: "Values in the body are wrong; errors names each.",
			Errors: fieldErrors(violations),
		}
	}
	return xroad.Call{
		Service: serviceOf(reg.Register, op), XML: wrapper, UserID: user, Issue: issue, SOAPAction: op.SOAPAction, Timeout: reg.Timeout,
	}, nil
}

// unusable tells that the contract has what the hub cannot do.
func unusable(why error) *web.Problem {
	return &web.Problem{
		Type: typeUnusable, Status: http.StatusNotImplemented, Detail: "The operation's contract cannot be used: " + why.Error() + ".",
	}
}

// userKey, issueKey and purposeKey are the headers as net/http keeps them.
var userKey, issueKey, purposeKey = http.CanonicalHeaderKey(headerUser), http.CanonicalHeaderKey(headerIssue), http.CanonicalHeaderKey(headerPurpose)

// first is the first value of a header, "" where there is none.
func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// who reads on whose behalf and for which case a call is made, and sees that it says
// what it is for where it has to.
func who(r *http.Request, reg *served, requireUser, requireIssue bool) (user, issue string, problem *web.Problem) {
	var faults []web.FieldError
	users, issues, purposes := r.Header[userKey], r.Header[issueKey], r.Header[purposeKey]
	user, issue = first(users), first(issues)
	for _, h := range [...]struct {
		name, value string
		times       int
		required    bool
		message     string
	}{
		{headerUser, user, len(users), requireUser, "The register wants to know who asks: the person's code with the country before it, such as EE38001085718."},
		{headerIssue, issue, len(issues), requireIssue, "The register wants to know why: the reference of the case."},
		{headerPurpose, first(purposes), len(purposes), reg.RequirePurpose, "Say in words what the data are asked for; it is recorded with the exchange."},
	} {
		switch {
		case h.times > 1:
			faults = append(faults, web.FieldError{Path: h.name, Code: "duplicate", Message: "The header is given more than once."})
		case h.value == "" && h.required:
			faults = append(faults, web.FieldError{Path: h.name, Code: "required", Message: h.message})
		case !mapping.Carries(h.value) || len(h.value) > 255:
			faults = append(faults, web.FieldError{Path: h.name, Code: "character", Message: "The header is longer than 255 bytes or holds characters that messages cannot carry."})
		}
	}
	// PR-MESS 2.2: who asks is named with the country first.
	if user != "" && len(faults) == 0 && !countryFirst(user) {
		faults = append(faults, web.FieldError{Path: headerUser, Code: "country", Message: "The code must begin with the two letters of its country, such as EE38001085718."})
	}
	if len(faults) > 0 {
		return "", "", &web.Problem{Type: typeHeader, Status: http.StatusBadRequest, Detail: "Headers are wrong; errors names each.", Errors: faults}
	}
	return user, issue, nil
}

func fieldErrors(violations mapping.Violations) []web.FieldError {
	out := make([]web.FieldError, 0, len(violations))
	for _, v := range violations {
		out = append(out, web.FieldError{Path: v.Path, Code: v.Code, Message: v.Message})
	}
	return out
}
