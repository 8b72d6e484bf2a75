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
	walk  *soap.Tokens // that the texts come from; nil for those that can be kept
	made  []pair       // of all objects and arrays that are open
	begun []int        // where in made each of them begins
	next  string       // the key of the next value
	root  any
}

// pair is a value and the key that it has in an object.
type pair struct {
	key   string
	value any
}

func (v *values) put(value any) {
	if len(v.begun) == 0 {
		v.root = value
		return
	}
	v.made = append(v.made, pair{v.next, value})
}

// begin begins an object or array. The key that it has goes in front of what it
// holds.
func (v *values) begin() {
	v.made = append(v.made, pair{key: v.next})
	v.begun = append(v.begun, len(v.made))
}

// end returns what the innermost object or array holds, and puts its own key back.
func (v *values) end() []pair {
	from := v.begun[len(v.begun)-1]
	v.begun = v.begun[:len(v.begun)-1]
	v.next = v.made[from-1].key
	held := v.made[from:]
	v.made = v.made[:from-1]
	return held
}

func (v *values) beginObject() { v.begin() }

func (v *values) endObject() {
	held := v.end()
	object := make(map[string]any, len(held))
	for i := range held {
		object[held[i].key] = held[i].value
	}
	v.put(object)
}

func (v *values) beginArray() { v.begin() }

func (v *values) endArray() {
	held := v.end()
	array := make([]any, len(held))
	for i := range held {
		array[i] = held[i].value
	}
	v.put(array)
}

func (v *values) key(key string)      { v.next = key }
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
	w.out = AppendString(w.out, value)
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

// plainJSON tells which bytes stand for themselves in a JSON string.
var plainJSON = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = c >= ' ' && c != '"' && c != '\\'
	}
	return t
}()

// AppendString appends a JSON string. What is not UTF-8 becomes U+FFFD, and
// characters of HTML stand as they are.
func AppendString(out []byte, s string) []byte {
	out = append(out, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if plainJSON[c] {
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
