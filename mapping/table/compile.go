package table

import (
	"fmt"
	"strings"
	"time"

	"ristmik/mapping/codelist"
)

// compiler collects the faults of one table.
type compiler struct {
	lists    map[string]*codelist.List
	today    time.Time
	problems []Problem
}

func (c *compiler) problem(path, code, message string, allowed ...string) {
	c.problems = append(c.problems, Problem{path, code, message, allowed})
}

// direction is one compiled side of a table.
type direction struct {
	toRegister bool
	root       place
	core       *field
	scope      *scope
	oneWay     string // why it cannot be turned round, "" when it can
	ignored    []path
	list       *rule // of an answer of SOAP, the rule whose list can be mapped item by item; or nil
}

// scope is a list of rules with where they work: the root of a message or the
// items of a list.
type scope struct {
	rules    []*rule
	register place
	core     *field
}

// rule is a compiled rule.
type rule struct {
	Rule
	at       string // its place in the file
	from, to []path
	chain    []call // in the order from source to target
	join     int    // the place of join or concat in the chain, -1 for none
	codes    *codes
	kind     Type // of the core's value
	register place
	items    bool // plain items of a list, one by one
	inner    *scope
	needed   bool
	sure     bool // it always gives a value
	fallback any  // the default
	constant any
	when     *condition
}

func (c *compiler) direction(at string, s Side, root place, toRegister bool) *direction {
	d := &direction{toRegister: toRegister, root: root, core: newObject()}
	d.scope = c.scope(d, at+".rules", s.Rules, d.root, d.core)
	for i, pointer := range s.Ignore {
		where := fmt.Sprintf("%s.ignore[%d]", at, i)
		p, ok := parsePath(pointer)
		switch {
		case toRegister:
			c.problem(where, Contradiction, "only fields of an answer can be ignored: a request has no fields but those of its rules")
		case !ok:
			c.problem(where, BadPath, "a JSON pointer into the answer is needed, without numbers", "/request")
		default:
			if c.walk(where, d.root, p) {
				d.ignored = append(d.ignored, p)
				d.oneWay = "fields are ignored"
			}
		}
	}
	if toRegister {
		c.unfilled(at, d.scope)
	} else {
		c.unread(at, d, d.scope, nil)
		if root.json == nil {
			d.list = listOf(d.scope)
		}
	}
	return d
}

// walk sees that the contract has the path, through lists without a number.
func (c *compiler) walk(where string, p place, to path) bool {
	for _, s := range to {
		child, ok := p.item().child(s.key)
		if !ok {
			c.problem(where, UnknownField, "the contract has no "+to.String(), p.names()...)
			return false
		}
		p = child
	}
	return true
}

func (c *compiler) scope(d *direction, at string, rules []Rule, register place, core *field) *scope {
	s := &scope{register: register, core: core}
	for i, r := range rules {
		if one := c.rule(d, fmt.Sprintf("%s[%d]", at, i), r, s); one != nil {
			s.rules = append(s.rules, one)
		}
	}
	for _, r := range s.rules {
		c.condition(d, r, s)
	}
	c.targets(d, s)
	return s
}

// condition compiles what a rule asks of the source, once all fields of the
// core are known.
func (c *compiler) condition(d *direction, r *rule, s *scope) {
	if r.When == "" {
		return
	}
	left := shapeNodes
	when, err := newCondition(r.When, func(name string) *shape {
		if d.toRegister {
			if f := s.core.children[name]; f != nil {
				return f.shaped()
			}
			return nil
		}
		p, ok := s.register.child(name)
		if !ok {
			return nil
		}
		return p.shaped(shapeDepth, &left)
	})
	if err != nil {
		c.problem(r.at+".when", BadCondition, err.Error())
		return
	}
	r.when = when
	d.oneWay = "rules have conditions"
}

// rule compiles one rule; nil when too little of it can be understood.
func (c *compiler) rule(d *direction, at string, r Rule, s *scope) *rule {
	out := &rule{Rule: r, at: at, join: -1}
	before := len(c.problems)
	root := s.core == d.core
	out.from, out.to = c.pointers(at+".from", r.From), c.pointers(at+".to", r.To)
	for _, p := range append(out.from[:len(out.from):len(out.from)], out.to...) {
		if root && len(p) == 0 {
			c.problem(at, BadPath, "the whole message cannot be mapped by one rule; only items of lists are named by an empty pointer")
		}
	}
	c.contradictions(d, at, r)
	if len(c.problems) > before {
		return nil
	}
	if len(r.To) == 0 {
		return c.conditionField(d, out, s)
	}
	registerSide, coreSide, registerKey, coreKey := out.to, out.from, ".to", ".from"
	if !d.toRegister {
		registerSide, coreSide, registerKey, coreKey = out.from, out.to, ".from", ".to"
	}
	chained := true
	for i, p := range registerSide {
		found, whole, ok := c.resolve(at+registerKey, s.register, p)
		if !ok {
			return nil
		}
		if i > 0 && (found.many || found.kind() != out.register.kind()) {
			c.problem(at+registerKey, WrongType, "the fields must be of one type")
			return nil
		}
		out.register = found
		chained = chained && whole
	}
	if r.Constant != "" {
		return c.constant(d, out, s, coreKey)
	}
	if len(r.Each) > 0 {
		return c.each(d, out, s, chained, coreSide[0], at+coreKey)
	}
	out.items = out.register.many
	out.codes = c.newCodes(at, r)
	if out.codes != nil && out.codes.ambiguous {
		d.oneWay = "several codes of the core are one of the register"
	}
	if !c.chain(d, out) {
		return nil
	}
	out.needed = r.Required || d.toRegister && chained && !out.items
	out.sure = (out.needed || chained && !d.toRegister) && (!out.register.nillable || !r.NullIsAbsent)
	c.defaults(d, out)
	if out.items || out.kind == list {
		out.sure = !d.toRegister || out.needed || r.Required
	}
	if r.NullIsAbsent {
		d.oneWay = "null is taken for a value that is not there"
	}
	out.sure = out.sure && r.When == ""
	for i, p := range coreSide {
		c.coreField(at+coreKey, i, out, s, p, d.toRegister)
	}
	return out
}

// pointers reads the pointers of a rule.
func (c *compiler) pointers(at string, texts Texts) []path {
	var out []path
	for i, text := range texts {
		p, ok := parsePath(text)
		if !ok {
			where := at
			if len(texts) > 1 {
				where = fmt.Sprintf("%s[%d]", at, i)
			}
			c.problem(where, BadPath, fmt.Sprintf("%q is no JSON pointer; items of lists are reached by each, or with /0 when there is only one", text), "/person/given_name")
			continue
		}
		out = append(out, p)
	}
	return out
}

// contradictions finds what cannot stand together in a rule.
func (c *compiler) contradictions(d *direction, at string, r Rule) {
	several := len(r.From) > 1 || len(r.To) > 1
	one := func(bad bool, key, code, message string) {
		if bad {
			c.problem(at+key, code, message)
		}
	}
	one(len(r.From) == 0 && r.Constant == "", "", Missing, "a rule needs from or constant")
	one(len(r.From) > 0 && r.Constant != "", ".constant", Contradiction, "a constant comes from nowhere; leave out from, or write default")
	one(len(r.To) == 0 && (r.Type == "" || !d.toRegister), "", Missing, "a rule needs to; only a field of the core that conditions alone read has a type instead")
	one(len(r.From) > 1 && len(r.To) > 1, ".to", Contradiction, "several fields become one, or one several")
	one(r.Constant != "" && (len(r.Transform) > 0 || r.Codes.List != "" || len(r.Values) > 0 || r.Default != "" || several), ".constant", Contradiction, "a constant is the target's value as it is")
	one(len(r.Each) > 0 && (len(r.Transform) > 0 || r.Codes.List != "" || len(r.Values) > 0 || r.Default != "" || r.Constant != "" || several), ".each", Contradiction, "the items of a list are mapped by the rules below each and nothing else")
	one(several && (r.Codes.List != "" || len(r.Values) > 0 || r.Default != ""), "", Contradiction, "codes and defaults are for one field and not for several")
	one(r.Default != "" && r.Required, ".default", Contradiction, "what is required needs no default")
	one(r.Type != "" && len(r.To) > 0 && r.Constant == "", ".type", Contradiction, "the contract and the transforms say the type")
}

// resolve finds the place of the register that a path leads to. whole says that
// every message has it.
func (c *compiler) resolve(at string, p place, to path) (found place, whole, ok bool) {
	whole = true
	for i, s := range to {
		if i > 0 && p.many {
			c.problem(at, BadPath, to[:i].String()+" repeats; map its items with each, or write "+to[:i].String()+"/0 for the only one")
			return p, false, false
		}
		child, ok := p.child(s.key)
		if !ok {
			where := to[:i].String()
			if where == "" {
				where = "the message or item"
			}
			c.problem(at, UnknownField, fmt.Sprintf("%s has no %s in the contract", where, s.key), p.names()...)
			return p, false, false
		}
		if child.typ != nil && child.typ.Unsupported != nil {
			c.problem(at, UnknownField, to.String()+" cannot be used: "+child.typ.Unsupported.Error())
			return p, false, false
		}
		whole = whole && child.required
		if s.only {
			if !child.many {
				c.problem(at, BadPath, strings.TrimSuffix(to[:i+1].String(), "/0")+" does not repeat")
				return p, false, false
			}
			child = child.item()
		}
		p = child
	}
	return p, whole, true
}
