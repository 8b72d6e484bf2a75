package soap

import "bytes"

// Token is a kind of token.
type Token int

// The tokens.
const (
	// TokenNone: there are no more.
	TokenNone Token = iota
	// TokenStart: an element begins.
	TokenStart
	// TokenText: text, all of it up to the next tag, whatever comments, CDATA
	// sections and references it was made of.
	TokenText
	// TokenEnd: an element ends.
	TokenEnd
)

// Tokens walks a document that passed the gate, token by token, in constant
// memory. It checks nothing, because everything was checked, and therefore
// never fails. It is for one goroutine.
type Tokens struct {
	src  []byte
	pos  int
	text string // the same as src as far as it goes, so that strings are parts of it
	seen map[string]string

	open     []element
	bindings []scoped
	attrs    []Attr
	tag      int  // where the last start tag begins
	empty    bool // the last start tag was an empty element's
	ended    bool // the last token was an end

	run   Span // the text, where it stands in src as it is
	buf   []byte
	built bool // the text is in buf
}

// element is one that is open.
type element struct {
	name, prefix, local string
	bindings            int
}

// scoped is a namespace declaration in scope.
type scoped struct{ prefix, uri string }

// Attr is an attribute, namespace declarations included.
type Attr struct {
	// Space is the namespace URI, empty for an unqualified attribute.
	Space string
	// Prefix and Local are as written.
	Prefix, Local string
	Value         string
}

// Tokens walks the whole document.
func (o *Outline) Tokens() *Tokens { return &Tokens{src: o.Text, pos: o.start} }

// WrapperTokens walks the wrapper, whose start is the first token and whose
// end is the last but TokenNone. Without a wrapper there are no tokens.
func (o *Outline) WrapperTokens() *Tokens {
	t := &Tokens{src: o.Text[:o.Wrapper.End], pos: o.start}
	for t.pos < o.Wrapper.Start {
		// What stands in front is read for its namespace declarations only.
		if next := bytes.IndexByte(t.src[t.pos:], '<') + t.pos; next == o.Wrapper.Start {
			t.pos = next
			break
		}
		t.Next()
	}
	t.settle()
	return t
}

// Next goes to the next token and returns its kind.
func (t *Tokens) Next() Token {
	t.settle()
	t.run, t.buf, t.built = Span{}, t.buf[:0], false
	if t.empty {
		t.empty, t.ended = false, true
		return TokenEnd
	}
	for t.pos < len(t.src) {
		c := byte(0)
		if t.src[t.pos] == '<' {
			c = t.src[t.pos+1]
		}
		switch {
		case c == 0:
			t.addText(t.until("<", 0), true)
		case c == '?':
			t.until("?>", 2)
		case c == '!' && t.src[t.pos+2] == '-':
			t.pos += len("<!--") // "<!-->" does not end it
			t.until("-->", 3)
		case c == '!':
			t.pos += len("<![CDATA[")
			s := t.until("]]>", 3)
			s.End -= 3
			t.addText(s, false)
		case t.built || t.run.End > t.run.Start:
			return TokenText
		case c == '/':
			t.pos += 2 + len(t.open[len(t.open)-1].name)
			t.until(">", 1)
			t.ended = true
			return TokenEnd
		default:
			t.start()
			return TokenStart
		}
	}
	return TokenNone
}

// settle leaves the element whose end was the last token.
func (t *Tokens) settle() {
	if t.ended {
		last := len(t.open) - 1
		t.bindings = t.bindings[:t.open[last].bindings]
		t.open = t.open[:last]
		t.ended = false
	}
}

// until goes to the next place of mark and past n bytes of it, and returns what
// was walked over. Without a mark that is the rest.
func (t *Tokens) until(mark string, n int) Span {
	s := Span{Start: t.pos}
	if i := bytes.Index(t.src[t.pos:], []byte(mark)); i >= 0 {
		t.pos += i + n
	} else {
		t.pos = len(t.src)
	}
	s.End = t.pos
	return s
}

// addText adds to the text before the next tag.
func (t *Tokens) addText(s Span, references bool) {
	if len(t.open) == 0 || s.Start == s.End {
		return
	}
	run := s.Of(t.src)
	if !t.built {
		if t.run.Start == t.run.End && isSimple(run, references) {
			t.run = s
			return
		}
		t.buf, t.built = append(t.buf, t.run.Of(t.src)...), true
	}
	t.buf = appendText(t.buf, run, references)
}

// start reads a start tag.
func (t *Tokens) start() {
	t.tag = t.pos
	t.pos++
	e := element{bindings: len(t.bindings)}
	e.name, e.prefix, e.local = t.name()
	t.attrs = t.attrs[:0]
	for {
		t.space()
		switch t.src[t.pos] {
		case '/':
			t.empty = true
			t.pos++
			continue
		case '>':
			t.pos++
			t.open = append(t.open, e)
			for i := range t.attrs {
				if a := &t.attrs[i]; a.Prefix != "" {
					a.Space = t.lookup(a.Prefix)
				}
			}
			return
		}
		var a Attr
		_, a.Prefix, a.Local = t.name()
		t.space()
		t.pos++ // =
		t.space()
		quote := t.src[t.pos]
		t.pos++
		n := bytes.IndexByte(t.src[t.pos:], quote)
		raw := t.src[t.pos : t.pos+n]
		if v := attributeValue(raw); len(v) == n && (n == 0 || &v[0] == &raw[0]) {
			a.Value = t.string(Span{t.pos, t.pos + n})
		} else {
			a.Value = string(v)
		}
		t.pos += n + 1
		switch {
		case a.Prefix == "xmlns":
			t.bindings = append(t.bindings, scoped{a.Local, a.Value})
		case a.Prefix == "" && a.Local == "xmlns":
			t.bindings = append(t.bindings, scoped{"", a.Value})
			a.Space = NSXMLNS
		}
		t.attrs = append(t.attrs, a)
	}
}

func (t *Tokens) space() {
	for class[t.src[t.pos]]&isSpace != 0 {
		t.pos++
	}
}

// name reads a qualified name.
func (t *Tokens) name() (name, prefix, local string) {
	i, colon := t.pos, -1
	for ; class[t.src[i]]&isName != 0 || t.src[i] >= 0x80 || t.src[i] == ':'; i++ {
		if t.src[i] == ':' {
			colon = i - t.pos
		}
	}
	name = t.string(Span{t.pos, i})
	t.pos = i
	if colon < 0 {
		return name, "", name
	}
	return name, name[:colon], name[colon+1:]
}

// mostSeen bounds the strings that are kept for reuse.
const mostSeen = 256

// string returns a part of the document as a string. Without a copy to cut
// from, short ones, which are mostly names, are made only once.
func (t *Tokens) string(s Span) string {
	if s.End <= len(t.text) {
		return t.text[s.Start:s.End]
	}
	b := s.Of(t.src)
	if v, ok := t.seen[string(b)]; ok {
		return v
	}
	v := string(b)
	if len(v) <= 64 && len(t.seen) < mostSeen {
		if t.seen == nil {
			t.seen = map[string]string{}
		}
		t.seen[v] = v
	}
	return v
}

func (t *Tokens) lookup(prefix string) string {
	for i := len(t.bindings) - 1; i >= 0; i-- {
		if t.bindings[i].prefix == prefix {
			return t.bindings[i].uri
		}
	}
	switch prefix {
	case "xml":
		return NSXML
	case "xmlns":
		return NSXMLNS
	}
	return ""
}

// Name returns namespace URI and local name of the element that started or
// ended; inside one, of the innermost that is open.
func (t *Tokens) Name() (space, local string) {
	e := t.open[len(t.open)-1]
	return t.lookup(e.prefix), e.local
}

// Attrs returns the attributes of the element that started; valid until Next.
func (t *Tokens) Attrs() []Attr { return t.attrs }

// Text returns the text that was found; valid until Next and not to be changed.
func (t *Tokens) Text() []byte {
	if t.built {
		return t.buf
	}
	return t.run.Of(t.src)
}

// Depth returns how many elements are open, the one that ended included.
func (t *Tokens) Depth() int { return len(t.open) }

// Skip goes to the end of the element that started, which is then the token.
func (t *Tokens) Skip() {
	for depth := len(t.open); t.Next() != TokenEnd || len(t.open) > depth; {
	}
}
