package core

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"ristmik/adapters/postgres"
	"ristmik/adapters/web"
)

// Problem types of this listener beside those of package web.
const (
	typeMethod      = "/problems/method-not-allowed" // 405
	typeParameter   = "/problems/parameter"          // 400: a query parameter or a header is wrong
	typeIdempotency = "/problems/idempotency-key"    // 422: the key was used for another body
	typeForbidden   = "/problems/forbidden"          // 403: the token may not read these events
)

// problemError carries a problem through code that returns errors.
type problemError struct{ web.Problem }

func (p *problemError) Error() string { return p.Title + ": " + p.Detail }

func invalid(found []web.FieldError) *problemError {
	return &problemError{web.Problem{
		Type: web.TypeValidation, Status: http.StatusUnprocessableEntity,
		Detail: "Values in the body are wrong; errors names each.", Errors: found,
	}}
}

func badParameter(path, code, message string) *problemError {
	return &problemError{web.Problem{
		Type: typeParameter, Status: http.StatusBadRequest, Detail: "A parameter of the request is wrong.",
		Errors: []web.FieldError{{Path: path, Code: code, Message: message}},
	}}
}

// fail answers with the problem inside err; anything else is our own fault,
// which is logged here under the id that the caller gets.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if p, ok := errors.AsType[*problemError](err); ok {
		web.WriteProblem(w, p.Problem)
		return
	}
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // the caller has gone; nobody is there to answer
	}
	id := a.o.NewID()
	p := web.Problem{Type: web.TypeInternal, Status: http.StatusInternalServerError, Instance: id, Detail: "The hub could not do it; its log says why."}
	if databaseAway(err) {
		p.Type, p.Status, p.Detail = web.TypeUnavailable, http.StatusServiceUnavailable, "The database cannot be reached; try again."
		w.Header().Set("Retry-After", "5")
	}
	a.o.Log.ErrorContext(r.Context(), "request not handled", "route", r.Pattern, "problem", id, "error", postgres.WithoutValues(err))
	web.WriteProblem(w, p)
}

// databaseAway tells whether err says that the database could not be asked, or
// went away while it was: the request may be made again.
func databaseAway(err error) bool {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		// Connection exceptions, too many connections, and a server that is
		// stopping or starting (PostgreSQL, appendix A).
		return strings.HasPrefix(e.Code, "08") || e.Code == "53300" || strings.HasPrefix(e.Code, "57P0")
	}
	_, unconnected := errors.AsType[*pgconn.ConnectError](err)
	_, network := errors.AsType[*net.OpError](err)
	return unconnected || network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded)
}
