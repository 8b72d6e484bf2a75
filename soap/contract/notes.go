package contract

import (
	"fmt"
	"strings"

	"github.com/beevik/etree"
)

// NotesIn returns what the description says about the operation beyond its title
// (xrd:notes), in the given language or else in the first that there is; "" when
// it says nothing.
func (o *Operation) NotesIn(lang string) string {
	if s, ok := o.notes[lang]; ok {
		return s
	}
	return o.notes[""]
}

// readNotes reads the notes of an operation by language (PR-MESS 3); the first
// stand for every other language, under "".
func readNotes(op *Operation, node *etree.Element) {
	op.notes = map[string]string{}
	for _, doc := range node.ChildElements() {
		if !is(doc, nsWSDL, "documentation") {
			continue
		}
		for _, note := range doc.ChildElements() {
			text := oneLine(note.Text())
			if note.Tag != "notes" || text == "" {
				continue
			}
			if op.notes[""] == "" {
				op.notes[""] = text
			}
			if lang := note.SelectAttrValue("xml:lang", ""); lang != "" {
				op.notes[lang] = text
			}
		}
	}
}

// Rules says in words what the facets of the type demand, beside what its base
// does: lengths, digits, bounds and forms. Enumerations are a field of their
// own.
func (s *Simple) Rules() []string {
	var out []string
	unit := "characters"
	if s.Kind == KindBinary {
		unit = "octets"
	}
	switch {
	case s.Length >= 0:
		out = append(out, fmt.Sprintf("exactly %d %s", s.Length, unit))
	case s.MinLength > 0 && s.MaxLength >= 0:
		out = append(out, fmt.Sprintf("%d to %d %s", s.MinLength, s.MaxLength, unit))
	case s.MinLength > 0:
		out = append(out, fmt.Sprintf("at least %d %s", s.MinLength, unit))
	case s.MaxLength >= 0:
		out = append(out, fmt.Sprintf("at most %d %s", s.MaxLength, unit))
	}
	if s.TotalDigits >= 0 {
		out = append(out, fmt.Sprintf("at most %d digits", s.TotalDigits))
	}
	if s.FractionDigits > 0 {
		out = append(out, fmt.Sprintf("at most %d fraction digits", s.FractionDigits))
	}
	// The bounds of the built-in integer types go without saying.
	own := builtins[s.Base]
	for i := range s.bounds {
		if b := &s.bounds[i]; b.text != own.min && b.text != own.max {
			out = append(out, strings.TrimPrefix(b.rule(), "must be "))
		}
	}
	for _, p := range s.patterns {
		out = append(out, "of the form "+strings.Join(p.source, " or "))
	}
	return out
}
