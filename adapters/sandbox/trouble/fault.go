package trouble

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"ristmik/soap"
)

// Fault is one thing that is to go wrong; which fields a kind has is in its
// [Spec]. A call is hit when it matches service, client and protocol (empty:
// any), the clock has come to After from the arming on, and it is the Nth such
// call or one of the Times-1 that follow it; Times 0 is for ever.
type Fault struct {
	Kind     Kind
	Service  string
	Client   string
	Protocol string
	Nth      int
	Times    int
	After    time.Duration

	Code, Spelling, Message string
	At                      string
	Delay                   time.Duration
	Reset                   bool
	Field                   string
	Value                   *string // nil leaves the thing out
	What                    string
	Bytes                   int
	Status                  int

	service soap.ServiceID
	client  soap.ClientID
}

// Parameters are the fields of a fault as [ParseFault] reads them, with the
// values that were left out filled in.
func (f Fault) Parameters() map[string]any {
	v := map[string]any{"kind": f.Kind}
	spec, _ := specOf(f.Kind)
	for name, value := range map[string]any{
		"service": f.Service, "client": f.Client, "protocol": f.Protocol, "nth": f.Nth, "times": f.Times, "after": f.After.String(),
		"code": f.Code, "spelling": f.Spelling, "message": f.Message, "at": f.At, "delay": f.Delay.String(), "reset": f.Reset,
		"field": f.Field, "what": f.What, "bytes": f.Bytes, "status": f.Status,
	} {
		if spec.takes(name) && value != "" {
			v[name] = value
		}
	}
	if f.Value != nil {
		v["value"] = *f.Value
	}
	return v
}

// Wrong is one thing wrong with one field of a fault.
type Wrong struct{ Field, Message string }

// Wrongs is everything that is wrong with a fault. It is an error.
type Wrongs []Wrong

// Error names every field.
func (w Wrongs) Error() string {
	parts := make([]string, len(w))
	for i, one := range w {
		parts[i] = one.Field + " " + one.Message
	}
	return strings.Join(parts, "; ")
}

// reading is one fault being read.
type reading struct {
	raw    map[string]json.RawMessage
	wrongs Wrongs
}

func (r *reading) wrong(field, format string, args ...any) {
	r.wrongs = append(r.wrongs, Wrong{field, fmt.Sprintf(format, args...)})
}

// ParseFault reads a fault from JSON, strictly: no field that its kind does not
// have, none missing, every value one that makes sense. The error is Wrongs.
func ParseFault(data []byte) (Fault, error) {
	r := &reading{}
	if err := json.Unmarshal(data, &r.raw); err != nil || r.raw == nil {
		return Fault{}, Wrongs{{"", "is not a JSON object"}}
	}
	f := Fault{Nth: 1, Bytes: 1}
	var kind string
	r.text("kind", &kind)
	spec, ok := specOf(Kind(kind))
	if !ok {
		var names []string
		for _, s := range specs {
			names = append(names, string(s.Kind))
		}
		r.wrong("kind", "is one of %s", strings.Join(names, ", "))
		return f, r.wrongs
	}
	f.Kind, f.Times = spec.Kind, spec.Times
	for _, name := range slices.Sorted(maps.Keys(r.raw)) {
		if name != "kind" && !spec.takes(name) {
			r.wrong(name, "is nothing that %s takes", spec.Kind)
		}
	}
	for _, name := range spec.Needed {
		if _, there := r.raw[name]; !there {
			r.wrong(name, "is needed by %s", spec.Kind)
		}
	}
	r.filters(&f, spec)
	r.parameters(&f)
	if f.At == AtConnect && (f.Service != "" || f.Client != "" || f.Protocol != "") {
		r.wrong("at", "connect is before anything is known of the call: service, client and protocol have to stay away")
	}
	if len(r.wrongs) > 0 {
		return f, r.wrongs
	}
	return f, nil
}

// filters reads which calls are hit.
func (r *reading) filters(f *Fault, spec Spec) {
	if r.text("service", &f.Service) {
		if id, err := soap.ParseServiceID(f.Service); err != nil {
			r.wrong("service", "is an identifier, for example EE/GOV/70000349/tor/TORIK/v2")
		} else {
			f.service = id
		}
	}
	if r.text("client", &f.Client) {
		if id, err := soap.ParseClientID(f.Client); err != nil {
			r.wrong("client", "is an identifier, for example EE/GOV/70008747/ristmik")
		} else {
			f.client = id
		}
	}
	if r.choice("protocol", &f.Protocol, SOAP, REST); spec.Protocol != "" {
		if f.Protocol != "" && f.Protocol != spec.Protocol {
			r.wrong("protocol", "is %s for %s", spec.Protocol, spec.Kind)
		}
		f.Protocol = spec.Protocol
	}
	r.number("nth", &f.Nth, 1, 1<<30)
	r.number("times", &f.Times, 0, 1<<30)
	r.duration("after", &f.After)
}

// parameters reads what is to happen.
func (r *reading) parameters(f *Fault) {
	if r.text("code", &f.Code) && !goodCode(f.Code) {
		r.wrong("code", "is letters, digits and . _ : - only, 200 at most, for example server.serverproxy.access_denied")
	}
	r.choice("spelling", &f.Spelling, "7.7", "7.8")
	r.text("message", &f.Message)
	switch f.Kind {
	case Error:
		f.At = AtProvider
		r.choice("at", &f.At, AtProvider, AtAnswer)
	default:
		r.choice("at", &f.At, AtConnect, AtProvider, AtAnswer, AtBody)
	}
	r.duration("delay", &f.Delay)
	r.decode("reset", &f.Reset, "is true or false")
	r.choice("field", &f.Field, slices.Sorted(maps.Keys(headerFields))...)
	if names := headerFields[f.Field]; f.Field != "" {
		switch {
		case names.soap == "" && f.Protocol == SOAP, names.rest == "" && f.Protocol == REST:
			r.wrong("field", "%s is nothing that %s answers have", f.Field, f.Protocol)
		case names.soap == "":
			f.Protocol = REST
		case names.rest == "":
			f.Protocol = SOAP
		}
	}
	var value string
	if r.text("value", &value) {
		f.Value = &value
		if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
			r.wrong("value", "has a control character")
		}
	}
	if f.Kind == Reorder {
		r.choice("what", &f.What, Answers, Requests)
	} else {
		r.choice("what", &f.What, GlobalConfiguration, Certificate)
	}
	r.number("bytes", &f.Bytes, 1, 1<<30)
	if r.number("status", &f.Status, 400, 599); f.Status != 0 && http.StatusText(f.Status) == "" {
		r.wrong("status", "is an HTTP status, for example 400, 431 or 502")
	}
}

// What is reordered, and what expires.
const (
	Answers             = "answers"
	Requests            = "requests"
	GlobalConfiguration = "global_configuration"
	Certificate         = "certificate"
)

func goodCode(code string) bool {
	return code != "" && len(code) <= 200 && !strings.ContainsFunc(code, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._:-", c)
	})
}

// decode reads a field that is there; false means that it is not, or is wrong.
func (r *reading) decode(name string, to any, message string) bool {
	raw, there := r.raw[name]
	if !there {
		return false
	}
	if bytes.Equal(raw, []byte("null")) || json.Unmarshal(raw, to) != nil {
		r.wrong(name, "%s", message)
		return false
	}
	return true
}

func (r *reading) text(name string, to *string) bool { return r.decode(name, to, "is a text") }

func (r *reading) choice(name string, to *string, allowed ...string) {
	var v string
	if !r.text(name, &v) {
		return
	}
	if !slices.Contains(allowed, v) {
		r.wrong(name, "is one of %s", strings.Join(allowed, ", "))
		return
	}
	*to = v
}

func (r *reading) number(name string, to *int, least, most int) {
	message := fmt.Sprintf("is a number from %d to %d", least, most)
	var v int
	if !r.decode(name, &v, message) {
		return
	}
	if v < least || v > most {
		r.wrong(name, "%s", message)
		return
	}
	*to = v
}

func (r *reading) duration(name string, to *time.Duration) {
	const message = "is a duration, for example 250ms, 5s or 2h"
	var v string
	if !r.decode(name, &v, message) {
		return
	}
	d, err := time.ParseDuration(v)
	if err != nil || d < 0 {
		r.wrong(name, "%s", message)
		return
	}
	*to = d
}
