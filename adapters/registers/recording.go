package registers

import (
	"context"
	"errors"
	"net/http"

	"ristmik/adapters/registers/record"
	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// recording records one exchange; nil where nothing is recorded.
type recording struct {
	api                         *API
	register, operation, caller string
	purpose                     string
	id                          string // of the exchange, once it is recorded
}

func (a *API) recording(r *http.Request, reg *served, operation string) *recording {
	if a.o.Record == nil {
		return nil
	}
	return &recording{api: a, register: reg.Name, operation: operation, caller: web.Caller(r.Context()), purpose: first(r.Header[purposeKey])}
}

// before is what records an exchange before it leaves.
func (r *recording) before() func(xroad.Exchange) error {
	if r == nil {
		return nil
	}
	return func(x xroad.Exchange) error {
		err := r.api.o.Record.Sent(record.Sent{
			MessageID: x.MessageID, At: x.Started, Register: r.register, Operation: r.operation, Service: x.Service.String(),
			Caller: r.caller, UserID: x.UserID, Issue: x.Issue, Purpose: r.purpose, RequestHash: x.RequestHash,
		})
		if err == nil {
			r.id = x.MessageID
		}
		return err
	}
}

// answered records the end of an exchange whose answer the caller gets.
func (r *recording) answered(ctx context.Context, x xroad.Exchange) {
	r.end(ctx, record.Ended{Result: "answered", StatedHash: x.RequestHash, RequestID: x.RequestID})
}

// failed records why the caller gets no answer.
func (r *recording) failed(ctx context.Context, err error) {
	end := record.Ended{Result: string(soap.KindOf(err))}
	if f, ok := errors.AsType[*soap.Failure](err); ok {
		end.Code = f.Code
	}
	r.end(ctx, end)
}

// end records the end of what was recorded. Where that fails the caller gets the
// answer all the same: the exchange has been made, and the record says that it
// was begun.
func (r *recording) end(ctx context.Context, end record.Ended) {
	if r == nil || r.id == "" {
		return
	}
	end.MessageID, end.At = r.id, r.api.o.Now()
	if err := r.api.o.Record.Ended(end); err != nil {
		r.api.o.Log.ErrorContext(ctx, "the end of an exchange is not recorded", "message_id", r.id, "error", err.Error())
	}
}
