package mapping

import (
	"sync"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// Decode reads the XML element x as the element el of a contract and returns its
// JSON form. Numbers are json.Number, arrays are []any, and an array that may be
// there is there, also when it is empty.
//
// Decoding is strict: an element or attribute that the schema does not have, a
// wrong order, a wrong namespace and a value outside its type are violations.
// The error is then a [Violations] with every violation at once. What was
// received is read by [DecodeMessage], which needs no tree.
func Decode(el *contract.Element, x *etree.Element) (map[string]any, error) {
	value, _, err := decodeTree(el, x, false)
	return value, err
}

// DecodeTolerant reads as Decode does, but takes elements and attributes that
// the contract does not have: registers add fields to their answers before their
// descriptions. Such elements are kept as XML under the key "#unknown" of the
// object that they stand in, attributes under their own key, and each is named
// in strangers. Everything else is as strict as ever.
func DecodeTolerant(el *contract.Element, x *etree.Element) (value map[string]any, strangers Violations, err error) {
	return decodeTree(el, x, true)
}

// DecodeMessage reads the wrapper of a message as Decode does, from its bytes:
// there is no tree, however large the message is.
func DecodeMessage(el *contract.Element, m *soap.Message) (map[string]any, error) {
	value, _, err := decodeValue(el, wrapperOf(m), false)
	return value, err
}

// DecodeMessageTolerant is DecodeMessage with the tolerance of DecodeTolerant.
func DecodeMessageTolerant(el *contract.Element, m *soap.Message) (value map[string]any, strangers Violations, err error) {
	return decodeValue(el, wrapperOf(m), true)
}

// Reading says how a message is read as text.
type Reading struct {
	// Tolerant is the tolerance of DecodeTolerant.
	Tolerant bool
	// Places are fields whose texts are wanted beside; nil for none.
	Places *Places
}

// AppendJSON reads as DecodeMessage does and appends the value as JSON text, for
// which no value is made. Keys stand in the order of the schema. What out holds is
// not looked at, but for its last byte, behind which a value must be able to
// stand. The text is nil beside an error.
func AppendJSON(out []byte, el *contract.Element, m *soap.Message, o Reading) (text []byte, noted Noted, strangers Violations, err error) {
	w := jsonWriter{out}
	noted, strangers, err = read(el, wrapperOf(m), &w, o)
	if err != nil {
		return nil, Noted{}, strangers, err
	}
	return w.out, noted, strangers, nil
}

// read gives the element to out and notes what is wanted of it.
func read(el *contract.Element, walk *soap.Tokens, out sink, o Reading) (noted Noted, strangers Violations, err error) {
	if o.Places == nil {
		strangers, err = decode(el, walk, out, o.Tolerant)
		return Noted{}, strangers, err
	}
	n := newNoting(out, walk, o.Places)
	strangers, err = decode(el, walk, n, o.Tolerant)
	return n.noted, strangers, err
}

// ownedText is the size of a message in bytes up to which values share a copy of
// it. Those of a larger one are copied each by itself, so that one that is kept
// does not keep all.
const ownedText = 64 << 10

// wrapperOf walks the wrapper of a message; a Fault has none.
func wrapperOf(m *soap.Message) *soap.Tokens {
	if m.Fault != nil {
		return new(soap.Outline).WrapperTokens()
	}
	return m.Outline.WrapperTokens()
}

func decodeTree(el *contract.Element, x *etree.Element, tolerant bool) (map[string]any, Violations, error) {
	if x == nil {
		return decodeValue(el, new(soap.Outline).WrapperTokens(), tolerant)
	}
	o, err := soap.Scan(soap.MarkupOf(x), ours)
	if err != nil {
		return nil, nil, Violations{{Code: CodeFormat, Message: "must be well-formed XML"}}
	}
	return decodeValue(el, o.Tokens(), tolerant)
}

// mostMade is how many values have room that is worth being kept.
const mostMade = 4 << 10

func decodeValue(el *contract.Element, walk *soap.Tokens, tolerant bool) (map[string]any, Violations, error) {
	if walk.Size() <= ownedText {
		walk.Own()
	}
	out := valueSinks.Get().(*values)
	out.walk = walk
	strangers, err := decode(el, walk, out, tolerant)
	value, _ := out.root.(map[string]any)
	if cap(out.made) <= mostMade {
		clear(out.made[:cap(out.made)])
		*out = values{made: out.made[:0], begun: out.begun[:0]}
		valueSinks.Put(out)
	}
	if err != nil {
		return nil, strangers, err
	}
	return value, strangers, nil
}

var (
	valueSinks = sync.Pool{New: func() any { return &values{made: make([]pair, 0, 64), begun: make([]int, 0, 16)} }}
	decoders   = sync.Pool{New: func() any { return &decoder{} }}
)

// decode reads the element that the walk begins with and closes the walk.
func decode(el *contract.Element, walk *soap.Tokens, out sink, tolerant bool) (Violations, error) {
	d := decoders.Get().(*decoder)
	d.walk, d.out, d.tolerant = walk, out, tolerant
	err := d.root(el)
	strangers := d.strangers
	walk.Close()
	d.forget()
	*d = decoder{report: d.report, taken: d.taken[:0]}
	decoders.Put(d)
	return strangers, err
}
