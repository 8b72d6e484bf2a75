package soap

import (
	"strings"
	"sync"
	"unsafe"
)

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
//
// The strings that it gives are parts of the document and not copies. To be kept
// for longer than the document they are cloned, or Own is called before.
type Tokens struct {
	text string
	pos  int

	open     []element
	bindings []scoped
	attrs    []Attr
	empty    bool // the last start tag was an empty element's
	ended    bool // the last token was an end
	owned    bool // text is a copy

	run   Span // the text of the token, where it stands in text as it is
	buf   []byte
	built bool   // it is in buf
	texts []byte // texts that were built, of which strings are parts: never changed, only left behind
}

// element is one that is open.
type element struct {
	name     string // as written
	colon    int    // where in name, -1 for a name without prefix
	bindings int    // how many were in scope outside
}

func (e *element) prefix() string { return e.name[:max(e.colon, 0)] }
func (e *element) local() string  { return e.name[e.colon+1:] }

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

// walks are kept for the next document, with room for an ordinary one.
var walks = sync.Pool{New: func() any {
	return &Tokens{open: make([]element, 0, 16), bindings: make([]scoped, 0, 16), attrs: make([]Attr, 0, 8)}
}}

func walk(text string, pos int) *Tokens {
	t := walks.Get().(*Tokens)
	*t = Tokens{text: text, pos: pos, open: t.open[:0], bindings: t.bindings[:0], attrs: t.attrs[:0], buf: t.buf[:0]}
	return t
}

// Close gives back what the walk was made with. It must not be used any more.
func (t *Tokens) Close() {
	// What is kept for the next document must not hold on to this one.
	clear(t.open[:cap(t.open)])
	clear(t.bindings[:cap(t.bindings)])
	clear(t.attrs[:cap(t.attrs)])
	t.text = ""
	if cap(t.buf) <= mostBuffer {
		walks.Put(t)
	}
}

// mostBuffer is the size in bytes of a buffer that is worth being kept.
const mostBuffer = 64 << 10

// view is b as a string without a copy. Outline.Text is not changed by anybody.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Tokens walks the whole document.
func (o *Outline) Tokens() *Tokens { return walk(view(o.Text), o.start) }

// WrapperTokens walks the wrapper, whose start is the first token and whose
// end is the last but TokenNone. Without a wrapper there are no tokens.
func (o *Outline) WrapperTokens() *Tokens {
	t := walk(view(o.Wrapper.Of(o.Text)), 0)
	for _, b := range o.scope {
		t.bindings = append(t.bindings, scoped{view(b.prefix), view(b.uri)})
	}
	return t
}

// Own makes a copy of the document and walks that, so that the strings that it
// gives can be kept, but for namespaces declared in front of the walk. It is
// called in front of the first token.
func (t *Tokens) Own() { t.text, t.owned = strings.Clone(t.text), true }

// Keep returns a string of the walk so that it can be kept.
func (t *Tokens) Keep(s string) string {
	if t.owned {
		return s
	}
	return strings.Clone(s)
}

// Fork returns a walk of its own from where t is. Its last token is t's, but for
// text.
func (t *Tokens) Fork() *Tokens {
	f := walk(t.text, t.pos)
	f.open, f.bindings = append(f.open, t.open...), append(f.bindings, t.bindings...)
	f.attrs = append(f.attrs, t.attrs...)
	f.empty, f.ended, f.owned = t.empty, t.ended, t.owned
	return f
}

// Next goes to the next token and returns its kind.
func (t *Tokens) Next() Token {
	t.settle()
	t.run, t.buf, t.built = Span{}, t.buf[:0], false
	if t.empty {
		t.empty, t.ended = false, true
		return TokenEnd
	}
	for t.pos < len(t.text) {
		c := byte(0)
		if t.text[t.pos] == '<' {
			c = t.text[t.pos+1]
		}
		switch {
		case c == 0:
			s := Span{t.pos, len(t.text)}
			if n := strings.IndexByte(t.text[t.pos:], '<'); n >= 0 {
				s.End = t.pos + n
			}
			t.pos = s.End
			t.addText(s, true)
		case c == '?':
			t.until("?>", 2)
		case c == '!' && t.text[t.pos+2] == '-':
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
			t.space()
			t.pos++ // >
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
	if i := strings.Index(t.text[t.pos:], mark); i >= 0 {
		t.pos += i + n
	} else {
		t.pos = len(t.text)
	}
	s.End = t.pos
	return s
}

// addText adds to the text before the next tag.
func (t *Tokens) addText(s Span, references bool) {
	if len(t.open) == 0 || s.Start == s.End {
		return
	}
	run := t.text[s.Start:s.End]
	if !t.built {
		if t.run.Start == t.run.End && isSimple(run, references) {
			t.run = s
			return
		}
		t.buf, t.built = append(t.buf, t.text[t.run.Start:t.run.End]...), true
	}
	t.buf = appendText(t.buf, run, references)
}

// start reads a start tag.
func (t *Tokens) start() {
	t.pos++
	e := element{bindings: len(t.bindings)}
	e.name, e.colon = t.name()
	t.attrs = t.attrs[:0]
	if t.text[t.pos] == '>' {
		t.pos++
		t.open = append(t.open, e)
		return
	}
	for {
		t.space()
		switch t.text[t.pos] {
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
		name, colon := t.name()
		a.Prefix, a.Local = name[:max(colon, 0)], name[colon+1:]
		t.space()
		t.pos++ // =
		t.space()
		quote := t.text[t.pos]
		t.pos++
		n := strings.IndexByte(t.text[t.pos:], quote)
		a.Value = attributeValue(t.text[t.pos : t.pos+n])
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
	for class[t.text[t.pos]]&isSpace != 0 {
		t.pos++
	}
}

// name reads a qualified name and where its colon is.
func (t *Tokens) name() (name string, colon int) {
	i := t.pos
	colon = -1
	for ; class[t.text[i]]&isName != 0 || t.text[i] >= 0x80 || t.text[i] == ':'; i++ {
		if t.text[i] == ':' {
			colon = i - t.pos
		}
	}
	name = t.text[t.pos:i]
	t.pos = i
	return name, colon
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
	e := &t.open[len(t.open)-1]
	return t.lookup(e.prefix()), e.local()
}

// Namespace returns the namespace that a prefix stands for in the element that
// started, "" for one that is not declared.
func (t *Tokens) Namespace(prefix string) string { return t.lookup(prefix) }

// Size is how many bytes the walk has in front of it.
func (t *Tokens) Size() int { return len(t.text) - t.pos }

// Attrs returns the attributes of the element that started; valid until Next.
func (t *Tokens) Attrs() []Attr { return t.attrs }

// Text returns the text that was found.
func (t *Tokens) Text() string {
	if !t.built {
		return t.text[t.run.Start:t.run.End]
	}
	n := len(t.buf)
	if n > cap(t.texts)-len(t.texts) {
		if n > textChunk/4 {
			return string(t.buf)
		}
		t.texts = make([]byte, 0, textChunk)
	}
	from := len(t.texts)
	t.texts = append(t.texts, t.buf...)
	return view(t.texts[from:])
}

// textChunk is how many bytes of built texts are taken at once: names with an
// ampersand are many, and short.
const textChunk = 512

// Depth returns how many elements are open, the one that ended included.
func (t *Tokens) Depth() int { return len(t.open) }

// Skip goes to the end of the element that started, which is then the token.
func (t *Tokens) Skip() {
	for depth := len(t.open); t.Next() != TokenEnd || len(t.open) > depth; {
	}
}
