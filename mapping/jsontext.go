package mapping

import (
	"iter"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// jsonText is a JSON text as a list of its values in the order in which they
// stand: an object or array, its members, and what follows it. Strings are parts
// of the text where they hold no escape. One list serves many texts.
type jsonText struct {
	nodes []jsonNode
	src   string
	pos   int
	plain []byte // the strings that hold escapes, without them, one behind the other
}

// jsonNode is one value.
type jsonNode struct {
	kind       kind
	size       int32  // members of an object or array
	next       int32  // the node behind this one and all that it holds
	hint       int32  // of an object: the member to look at first
	key, value string // the key in its object; the text of a string, number or boolean
}

// maxJSONDepth bounds how deep a JSON text may nest; maxDepth is checked by the
// walk, which can say where.
const maxJSONDepth = 1000

var jsonTexts = sync.Pool{New: func() any { return &jsonText{nodes: make([]jsonNode, 0, 32)} }}

// release keeps the list for the next text.
func (t *jsonText) release() {
	clear(t.nodes)
	t.nodes, t.src = t.nodes[:0], ""
	if cap(t.nodes) <= mostKept/64 && cap(t.plain) <= mostKept {
		jsonTexts.Put(t)
	}
}

// parse reads a text that is one JSON value (RFC 8259) and says whether it is
// one. What is no UTF-8 and half surrogates become U+FFFD, as in encoding/json.
func (t *jsonText) parse(src string) bool {
	t.nodes, t.src, t.pos, t.plain = slices.Grow(t.nodes[:0], len(src)/24), src, 0, t.plain[:0]
	t.space()
	if !t.read("", 0) {
		return false
	}
	t.space()
	return t.pos == len(t.src)
}

// children are the members of an object or array.
func (t *jsonText) children(of int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for at, end := of+1, t.nodes[of].next; at < end && yield(at); at = t.nodes[at].next {
		}
	}
}

// find returns the member of an object with that key. Keys are mostly asked for
// in the order in which they stand. Of two with one key it finds either; a walk
// refuses such objects.
func (t *jsonText) find(of int32, key string) (int32, bool) {
	object := &t.nodes[of]
	first, end, hint := of+1, object.next, object.hint
	for at := hint; at < end; at = t.nodes[at].next {
		if t.nodes[at].key == key {
			object.hint = t.nodes[at].next
			return at, true
		}
	}
	for at := first; at < hint; at = t.nodes[at].next {
		if t.nodes[at].key == key {
			object.hint = t.nodes[at].next
			return at, true
		}
	}
	return 0, false
}

func (t *jsonText) space() {
	for t.pos < len(t.src) {
		switch t.src[t.pos] {
		case ' ', '\t', '\n', '\r':
			t.pos++
		default:
			return
		}
	}
}

// take steps over c, if it is next.
func (t *jsonText) take(c byte) bool {
	if t.pos < len(t.src) && t.src[t.pos] == c {
		t.pos++
		return true
	}
	return false
}

// read reads the value of that key.
func (t *jsonText) read(key string, depth int) bool {
	if t.pos == len(t.src) || depth > maxJSONDepth {
		return false
	}
	at := len(t.nodes)
	t.nodes = append(t.nodes, jsonNode{key: key})
	var k kind
	var value string
	var size int32
	ok := true
	switch c := t.src[t.pos]; c {
	case '{':
		k = kindObject
		size, ok = t.members('}', depth)
	case '[':
		k = kindArray
		size, ok = t.members(']', depth)
	case '"':
		k = kindString
		value, ok = t.string()
	case 't':
		k, value, ok = kindBool, "true", t.word("true")
	case 'f':
		k, value, ok = kindBool, "false", t.word("false")
	case 'n':
		ok = t.word("null")
	default:
		k = kindNumber
		value, ok = t.number()
	}
	n := &t.nodes[at]
	n.kind, n.value, n.size, n.next, n.hint = k, value, size, int32(len(t.nodes)), int32(at)+1
	return ok
}

// members reads an object or array, which closes with end.
func (t *jsonText) members(end byte, depth int) (n int32, ok bool) {
	t.pos++
	t.space()
	if t.take(end) {
		return 0, true
	}
	for {
		key := ""
		t.space()
		if end == '}' {
			if t.pos == len(t.src) || t.src[t.pos] != '"' {
				return 0, false
			}
			if key, ok = t.string(); !ok {
				return 0, false
			}
			t.space()
			if !t.take(':') {
				return 0, false
			}
			t.space()
		}
		if !t.read(key, depth+1) {
			return 0, false
		}
		n++
		t.space()
		if t.take(end) {
			return n, true
		}
		if !t.take(',') {
			return 0, false
		}
	}
}

func (t *jsonText) word(w string) bool {
	ok := strings.HasPrefix(t.src[t.pos:], w)
	t.pos += len(w)
	return ok
}

// number reads a number and keeps it as it is written.
func (t *jsonText) number() (string, bool) {
	start := t.pos
	digits := func() bool {
		from := t.pos
		for t.pos < len(t.src) && t.src[t.pos] >= '0' && t.src[t.pos] <= '9' {
			t.pos++
		}
		return t.pos > from
	}
	t.take('-')
	if !t.take('0') && !digits() {
		return "", false
	}
	if t.take('.') && !digits() {
		return "", false
	}
	if t.take('e') || t.take('E') {
		if !t.take('+') {
			t.take('-')
		}
		if !digits() {
			return "", false
		}
	}
	return t.src[start:t.pos], true
}

// string reads a string.
func (t *jsonText) string() (string, bool) {
	start := t.pos + 1
	for i := start; i < len(t.src); i++ {
		switch c := t.src[i]; {
		case c == '"':
			t.pos = i + 1
			return t.src[start:i], true
		case c == '\\' || c >= utf8.RuneSelf:
			return t.anyString(start, i)
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// anyString reads a string that holds more than plain ASCII from i on.
func (t *jsonText) anyString(start, i int) (string, bool) {
	begin := len(t.plain)
	from := start // what is not in plain yet
	for i < len(t.src) {
		c := t.src[i]
		switch {
		case c == '"':
			t.pos = i + 1
			if len(t.plain) == begin {
				return t.src[from:i], true
			}
			t.plain = append(t.plain, t.src[from:i]...)
			// The bytes stay as they are until the list is released.
			return unsafe.String(&t.plain[begin], len(t.plain)-begin), true
		case c < ' ':
			return "", false
		case c < utf8.RuneSelf && c != '\\':
			i++
			continue
		case c >= utf8.RuneSelf:
			r, n := utf8.DecodeRuneInString(t.src[i:])
			if r == utf8.RuneError && n == 1 {
				t.plain = utf8.AppendRune(append(t.plain, t.src[from:i]...), r)
				from = i + 1
			}
			i += n
			continue
		}
		r, n := escape(t.src[i:])
		if n == 0 {
			return "", false
		}
		t.plain = utf8.AppendRune(append(t.plain, t.src[from:i]...), r)
		i += n
		from = i
	}
	return "", false
}

// escape reads the escape at the start of s and returns its length, 0 when it is
// none.
func escape(s string) (r rune, n int) {
	if len(s) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, s[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	first, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(first) {
		if second, ok := hex4(s[6:]); ok {
			if r := utf16.DecodeRune(first, second); r != utf8.RuneError {
				return r, 12
			}
		}
		return utf8.RuneError, 6
	}
	return first, 6
}

// hex4 reads \uXXXX.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
