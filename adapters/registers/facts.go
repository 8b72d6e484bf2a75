package registers

import (
	"net/http"
	"strconv"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
)

// exchange says which exchange it was, by which the signed evidence is found,
// and what is known of the data beside the data.
type exchange struct {
	Service   string
	MessageID string
	// RequestHash is what the provider's Security Server says that it received.
	RequestHash string
	// AnsweredAt is when the answer came.
	AnsweredAt time.Time
	// DataAsOf is the moment that the data are of: what the answer says itself,
	// else when it came, for the hub keeps no answers. DataAge is the time from
	// then to the answer, in whole seconds.
	DataAsOf time.Time
	DataAge  int64
	// TookMS is how long the register took, in milliseconds.
	TookMS int64
}

func exchangeOf(x xroad.Exchange) exchange {
	finished := x.Finished.UTC()
	return exchange{
		Service: x.Service.String(), MessageID: x.MessageID, RequestHash: x.RequestHash,
		AnsweredAt: finished, DataAsOf: finished, TookMS: x.Finished.Sub(x.Started).Milliseconds(),
	}
}

// MarshalJSON implements json.Marshaler.
func (e exchange) MarshalJSON() ([]byte, error) { return e.appendJSON(nil), nil }

// appendJSON appends it as an object.
func (e *exchange) appendJSON(out []byte) []byte {
	out = mapping.AppendString(append(out, `{"service":`...), e.Service)
	out = mapping.AppendString(append(out, `,"message_id":`...), e.MessageID)
	out = mapping.AppendString(append(out, `,"request_hash":`...), e.RequestHash)
	out = append(out, `,"answered_at":"`...)
	from := len(out)
	out = e.AnsweredAt.AppendFormat(out, time.RFC3339Nano)
	to := len(out)
	out = append(out, `","data_as_of":"`...)
	if e.DataAsOf.Equal(e.AnsweredAt) {
		out = append(out, out[from:to]...)
	} else {
		out = e.DataAsOf.AppendFormat(out, time.RFC3339Nano)
	}
	out = strconv.AppendInt(append(out, `","data_age_s":`...), e.DataAge, 10)
	out = strconv.AppendInt(append(out, `,"took_ms":`...), e.TookMS, 10)
	return append(out, '}')
}

// asOf notes what the answer says of the age of its data. A moment after the
// answer is a clock that is wrong, and counts as the answer's own.
func (e *exchange) asOf(t time.Time) {
	if t.IsZero() || !t.Before(e.AnsweredAt) {
		return
	}
	e.DataAsOf, e.DataAge = t.UTC(), int64(e.AnsweredAt.Sub(t)/time.Second)
}

// The headers of an answer that say the same as exchange, for those who look at
// no bodies: caches, proxies, browsers.
const (
	headerID     = "X-Road-Id"
	headerHash   = "X-Road-Request-Hash"
	headerAge    = "Age"           // seconds (RFC 9111, 5.1)
	headerTiming = "Server-Timing" // register;dur=MILLISECONDS (W3C Server Timing)
)

// headers writes them. Their names are in the canonical form, so that nothing
// is to be done to them.
func (e *exchange) headers(h http.Header) {
	values := [...]string{e.MessageID, strconv.FormatInt(e.DataAge, 10), "register;dur=" + strconv.FormatInt(e.TookMS, 10), e.RequestHash}
	h[headerID], h[headerAge], h[headerTiming] = values[0:1:1], values[1:2:2], values[2:3:3]
	if e.RequestHash != "" {
		h[headerHash] = values[3:4:4]
	}
}

// headerFacts describes them.
func headerFacts() map[string]any {
	header := func(kind, description string) map[string]any {
		return map[string]any{"description": description, "schema": map[string]any{"type": kind}}
	}
	return map[string]any{
		headerID:     header("string", "The X-Road message id of the exchange."),
		headerHash:   header("string", "The hash of the request as the provider's Security Server received it."),
		headerAge:    header("integer", "How old the data are, in seconds: 0 unless the answer says that they are older, for the hub keeps no answers."),
		headerTiming: header("string", "How long the register took: register;dur=MILLISECONDS."),
	}
}

// momentForms are how answers write moments. Registers that name no zone mean
// their own.
var momentForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", "2006-01-02Z07:00", time.DateOnly, "02.01.2006 15:04:05", "02.01.2006"}

// momentIn reads the moment that an answer gives at the pointer of the
// configuration; zero when there is none. A date is its beginning.
func (s *served) momentIn(in look) time.Time {
	text := in.words(s.AsOf)
	if text == "" {
		return time.Time{}
	}
	for _, form := range momentForms {
		if t, err := time.ParseInLocation(form, text, s.zone); err == nil {
			return t
		}
	}
	return time.Time{}
}

// restMoment is momentIn for answers over HTTP, which may say how old they are
// in Age or Last-Modified (RFC 9111, RFC 9110).
func (s *served) restMoment(in look, h http.Header, answered time.Time) time.Time {
	if t := s.momentIn(in); !t.IsZero() {
		return t
	}
	if age, err := strconv.ParseUint(h.Get(headerAge), 10, 31); err == nil {
		return answered.Add(-time.Duration(age) * time.Second)
	}
	t, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return time.Time{}
	}
	return t
}
