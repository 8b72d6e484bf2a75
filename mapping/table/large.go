package table

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/expr-lang/expr/ast"

	"ristmik/mapping"
	"ristmik/soap"
)

// Large is an answer with a list too long to be held, mapped item by item: once to
// see that all of it can be told, and once more when its text is written. It must
// not be used by two goroutines at once, and the message must not change.
type Large struct {
	t        *Table
	m        *soap.Message
	tolerant bool
	today    time.Time
	answer   map[string]any
	told     map[string]any
	err      error
}

// hole stands in what the core is told where the items of the list belong.
type hole struct{}

// Streams says whether the answers of the table can be mapped item by item: a
// list of the message itself has a rule with each, and nothing else looks into it.
func (t *Table) Streams() bool { return t.answer != nil && t.answer.list != nil }

// ReadLarge reads an answer of a table that streams, in memory that does not grow
// with its list. The error is that of the contract, as that of
// [mapping.DecodeMessage]; what the table has against the answer, Err tells.
func (t *Table) ReadLarge(m *soap.Message, tolerant bool, on time.Time) (l *Large, strangers mapping.Violations, err error) {
	l = &Large{t: t, m: m, tolerant: tolerant, today: on}
	d := t.answer
	mapped := &run{d: d, today: on}
	if l.answer, strangers, err = l.read(mapped, func(any) {}); err != nil {
		return nil, strangers, err
	}
	r := &run{d: d, today: on, list: d.list, listed: mapped.found}
	l.told, _ = r.scope(d.scope, l.answer, "", "").(map[string]any)
	if len(r.found) > 0 {
		l.err = r.found
	}
	return l, strangers, nil
}

// read reads the message and gives the items of the list as the core gets them.
func (l *Large) read(r *run, item func(any)) (map[string]any, mapping.Violations, error) {
	list := r.d.list
	keys := make([]string, len(list.from[0]))
	for i, s := range list.from[0] {
		keys[i] = s.key
	}
	from, to := list.from[0].String(), list.to[0].String()
	return mapping.ReadItems(l.t.soap.Output, l.m, l.tolerant, keys, func(i int, value any) {
		item(r.scope(list.inner, value, index(from, i), index(to, i)))
	})
}

// Answer is the register's answer without the items of the list.
func (l *Large) Answer() map[string]any { return l.answer }

// Err is what [Table.ToCore] says of the answer, nil when the core can be told of
// all of it.
func (l *Large) Err() error { return l.err }

// WriteTo writes what the core is told as JSON text, piece by piece, with its keys
// in the order of their names. The error is that of the writer.
func (l *Large) WriteTo(w io.Writer) (int64, error) {
	out := &pieces{w: w}
	out.encoder = json.NewEncoder(&out.text)
	out.encoder.SetEscapeHTML(false)
	l.write(out, l.told)
	out.flush()
	return out.written, out.err
}

// write writes a value that may have the hole in it.
func (l *Large) write(out *pieces, value any) {
	switch v := value.(type) {
	case hole:
		l.writeItems(out)
	case map[string]any:
		if !hollow(v) {
			out.value(v)
			return
		}
		before := byte('{')
		for _, key := range slices.Sorted(maps.Keys(v)) {
			out.text.WriteByte(before)
			before = ','
			out.value(key)
			out.text.WriteByte(':')
			l.write(out, v[key])
		}
		out.text.WriteByte('}')
	default:
		out.value(v)
	}
}

func (l *Large) writeItems(out *pieces) {
	before := byte('[')
	// It has been read before, and all of it could be told.
	_, _, _ = l.read(&run{d: l.t.answer, today: l.today}, func(item any) {
		out.text.WriteByte(before)
		before = ','
		out.value(item)
		if out.text.Len() > piece {
			out.flush()
		}
	})
	if before == '[' {
		out.text.WriteByte('[')
	}
	out.text.WriteByte(']')
}

// hollow says whether the hole is in the object or in one below it.
func hollow(object map[string]any) bool {
	for _, value := range object {
		switch v := value.(type) {
		case hole:
			return true
		case map[string]any:
			if hollow(v) {
				return true
			}
		}
	}
	return false
}

// piece is how much text is gathered before it is written, in bytes.
const piece = 32 << 10

// pieces gathers text for a writer.
type pieces struct {
	w       io.Writer
	text    bytes.Buffer
	encoder *json.Encoder
	written int64
	err     error
}

// value writes a value that the table has made, which is JSON.
func (p *pieces) value(value any) {
	if err := p.encoder.Encode(value); err != nil {
		p.err = err
		return
	}
	p.text.Truncate(p.text.Len() - 1) // the line end of an encoder
}

func (p *pieces) flush() {
	if p.err == nil {
		var n int
		n, p.err = p.w.Write(p.text.Bytes())
		p.written += int64(n)
	}
	p.text.Reset()
}

// listOf finds the rule of an answer whose list can be mapped item by item, nil
// for none: nothing else of the message may look into the list.
func listOf(s *scope) *rule {
	for _, r := range s.rules {
		if r.inner == nil || slices.ContainsFunc(r.from[0], func(s step) bool { return s.only }) {
			continue
		}
		alone := !slices.ContainsFunc(s.rules, func(other *rule) bool { return other.looksInto(r.from[0], other == r) })
		if alone {
			return r
		}
	}
	return nil
}

// looksInto says whether what the rule does depends on what is in the list; its
// own is the rule that maps the list.
func (r *rule) looksInto(list path, own bool) bool {
	paths := r.from
	if own {
		paths = nil
	}
	for _, one := range r.chain {
		paths = append(paths[:len(paths):len(paths)], one.pointers...)
	}
	if r.codes != nil && r.codes.on != nil {
		paths = append(paths[:len(paths):len(paths)], r.codes.on)
	}
	if r.when != nil {
		paths = append(paths[:len(paths):len(paths)], r.when.reads()...)
	}
	return slices.ContainsFunc(paths, func(p path) bool { return p.meets(list) })
}

// meets says whether one of the paths leads to the other or below it.
func (p path) meets(other path) bool {
	for i := range min(len(p), len(other)) {
		if p[i].key != other[i].key {
			return false
		}
	}
	return true
}

// reads are the paths of what a condition looks at, as far as names lead.
func (c *condition) reads() []path {
	seen := members{paths: map[ast.Node]path{}, above: map[ast.Node]bool{}}
	root := c.tree
	ast.Walk(&root, seen)
	var out []path
	for node, p := range seen.paths {
		if !seen.above[node] {
			out = append(out, p)
		}
	}
	return out
}

// members collects fields that an expression reads by name, and which of these
// nodes only lead to another one.
type members struct {
	paths map[ast.Node]path
	above map[ast.Node]bool
}

// Visit implements ast.Visitor; what is inside of a node is visited before it.
func (m members) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		m.paths[n] = path{{key: n.Value}}
	case *ast.MemberNode:
		name, named := n.Property.(*ast.StringNode)
		p, known := m.paths[n.Node]
		if named && known {
			m.above[n.Node] = true
			m.paths[n] = append(p[:len(p):len(p)], step{key: name.Value})
		}
	}
}
