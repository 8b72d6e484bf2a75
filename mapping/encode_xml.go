package mapping

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// Encode writes the value as the XML element el of a contract, usually the
// wrapper of a request or answer. The element declares all prefixes that it
// uses, so it can be put into any envelope. [EncodeXML] writes the same without
// a tree, for a tenth of the time.
//
// Accepted are string, bool, nil, map[string]any, slices ([]any,
// []map[string]any, []string) and for numbers json.Number, the integer types,
// text, and float64 where it stands for one number only. The value is not
// changed. When it does not fit, the error is a [Violations] with every
// violation at once.
func Encode(el *contract.Element, value map[string]any) (*etree.Element, error) {
	text, err := EncodeXML(el, value)
	if err != nil {
		return nil, err
	}
	doc, err := soap.ReadTree(text, ours)
	if err != nil {
		return nil, fmt.Errorf("reading what was written: %w", err)
	}
	root := doc.Root()
	doc.RemoveChild(root)
	return root, nil
}

// ours are the limits of what was not received.
var ours = soap.Limits{
	Bytes: math.MaxInt, Depth: math.MaxInt, Elements: math.MaxInt / 2, Attributes: math.MaxInt,
	Namespaces: math.MaxInt, Name: math.MaxInt - 1, AttributeValue: math.MaxInt - 1,
}

// EncodeXML is [Encode] as text: one element in UTF-8, without an XML
// declaration.
func EncodeXML(el *contract.Element, value map[string]any) ([]byte, error) {
	return encode(el, source{value: value})
}

// EncodeJSON is [EncodeXML] for a value that is still JSON text. A text that is
// no JSON object is a violation at the path "", and so is a key that stands
// twice in one object, at its path.
func EncodeJSON(el *contract.Element, text []byte) ([]byte, error) {
	t := jsonTexts.Get().(*jsonText)
	defer t.release()
	if !t.parse(string(text)) || t.nodes[0].kind != kindObject {
		return nil, Violations{{Code: CodeType, Message: "must be an object"}}
	}
	return encode(el, source{text: t})
}

func encode(el *contract.Element, value source) ([]byte, error) {
	e := encoders.Get().(*encoder)
	defer e.release()
	if value.text != nil {
		e.buf = slices.Grow(e.buf, len(value.text.src)*3/2)
	}
	if err := e.root(el, value); err != nil {
		return nil, err
	}
	return e.finished(), nil
}

// mostKept is the size in bytes of a buffer that is worth being kept for the next
// message.
const mostKept = 256 << 10

var encoders = sync.Pool{New: func() any { return &encoder{buf: make([]byte, 0, 4<<10)} }}

func (e *encoder) release() {
	if e.buf == nil || cap(e.buf) > mostKept {
		return
	}
	e.forget()
	clear(e.spaces)
	*e = encoder{report: e.report, buf: e.buf[:0], spaces: e.spaces[:0]}
	encoders.Put(e)
}

// finished puts the declarations of namespaces into the root's start tag.
func (e *encoder) finished() []byte {
	room := len(e.buf)
	for _, ns := range e.spaces {
		room += len(ns) + len(` xmlns:p10=""`) + 8
	}
	out := append(make([]byte, 0, room), e.buf[:e.named]...)
	if len(e.buf) > mostKept {
		out = make([]byte, 0, room-len(e.buf)) // only what is put in; the buffer is handed out
	}
	for i, ns := range e.spaces {
		out = append(appendPrefix(append(out, " xmlns:"...), ns, i), `="`...)
		out = append(appendEscaped(out, ns, true), '"')
	}
	if len(e.buf) > mostKept {
		out = slices.Insert(e.buf, e.named, out...)
		e.buf = nil
		return out
	}
	return append(out, e.buf[e.named:]...)
}

// name writes a name with the prefix of its namespace. Unqualified names stay
// bare, and no default namespace is ever declared: it would swallow them.
func (e *encoder) name(namespace, local string) {
	e.buf = append(e.prefix(e.buf, namespace), local...)
}

// prefix writes the prefix of a namespace and its colon.
func (e *encoder) prefix(out []byte, namespace string) []byte {
	switch namespace {
	case "":
		return out
	case nsXMLPrefix:
		return append(out, "xml:"...)
	}
	i := slices.Index(e.spaces, namespace)
	if i < 0 {
		i = len(e.spaces)
		e.spaces = append(e.spaces, namespace)
	}
	return append(appendPrefix(out, namespace, i), ':')
}

// appendPrefix writes the prefix of the namespace that was used as number i.
func appendPrefix(out []byte, namespace string, i int) []byte {
	if namespace == nsInstance {
		return append(out, "xsi"...)
	}
	return strconv.AppendInt(append(out, 'p'), int64(i)+1, 10)
}

// attribute writes an attribute into the start tag that is open.
func (e *encoder) attribute(namespace, local, value string) {
	e.buf = append(e.buf, ' ')
	e.name(namespace, local)
	e.buf = append(appendEscaped(append(e.buf, `="`...), value, true), '"')
}

// quiet tells which bytes stand for themselves in text, and in attributes too.
var quiet = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != '&' && c != '<' && c != '>' && c != '"'
	}
	return t
}()

// appendEscaped writes checked characters as text or as the value of an
// attribute. Line ends that a reader would change are written as references.
func appendEscaped(out []byte, s string, attribute bool) []byte {
	from := 0
	for i := 0; i < len(s); i++ {
		if quiet[s[i]] {
			continue
		}
		reference := ""
		switch s[i] {
		case '&':
			reference = "&amp;"
		case '<':
			reference = "&lt;"
		case '>':
			if !attribute {
				reference = "&gt;"
			}
		case '\r':
			reference = "&#xD;"
		case '"':
			if attribute {
				reference = "&quot;"
			}
		case '\t':
			if attribute {
				reference = "&#x9;"
			}
		case '\n':
			if attribute {
				reference = "&#xA;"
			}
		}
		if reference != "" {
			out = append(append(out, s[from:i]...), reference...)
			from = i + 1
		}
	}
	return append(out, s[from:]...)
}
