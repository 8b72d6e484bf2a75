package xroad

import (
	"errors"
	"time"

	"ristmik/outbox"
	"ristmik/soap"
)

// soon is the pause before an attempt of which nothing was sent.
const soon = time.Second

// results is what the outbox does about each kind.
var results = map[soap.Kind]outbox.Result{
	soap.KindRetryNow:      outbox.ResultRetry,
	soap.KindRetryLater:    outbox.ResultRetry,
	soap.KindPartnerDown:   outbox.ResultRetry,
	soap.KindOwnServer:     outbox.ResultRetry,
	soap.KindWait:          outbox.ResultWait,
	soap.KindUnknownResult: outbox.ResultUnknown,
	soap.KindFixData:       outbox.ResultRefused,
	soap.KindFixRights:     outbox.ResultRefused,
	soap.KindBusiness:      outbox.ResultRefused,
	soap.KindTampered:      outbox.ResultRefused,
	soap.KindInternal:      outbox.ResultRefused,
}

// Outcome turns the error of a call into what the outbox records and does
// next. It is the only place where a kind of failure becomes an outcome.
//
// Nil is delivered. What passes by itself is tried again, and counts against
// the partner only where its kind says so; trouble of our own Security Server
// is tried again without counting, and the reason begins with own_server. What
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
		CountsAgainst: kind.CountsAgainstPartner(),
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
	if kind == soap.KindRetryNow {
		out.After = soon
	}
	return out
}
