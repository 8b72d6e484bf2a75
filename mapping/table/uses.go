package table

import (
	"slices"
	"strings"
)

// Used are fields of a register's messages, as JSON pointers without the numbers
// of list entries and without the names of repeating groups.
type Used struct {
	// Request are the fields that the table writes, Answer those that it reads, nil
	// of a side without rules, which has all that the contract has.
	Request, Answer []string
	// Filled are those of Request that every request has.
	Filled []string
}

// Uses tells which fields of the register's the table uses.
func (t *Table) Uses() Used {
	var u Used
	if t.request != nil {
		u.Request = []string{}
		t.request.scope.written("", &u)
	}
	if t.answer != nil {
		u.Answer = []string{}
		t.answer.scope.read("", &u)
	}
	for _, list := range []*[]string{&u.Request, &u.Answer, &u.Filled} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return u
}

// bare is the path below a place, without what only says which entry is meant.
func (p path) bare(above string) string {
	var out strings.Builder
	out.WriteString(above)
	for _, s := range p {
		if s.key != "#group" {
			out.WriteString("/" + escaped(s.key))
		}
	}
	return out.String()
}

func (s *scope) written(above string, u *Used) {
	for _, r := range s.rules {
		for _, p := range r.to {
			at := p.bare(above)
			if r.sure {
				u.Filled = append(u.Filled, at)
			}
			if r.inner != nil {
				r.inner.written(at, u)
				continue
			}
			u.Request = append(u.Request, at)
		}
	}
}

func (s *scope) read(above string, u *Used) {
	for _, r := range s.rules {
		for _, p := range r.from {
			at := p.bare(above)
			if r.inner != nil {
				r.inner.read(at, u)
				continue
			}
			u.Answer = append(u.Answer, at)
		}
		for _, one := range r.chain {
			for _, p := range one.pointers {
				u.Answer = append(u.Answer, p.bare(above))
			}
		}
		if r.codes != nil && r.codes.on != nil {
			u.Answer = append(u.Answer, r.codes.on.bare(above))
		}
		if r.when != nil {
			for name := range r.when.names {
				u.Answer = append(u.Answer, path{{key: name}}.bare(above))
			}
		}
	}
}
