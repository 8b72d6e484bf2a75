package mapping

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"

	"ristmik/soap"
)

// sink takes a JSON value piece by piece, in the order in which its text would
// have them.
type sink interface {
	beginObject()
	endObject()
	beginArray()
	endArray()
	// key comes in front of every value of an object.
	key(key string)
	// text and number may be given parts of the message, which are not kept.
	text(value string)
	number(value string)
	bool(value bool)
	null()
}

// values makes Go values.
type values struct {
	walk *soap.Tokens // that the texts come from; nil for those that can be kept
	open []container
	root any
}

// container is an object or array that is being made.
type container struct {
	object map[string]any // nil for an array
	array  []any
	key    string // of the next value
}

func (v *values) put(value any) {
	if len(v.open) == 0 {
		v.root = value
		return
	}
	c := &v.open[len(v.open)-1]
	if c.object != nil {
		c.object[c.key] = value
	} else {
		c.array = append(c.array, value)
	}
}

func (v *values) beginObject() { v.open = append(v.open, container{object: map[string]any{}}) }

func (v *values) endObject() {
	last := len(v.open) - 1
	object := v.open[last].object
	v.open = v.open[:last]
	v.put(object)
}

func (v *values) beginArray() { v.open = append(v.open, container{array: []any{}}) }

func (v *values) endArray() {
	last := len(v.open) - 1
	array := v.open[last].array
	v.open = v.open[:last]
	v.put(array)
}

func (v *values) key(key string)      { v.open[len(v.open)-1].key = key }
func (v *values) text(value string)   { v.put(v.keep(value)) }
func (v *values) number(value string) { v.put(json.Number(v.keep(value))) }
func (v *values) bool(value bool)     { v.put(value) }
func (v *values) null()               { v.put(nil) }

func (v *values) keep(s string) string {
	if v.walk == nil {
		return s
	}
	return v.walk.Keep(s)
}

// jsonWriter writes JSON text.
type jsonWriter struct{ out []byte }

// separate puts a comma in front of what is not the first.
func (w *jsonWriter) separate() {
	if n := len(w.out); n > 0 {
		switch w.out[n-1] {
		case '{', '[', ':':
		default:
			w.out = append(w.out, ',')
		}
	}
}

func (w *jsonWriter) beginObject() { w.separate(); w.out = append(w.out, '{') }
func (w *jsonWriter) endObject()   { w.out = append(w.out, '}') }
func (w *jsonWriter) beginArray()  { w.separate(); w.out = append(w.out, '[') }
func (w *jsonWriter) endArray()    { w.out = append(w.out, ']') }

func (w *jsonWriter) key(key string) {
	w.text(key)
	w.out = append(w.out, ':')
}

func (w *jsonWriter) text(value string) {
	w.separate()
	w.out = appendString(w.out, value)
}

func (w *jsonWriter) number(value string) {
	w.separate()
	w.out = append(w.out, value...)
}

func (w *jsonWriter) bool(value bool) {
	w.separate()
	w.out = strconv.AppendBool(w.out, value)
}

func (w *jsonWriter) null() {
	w.separate()
	w.out = append(w.out, "null"...)
}

// appendString writes a JSON string. The text is UTF-8, as everything that has
// passed the gate; what is not becomes U+FFFD.
func appendString(out []byte, s string) []byte {
	out = append(out, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r != utf8.RuneError || n > 1 {
				i += n
				continue
			}
			out = append(append(out, s[from:i]...), "\ufffd"...)
			i++
			from = i
			continue
		}
		out = append(out, s[from:i]...)
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		i++
		from = i
	}
	return append(append(out, s[from:]...), '"')
}
