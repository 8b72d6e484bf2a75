package xroad

import (
	"errors"
	"net/http"
	"time"

	"ristmik/outbox"
	"ristmik/soap"
)

const (
	// soon is the pause before an attempt of which nothing was sent.
	soon = time.Second
	// ownPause is the pause while our own Security Server is in trouble: everything
	// waits for it, so nothing is gained by asking often.
	ownPause = 15 * time.Second
)

// results is what the outbox does about each kind.
var results = map[soap.Kind]outbox.Result{
	soap.KindRetryNow:      outbox.ResultRetry,
	soap.KindRetryLater:    outbox.ResultRetry,
	soap.KindPartnerDown:   outbox.ResultRetry,
	soap.KindOwnServer:     outbox.ResultWait,
	soap.KindWait:          outbox.ResultWait,
	soap.KindUnknownResult: outbox.ResultUnknown,
	soap.KindFixData:       outbox.ResultRefused,
	soap.KindFixRights:     outbox.ResultRefused,
	soap.KindBusiness:      outbox.ResultRefused,
	soap.KindTampered:      outbox.ResultRefused,
	soap.KindHashMismatch:  outbox.ResultRefused,
	soap.KindInternal:      outbox.ResultRefused,
}

// Outcome turns the error of a call into what the outbox records and does
// next. It is the only place where a kind of failure becomes an outcome.
//
// Nil is delivered. What passes by itself is tried again, and counts against
// the partner only where its kind says so; trouble of our own Security Server
// is waited out: it spends no attempts and counts against the gateway, which that
// server is, and the reason begins with own_server. What
// needs a person is refused. The reason is the kind and the code and never
// holds data of the message; Exchange is the message id of the attempt. An
// error without a *soap.Failure inside is unknown, since it does not say how
// far the attempt got.
func Outcome(err error) outbox.Outcome {
	if err == nil {
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}
	kind := soap.KindOf(err)
	out := outbox.Outcome{
		Result:        results[kind],
		Reason:        string(kind),
		CountsAgainst: kind.CountsAgainstPartner(), AgainstGateway: kind == soap.KindOwnServer,
	}
	var f *soap.Failure
	if errors.As(err, &f) {
		out.Exchange = f.MessageID
		if f.Code != "" {
			out.Reason += " " + f.Code
		}
	} else {
		// Something other than a call went wrong, such as the database, and
		// nobody can tell whether the call was made before.
		out.Result = outbox.ResultUnknown
	}
	if out.Result == "" {
		out.Result = outbox.ResultRefused
	}
	switch kind {
	case soap.KindRetryNow:
		out.After = soon
	case soap.KindOwnServer:
		out.After = ownPause
	}
	return out
}

// KindOfStatus says what a REST provider's own status, other than a success,
// means for the request: whose turn it is, and whether it may be repeated. It is
// for answers that came from the provider (no X-Road-Error; PR-REST 4.6).
func KindOfStatus(status int) soap.Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return soap.KindFixRights
	case status == http.StatusRequestTimeout, status == http.StatusTooManyRequests:
		return soap.KindRetryLater
	case status == http.StatusConflict:
		return soap.KindBusiness
	case status >= 400 && status < 500:
		return soap.KindFixData
	case status >= 500:
		return soap.KindPartnerDown
	}
	return soap.KindUnknownResult // neither a receipt nor a refusal
}
