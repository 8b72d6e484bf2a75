package soap

import (
	"errors"
	"strings"
)

// Kind is what went wrong, seen from what has to happen next. The set is
// closed: every failure has exactly one of these kinds, and everything that
// follows a failure (retry, breaker, HTTP status, advice) is decided by it.
type Kind string

// The kinds.
const (
	// KindRetryNow: nothing left our house and nothing is wrong; try again.
	KindRetryNow Kind = "retry_now"
	// KindRetryLater: the partner's side had a failure that may pass.
	KindRetryLater Kind = "retry_later"
	// KindWait: a planned stop (service disabled, server in maintenance).
	KindWait Kind = "wait"
	// KindFixData: our message is at fault; the same message fails again.
	KindFixData Kind = "fix_data"
	// KindFixRights: an agreement, right, name or version is missing.
	KindFixRights Kind = "fix_rights"
	// KindPartnerDown: the partner could not be reached.
	KindPartnerDown Kind = "partner_down"
	// KindOwnServer: our own Security Server, or the way to it, is in trouble.
	KindOwnServer Kind = "own_server"
	// KindUnknownResult: the request went out and the partner may have acted.
	KindUnknownResult Kind = "unknown_result"
	// KindTampered: the answer is not the answer to our request.
	KindTampered Kind = "tampered"
	// KindHashMismatch: the answer states the hash of other bytes than we sent
	// (PR-MESS 2.2), so somebody changed the request on its way. It is an alarm.
	KindHashMismatch Kind = "hash_mismatch"
	// KindBusiness: the service worked and its answer is no.
	KindBusiness Kind = "business"
	// KindInternal: a defect of this program.
	KindInternal Kind = "internal"
)

// Kinds returns every kind, in the order above.
func Kinds() []Kind {
	return []Kind{KindRetryNow, KindRetryLater, KindWait, KindFixData, KindFixRights, KindPartnerDown,
		KindOwnServer, KindUnknownResult, KindTampered, KindHashMismatch, KindBusiness, KindInternal}
}

// Turn says who has to act on a failure.
type Turn string

// The turns.
const (
	TurnOurs   Turn = "ours"
	TurnTheirs Turn = "theirs"
	TurnNobody Turn = "nobody"
)

// kinds is what each kind means to a program and to a person.
var kinds = map[Kind]struct {
	turn   Turn
	counts bool
	advice string
}{
	KindRetryNow:      {TurnNobody, false, "Nothing was sent; the hub tries again by itself."},
	KindRetryLater:    {TurnTheirs, true, "The partner's side had a failure; the hub tries again later and the partner should look if it lasts."},
	KindWait:          {TurnNobody, true, "The partner has announced a stop; the hub waits for its end."},
	KindFixData:       {TurnOurs, false, "The message cannot be understood as it is; correct the data or the contract and send it again."},
	KindFixRights:     {TurnTheirs, false, "Ask the partner to grant the access right, or correct the name or version of the service in the configuration."},
	KindPartnerDown:   {TurnTheirs, true, "The partner cannot be reached; the hub tries again and the partner should look if it lasts."},
	KindOwnServer:     {TurnOurs, false, "Our own Security Server or the way to it is in trouble; call its administrator."},
	KindUnknownResult: {TurnOurs, true, "The partner may have acted; find out before the request is repeated by hand."},
	KindTampered:      {TurnTheirs, false, "The answer does not belong to the request and was not used; show the partner both message ids."},
	KindHashMismatch:  {TurnOurs, false, "The request that was answered is not the one we sent; treat it as a security incident and keep the logs of both Security Servers."},
	KindBusiness:      {TurnOurs, false, "The partner's service worked and refused; read its reason."},
	KindInternal:      {TurnOurs, false, "The hub has a defect; report it with the message id."},
}

// Turn returns who has to act. An unknown kind counts as KindInternal.
func (k Kind) Turn() Turn { return k.known().turn }

// Advice returns one sentence for the person who sees the failure.
func (k Kind) Advice() string { return k.known().advice }

// CountsAgainstPartner tells whether a circuit breaker in front of the partner
// counts the failure. Defects of our own request, rights and our own Security
// Server say nothing about the partner's health and do not count.
func (k Kind) CountsAgainstPartner() bool { return k.known().counts }

func (k Kind) known() struct {
	turn   Turn
	counts bool
	advice string
} {
	if d, ok := kinds[k]; ok {
		return d
	}
	return kinds[KindInternal]
}

// Failure is a failure with its kind. It is an error.
type Failure struct {
	Kind Kind
	// Code is the normalised code in the spelling of X-Road 7.8, such as
	// "server.serverproxy.access_denied". It never carries data of a message,
	// so it may be a metric label. See Normalize.
	Code string
	// Raw is the code as it came over the wire; empty when we made the code.
	Raw string
	// Message is the text that came with it. When Raw is set it was written by
	// somebody else and may hold personal data: keep it out of logs.
	Message string
	// Detail is the correlation id of the Security Server (faultDetail).
	Detail string
	// MessageID is the X-Road message id of the exchange.
	MessageID string
	// Err is the cause, when there is one.
	Err error
}

// Error returns kind, code and our own words; a text that came from elsewhere
// is left out because it may hold personal data.
func (f *Failure) Error() string {
	var b strings.Builder
	b.WriteString(string(f.Kind))
	if f.Code != "" {
		b.WriteString(" " + f.Code)
	}
	if f.Raw == "" && f.Message != "" {
		b.WriteString(": " + f.Message)
	}
	if f.Err != nil && f.Err.Error() != f.Message {
		b.WriteString(": " + f.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// KindOf returns the kind of the *Failure inside err, KindInternal when there
// is none, and the empty kind for a nil error.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	var f *Failure
	if errors.As(err, &f) {
		return f.Kind
	}
	return KindInternal
}
