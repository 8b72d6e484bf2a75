package web

import (
	"bytes"
	"unicode/utf8"
)

// fewKeys is how many keys an object may have to be checked in one pass; those of
// larger ones would be compared too often.
const fewKeys = 32

// onePass says that a body is what [ReadJSON] takes, in one pass over it. It says
// no of everything that has a fault, and of some that has none: [checkJSON] knows
// those, and the words for the faults.
func onePass(data []byte) bool {
	p := pass{data: data}
	p.space()
	if !p.value(0) {
		return false
	}
	p.space()
	return p.pos == len(data)
}

type pass struct {
	data        []byte
	pos, values int
}

// peek is the next byte, 0 at the end.
func (p *pass) peek() byte {
	if p.pos < len(p.data) {
		return p.data[p.pos]
	}
	return 0
}

func (p *pass) space() {
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *pass) value(depth int) bool {
	if p.values++; p.values > maxValues {
		return false
	}
	switch p.peek() {
	case '{':
		return p.object(depth + 1)
	case '[':
		return p.array(depth + 1)
	case '"':
		_, _, ok := p.text()
		return ok
	case 't':
		return p.word("true")
	case 'f':
		return p.word("false")
	case 'n':
		return p.word("null")
	}
	return p.number()
}

func (p *pass) word(w string) bool {
	ok := bytes.HasPrefix(p.data[p.pos:], []byte(w))
	p.pos += len(w)
	return ok
}

func (p *pass) object(depth int) bool {
	if depth > maxDepth {
		return false
	}
	p.pos++
	p.space()
	if p.peek() == '}' {
		p.pos++
		return true
	}
	var room [fewKeys][]byte
	keys := room[:0]
	for {
		key, escaped, ok := p.text()
		if !ok || escaped || len(keys) == fewKeys {
			return false
		}
		for _, other := range keys {
			if string(other) == string(key) {
				return false
			}
		}
		keys = append(keys, key)
		p.space()
		if p.peek() != ':' {
			return false
		}
		p.pos++
		p.space()
		if !p.value(depth) {
			return false
		}
		more, ok := p.next('}')
		if !more {
			return ok
		}
	}
}

func (p *pass) array(depth int) bool {
	if depth > maxDepth {
		return false
	}
	p.pos++
	p.space()
	if p.peek() == ']' {
		p.pos++
		return true
	}
	for {
		if !p.value(depth) {
			return false
		}
		more, ok := p.next(']')
		if !more {
			return ok
		}
	}
}

// next steps over what stands behind a member: more with a comma, ok with the end.
func (p *pass) next(end byte) (more, ok bool) {
	p.space()
	c := p.peek()
	p.pos++
	p.space()
	return c == ',', c == end
}

func (p *pass) number() bool {
	digits := func() bool {
		from := p.pos
		for c := p.peek(); c >= '0' && c <= '9'; c = p.peek() {
			p.pos++
		}
		return p.pos > from
	}
	if p.peek() == '-' {
		p.pos++
	}
	if p.peek() == '0' {
		p.pos++
	} else if !digits() {
		return false
	}
	if p.peek() == '.' {
		p.pos++
		if !digits() {
			return false
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.pos++
		if c := p.peek(); c == '+' || c == '-' {
			p.pos++
		}
		return digits()
	}
	return true
}

// text steps over a string and returns what is between its quotes.
func (p *pass) text() (inside []byte, escaped, ok bool) {
	if p.peek() != '"' {
		return nil, false, false
	}
	p.pos++
	from := p.pos
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '"':
			p.pos++
			return p.data[from : p.pos-1], escaped, true
		case c < ' ':
			return nil, false, false
		case c == '\\':
			escaped = true
			p.pos++
			// What \u may stand for is seldom needed, and known elsewhere.
			if c := p.peek(); c == 0 || bytes.IndexByte([]byte(`"\/bfnrt`), c) < 0 {
				return nil, false, false
			}
			p.pos++
		case c < utf8.RuneSelf:
			p.pos++
		default:
			r, n := utf8.DecodeRune(p.data[p.pos:])
			if r == utf8.RuneError && n == 1 {
				return nil, false, false
			}
			p.pos += n
		}
	}
	return nil, false, false
}
