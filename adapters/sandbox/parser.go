package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one fault of the configuration: the line (1-based, 0 when the file
// as a whole is meant), the place in it, what is wrong, and what is allowed.
type Problem struct {
	Line    int
	Path    string
	Message string
	Allowed []string
}

// String is the form people read: line N: path: message (allowed: …).
func (p Problem) String() string {
	var b strings.Builder
	if p.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", p.Line)
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if len(p.Allowed) > 0 {
		b.WriteString(" (allowed: " + strings.Join(p.Allowed, ", ") + ")")
	}
	return b.String()
}

// Problems are all the faults of a configuration in the order of its lines.
type Problems []Problem

// Error lists every problem, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// parser walks a YAML tree and notes every fault instead of stopping at the
// first.
type parser struct{ problems Problems }

// fields says what to do with each key of a mapping.
type fields map[string]func(v *yaml.Node, path string)

func (p *parser) add(n *yaml.Node, path, message string, allowed ...string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	p.problems = append(p.problems, Problem{line, path, message, allowed})
}

// document reads exactly one YAML document.
func (p *parser) document(data []byte) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) != 1:
		p.add(nil, "", "the file is empty")
		return nil, false
	case err != nil:
		p.add(nil, "", strings.TrimPrefix(err.Error(), "yaml: "))
		return nil, false
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		p.add(&second, "", "a second document begins here; one file holds one document")
	}
	return doc.Content[0], true
}

// mapping goes through the keys of n; those in required must be there.
func (p *parser) mapping(n *yaml.Node, path string, f fields, required ...string) {
	if n.Kind != yaml.MappingNode {
		p.add(n, path, "a mapping (key: value) is needed")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := strings.TrimPrefix(path+"."+key.Value, ".")
		read, ok := f[key.Value]
		switch {
		case !ok:
			p.add(key, at, "unknown key", slices.Sorted(maps.Keys(f))...)
		case seen[key.Value]:
			p.add(key, at, "the key stands twice")
		default:
			read(value, at)
		}
		seen[key.Value] = true
	}
	for _, key := range required {
		if !seen[key] {
			p.add(n, strings.TrimPrefix(path+"."+key, "."), "a value is needed")
		}
	}
}

// list goes through the items of n; an absent list has none.
func (p *parser) list(n *yaml.Node, path string, each func(v *yaml.Node, path string)) {
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		p.add(n, path, "a list is needed")
		return
	}
	for i, v := range n.Content {
		each(v, fmt.Sprintf("%s[%d]", path, i))
	}
}

// text reads a scalar as it is written: codes keep their leading zeros.
func (p *parser) text(n *yaml.Node, path string) string {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" || n.Value == "" {
		p.add(n, path, "a text is needed")
		return ""
	}
	return n.Value
}

func (p *parser) oneOf(n *yaml.Node, path string, allowed ...string) string {
	v := p.text(n, path)
	if v != "" && !slices.Contains(allowed, v) {
		p.add(n, path, fmt.Sprintf("%q is not one of the values", v), allowed...)
		return ""
	}
	return v
}

// identifier reads a part of an identifier; new ones keep to the characters
// that X-Road documents (PR-MESS 2.7).
func (p *parser) identifier(n *yaml.Node, path string) string {
	v := p.text(n, path)
	if strings.ContainsFunc(v, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("'()+,-.=?", r)
	}) {
		p.add(n, path, "a character that identifiers should not have", "A-Z", "a-z", "0-9", "'()+,-.=?")
	}
	return v
}

func (p *parser) title(n *yaml.Node, path string) Title {
	var t Title
	p.mapping(n, path, fields{
		"et": func(v *yaml.Node, path string) { t.ET = p.text(v, path) },
		"en": func(v *yaml.Node, path string) { t.EN = p.text(v, path) },
	}, "et", "en")
	return t
}
