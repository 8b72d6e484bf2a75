package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// exchangeJSON is what --json tells of the exchange.
type exchangeJSON struct {
	MessageID   string    `json:"message_id"`
	Client      string    `json:"client"`
	Service     string    `json:"service"`
	RequestHash string    `json:"request_hash,omitempty"`
	RequestID   string    `json:"request_id,omitempty"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
}

func exchangeOf(x xroad.Exchange) exchangeJSON {
	return exchangeJSON{
		MessageID: x.MessageID, Client: x.Client.String(), Service: x.Service.String(),
		RequestHash: x.RequestHash, RequestID: x.RequestID, Started: x.Started, Seconds: x.Finished.Sub(x.Started).Seconds(),
	}
}

// printJSON prints one value for people and programs alike.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// explained turns a failure into what a person wants to know of it: whose turn
// it is and what to do. A request that was wrong before it was sent is a wrong
// usage.
func explained(err error, told result) error {
	var f *soap.Failure
	if !errors.As(err, &f) {
		return err
	}
	told["failure"] = map[string]any{
		"kind": f.Kind, "code": f.Code, "raw_code": f.Raw, "message": f.Message, "detail": f.Detail,
		"message_id": f.MessageID, "turn": f.Turn(), "advice": f.Advice(),
	}
	said := "message"
	if f.Raw != "" {
		said = "they say"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", f.Kind, f.Code)
	for _, line := range [][2]string{
		{said, f.Message}, {"turn", string(f.Turn())}, {"advice", f.Advice()}, {"message id", f.MessageID}, {"detail", f.Detail}, {"cause", cause(f)},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "\n  %-11s %s", line[0], line[1])
		}
	}
	failed := errors.New(b.String())
	if f.Raw == "" && strings.HasPrefix(f.Code, "request.") {
		return usage(failed)
	}
	return failed
}

func cause(f *soap.Failure) string {
	if f.Err == nil || f.Err.Error() == f.Message {
		return ""
	}
	return f.Err.Error()
}
