package authority

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"unicode/utf8"

	"ristmik/adapters/consultation"
	"ristmik/adapters/postgres"
	"ristmik/soap"
)

// Codes of faults that are this provider's own; those of a message that is not
// as X-Road wants it come from package soap.
const (
	codeInternal          = "server.internal_error"
	codeNotSecurityServer = "client.not_security_server"
	codeAccessDenied      = "client.access_denied"
	codeInvalidRequest    = "client.invalid_request"
)

// Results of an [Observation] beside those of a receipt.
const (
	resultRefused = "refused"
	resultFailed  = "failed"
)

// maxFaultString bounds the text of a Fault, in bytes: it may name many fields.
const maxFaultString = 4096

// refusal is a message that is not taken, in words that may go to the caller
// and, but for Message, into the log.
type refusal struct {
	Code    string
	Message string
	Fields  int // how many fields offend; 0 when it is not about fields

	// Of a refusal by the procedure only.
	Kind       consultation.RefusalKind
	Violations []consultation.Violation
	Hidden     bool // it is about a question of which nobody else may know
}

func (r *refusal) Error() string { return r.Code + ": " + r.Message }

func refuse(code, message string) *refusal { return &refusal{Code: code, Message: message} }

// technical tells whether err is about the message as such, so that a Fault may
// tell the caller.
func technical(err error) (*refusal, bool) {
	return errors.AsType[*refusal](err)
}

// malformed is what the reader of messages says about one that is not as X-Road
// wants it.
func malformed(err error) error {
	f, ok := errors.AsType[*soap.Failure](err)
	switch {
	case !ok:
		return fmt.Errorf("reading a message: %w", err)
	case f.Raw != "":
		// The code and the text are the caller's own and could be anything.
		return refuse("client.invalid_body", "a Fault is not a request")
	}
	return refuse(f.Code, f.Message)
}

// logRefused writes the one line about a message that was not taken. It has
// codes and identifiers of systems, never content, and never the message of the
// refusal, which may name an element that the caller made up.
func (p *Provider) logRefused(ctx context.Context, door string, r *refusal, msg *soap.Message, correlation string) {
	attrs := []slog.Attr{slog.String("door", door), slog.String("code", r.Code), slog.String("correlation_id", correlation)}
	if r.Fields > 0 {
		attrs = append(attrs, slog.Int("fields", r.Fields))
	}
	if msg != nil && !r.Hidden {
		attrs = append(attrs, slog.String("client", msg.Header.Client.String()), slog.String("message_id", msg.Header.ID))
	}
	p.o.Log.LogAttrs(ctx, slog.LevelWarn, "message refused", attrs...)
}

func (p *Provider) logFailed(ctx context.Context, door string, err error, correlation string) {
	p.o.Log.LogAttrs(ctx, slog.LevelError, "message not handled",
		slog.String("door", door), slog.String("correlation_id", correlation), slog.String("error", postgres.WithoutValues(err)))
}

// short cuts a text that may have grown with the message, between characters.
func short(s string) string {
	if len(s) <= maxFaultString {
		return s
	}
	cut := maxFaultString
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + " …"
}

// goodMessageID accepts the ids that are kept: up to 255 visible ASCII
// characters. X-Road itself takes any text (PR-MESS 2.2); one that fits no log
// and no file name is of no use as evidence.
func goodMessageID(id string) bool {
	if id == "" || len(id) > 255 {
		return false
	}
	for i := range len(id) {
		if id[i] < '!' || id[i] > '~' {
			return false
		}
	}
	return true
}
