package table

import (
	"fmt"
	"strings"

	"ristmik/soap/contract"
)

// node is a tree of the paths that the rules of one scope use on the register's
// side.
type node struct {
	children map[string]*node
	rules    []*rule
}

func tree(rules []*rule, paths func(*rule) []path) *node {
	root := &node{}
	for _, r := range rules {
		for _, p := range paths(r) {
			n := root
			for _, s := range p {
				if n.children == nil {
					n.children = map[string]*node{}
				}
				if n.children[s.key] == nil {
					n.children[s.key] = &node{}
				}
				n = n.children[s.key]
			}
			n.rules = append(n.rules, r)
		}
	}
	return root
}

func sources(r *rule) []path { return r.from }
func targets(r *rule) []path { return r.to }

// targets finds rules that fill what another one fills.
func (c *compiler) targets(d *direction, s *scope) {
	key := func(r *rule) string { return r.at + ".to" }
	var walk func(n *node, above *rule)
	walk = func(n *node, above *rule) {
		for i, r := range n.rules {
			switch {
			case above != nil:
				c.problem(key(r), Contradiction, "another rule fills the whole that this is a part of")
			case i > 0 && (n.rules[i-1].When == "" || len(r.inner.ruleList()) > 0 || len(n.rules[i-1].inner.ruleList()) > 0):
				c.problem(key(r), Contradiction, "another rule fills the same; of several, the first whose condition (when) holds does, and all but the last need one")
			case len(n.children) > 0 && above == nil && i == 0:
				above = r
			}
		}
		for _, child := range n.children {
			walk(child, above)
		}
	}
	walk(tree(s.rules, targets), nil)
}

func (s *scope) ruleList() []*rule {
	if s == nil {
		return nil
	}
	return s.rules
}

// unfilled finds what the contract demands and no rule fills.
func (c *compiler) unfilled(at string, s *scope) {
	c.unfilledIn(at, "", s.register, tree(s.rules, targets))
	for _, r := range s.rules {
		if r.inner != nil {
			c.unfilled(r.at+".each", r.inner)
		}
	}
}

func (c *compiler) unfilledIn(at, where string, p place, n *node) {
	if p.json != nil {
		c.unfilledJSON(at, where, p, n)
		return
	}
	if !p.object() {
		if p.simple != nil && len(n.rules) == 0 && len(n.children) == 0 {
			c.problem(at, Unfilled, "the register's item or message needs a value and no rule gives it")
		}
		return
	}
	if len(n.rules) > 0 && len(n.children) == 0 && where != "" {
		return // the whole is filled by one rule
	}
	if p.typ != nil {
		if p.typ.Abstract && n.children["@xsi:type"] == nil {
			c.problem(at, Unfilled, fmt.Sprintf("%s/@xsi:type must be given and no rule fills it", where))
		}
		for _, a := range p.typ.Attributes {
			if a.Required && n.children["@"+a.Name] == nil {
				c.problem(at, Unfilled, fmt.Sprintf("%s/@%s must be given and no rule fills it", where, a.Name))
			}
		}
		if p.typ.Simple != nil && n.children["#text"] == nil {
			c.problem(at, Unfilled, where+"/#text must be given and no rule fills it")
		}
	}
	c.particle(at, where, p.content(), n, true, p.group != nil)
}

// particle looks at the elements of a content model. needed says that an
// instance of it must be there.
func (c *compiler) particle(at, where string, p *contract.Particle, n *node, needed, inGroup bool) {
	switch {
	case p == nil:
		return
	case p.Repeats() && !inGroup:
		if needed && p.Min > 0 && !p.Emptiable() && n.children["#group"] == nil {
			c.problem(at, Unfilled, where+"/#group must be given and no rule fills it")
		}
		return
	case p.Kind == contract.ElementParticle:
		c.element(at, where+"/"+escaped(p.Element.Name), p.Element, n.children[p.Element.Name], needed)
		return
	case p.Kind == contract.AnyParticle:
		if needed && p.Min > 0 && n.children["#any"] == nil {
			c.problem(at, Unfilled, where+"/#any must be given and no rule fills it")
		}
		return
	case p.Kind == contract.ChoiceParticle:
		c.choice(at, where, p, n, needed)
		return
	}
	needed = needed && p.Min > 0 || touched(p, n)
	for _, item := range p.Items {
		c.particle(at, where, item, n, needed, false)
	}
}

func (c *compiler) choice(at, where string, p *contract.Particle, n *node, needed bool) {
	some := false
	for _, branch := range p.Items {
		if touched(branch, n) {
			some = true
			c.particle(at, where, branch, n, true, false)
		}
	}
	if !some && needed && p.Min > 0 && !p.Emptiable() {
		names := fields(p, nil, true)
		c.problem(at, Unfilled, fmt.Sprintf("%s needs one of %s and no rule fills any", where, strings.Join(names, ", ")))
	}
}

func touched(p *contract.Particle, n *node) bool {
	for _, name := range fields(p, nil, false) {
		if n.children[name] != nil {
			return true
		}
	}
	return false
}

func (c *compiler) element(at, where string, el *contract.Element, n *node, needed bool) {
	p := ofElement(el, needed)
	if n == nil {
		if !p.required || p.many && p.least == 0 {
			return
		}
		if p.many || p.simple != nil || el.Type.Any || el.Type.Mixed {
			c.problem(at, Unfilled, where+" must be given and no rule fills it")
			return
		}
		if el.Type.Unsupported == nil { // an object that could be empty is made
			c.unfilledIn(at, where, p, &node{})
		}
		return
	}
	if len(n.rules) > 0 && p.required && !p.many && n.rules[len(n.rules)-1].When != "" {
		c.problem(n.rules[len(n.rules)-1].at+".when", Unfilled, where+" must be given; the last of the rules that fill it can have no condition")
	}
	if len(n.children) > 0 {
		c.unfilledIn(at, where, p.item(), n)
	}
}

// unread finds fields of an answer that no rule reads and nothing ignores.
func (c *compiler) unread(at string, d *direction, s *scope, above path) {
	c.unreadIn(at, d, s.register, tree(s.rules, sources), above)
	for _, r := range s.rules {
		if r.inner != nil {
			c.unread(r.at+".each", d, r.inner, append(append(path{}, above...), r.from[0]...))
		}
	}
}

func (c *compiler) unreadIn(at string, d *direction, p place, n *node, where path) {
	if d.ignores(where) || len(n.rules) > 0 {
		return
	}
	for _, name := range p.names() {
		below := append(append(path{}, where...), step{key: name})
		child, ok := p.child(name)
		switch {
		case !ok || d.ignores(below):
		case n.children[name] == nil:
			c.problem(at, Unread, "no rule reads "+below.String()+"; read it, or name it (or what it stands in) under answer.ignore")
		default:
			c.unreadIn(at, d, child.item(), n.children[name], below)
		}
	}
}

// ignores says whether the field, or what it stands in, is left out on purpose.
func (d *direction) ignores(p path) bool {
	for _, ignored := range d.ignored {
		if len(ignored) > len(p) {
			continue
		}
		match := true
		for i, s := range ignored {
			match = match && s.key == p[i].key
		}
		if match {
			return true
		}
	}
	return false
}
