package registers

import (
	"errors"
	"io"
	"net/http"
	"sync"

	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// result is the answer of a SOAP register to a call, as JSON text.
type result struct {
	// text is the data in the form that the contract gives it, or the table of the
	// operation, behind dataHead; in room, where that is to be kept.
	text []byte
	room *[]byte
	// large is the data instead, where they are too large to be held as text.
	large io.WriterTo
	// unknown are the places of fields that the contract does not have.
	unknown  []string
	exchange exchange
}

// dataHead is what stands before the data.
const dataHead = `{"data":`

// texts is room for answers, kept for the next ones.
var texts = sync.Pool{New: func() any { return new([]byte) }}

// mostText is how much of it is worth being kept, in bytes.
const mostText = 64 << 10

// result reads an answer. The error is a *soap.Failure: the register refused, or
// the answer does not keep to the contract.
func (a *API) result(s *served, op *contract.Operation, answer *xroad.Answer) (*result, error) {
	id := answer.Exchange.MessageID
	// A refusal need not keep to the contract to be understood.
	if f, refused := soap.ReadBusinessFault(answer.Message); refused {
		return nil, refusedBy(id, f.Code, f.String)
	}
	res := &result{exchange: exchangeOf(answer.Exchange)}
	t := s.tables[op]
	if t != nil && !t.HasAnswer() {
		t = nil
	}
	var in look
	var value map[string]any
	var listed *table.Large
	var err error
	switch {
	case t == nil:
		in, err = s.read(op, answer.Message, res)
	case t.Streams() && wrapperSize(answer.Message) > largeList:
		if listed, err = a.listed(s, t, answer.Message, res); err == nil {
			in = lookIn(listed.Answer())
		}
	default:
		if value, err = s.values(op, answer.Message, res); err == nil {
			in = lookIn(value)
		}
	}
	if err != nil {
		return nil, &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", MessageID: id, Err: err, Message: "the answer does not keep to the contract",
		}
	}
	res.exchange.asOf(s.momentIn(in))
	if code, text, refused := s.refusal(in); refused {
		return nil, refusedBy(id, code, text)
	}
	switch {
	case listed != nil && listed.Err() != nil:
		return nil, untold(id, listed.Err())
	case listed != nil:
		res.large = listed
	case t != nil:
		res.text, err = a.told(t, value, id)
	}
	return res, err
}

// listed reads an answer for a table that maps it item by item.
func (a *API) listed(s *served, t *table.Table, m *soap.Message, res *result) (*table.Large, error) {
	l, strangers, err := t.ReadLarge(m, s.Tolerant, a.o.Now())
	res.stranger(strangers)
	return l, err
}

// read makes the text of an answer, without its values, and says what is at the
// places.
func (s *served) read(op *contract.Operation, m *soap.Message, res *result) (look, error) {
	var noted mapping.Noted
	var strangers mapping.Violations
	var err error
	o := mapping.Reading{Tolerant: s.Tolerant, Places: s.places}
	if wrapperSize(m) > largeAnswer {
		res.large, noted, strangers, err = mapping.ReadLarge(op.Output, m, o)
	} else {
		res.room = texts.Get().(*[]byte)
		res.text, noted, strangers, err = mapping.AppendJSON(append((*res.room)[:0], dataHead...), op.Output, m, o)
	}
	res.stranger(strangers)
	return noted.At, err
}

// values reads an answer for a table.
func (s *served) values(op *contract.Operation, m *soap.Message, res *result) (map[string]any, error) {
	if !s.Tolerant {
		return mapping.DecodeMessage(op.Output, m)
	}
	value, strangers, err := mapping.DecodeMessageTolerant(op.Output, m)
	res.stranger(strangers)
	return value, err
}

func (r *result) stranger(strangers mapping.Violations) {
	for _, one := range strangers {
		r.unknown = append(r.unknown, one.Path)
	}
}

// refusedBy is the failure of a call that the register understood and refused.
func refusedBy(messageID, code, text string) *soap.Failure {
	return &soap.Failure{
		Kind: soap.KindBusiness, Code: "answer.refused", Raw: code, Message: text, MessageID: messageID,
		Err: errors.New("the register refused"),
	}
}

// largeAnswer is the size in bytes above which an answer is not held as text
// beside the message, but passed on piece by piece; largeList that above which one
// is mapped item by item, which takes twice the time.
const (
	largeAnswer = 64 << 10
	largeList   = 1 << 20
)

func wrapperSize(m *soap.Message) int { return m.Outline.Wrapper.End - m.Outline.Wrapper.Start }

// write answers the core.
func (r *result) write(w http.ResponseWriter) {
	if r.large == nil {
		r.text = appendRest(r.text, r.unknown, &r.exchange)
		web.WriteText(w, http.StatusOK, r.text)
		r.release()
		return
	}
	// What stands behind the data is small; it is made first, so that nothing is
	// begun that cannot be ended.
	rest := appendRest(nil, r.unknown, &r.exchange)
	web.StreamJSON(w, http.StatusOK, func(w io.Writer) error {
		if _, err := io.WriteString(w, dataHead); err != nil {
			return err
		}
		if _, err := r.large.WriteTo(w); err != nil {
			return err
		}
		_, err := w.Write(rest)
		return err
	})
}

// release keeps the room for the next answer.
func (r *result) release() {
	if r.room != nil && cap(r.text) <= mostText {
		*r.room = r.text
		texts.Put(r.room)
	}
	r.text, r.room = nil, nil
}

// appendRest appends what stands behind the data of an answer, with its end.
func appendRest(out []byte, unknown []string, x *exchange) []byte {
	for i, place := range unknown {
		if i == 0 {
			out = append(out, `,"unknown":[`...)
		} else {
			out = append(out, ',')
		}
		out = mapping.AppendString(out, place)
	}
	if len(unknown) > 0 {
		out = append(out, ']')
	}
	out = append(out, `,"exchange":`...)
	return append(x.appendJSON(out), '}', '\n')
}
