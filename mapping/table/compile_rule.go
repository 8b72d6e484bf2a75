package table

import (
	"fmt"

	"ristmik/mapping"
)

// conditionField is a rule that makes a field of the core known to conditions.
func (c *compiler) conditionField(d *direction, r *rule, s *scope) *rule {
	if len(r.from) != 1 {
		c.problem(r.at+".from", Contradiction, "one field is needed")
		return nil
	}
	r.kind, r.needed, r.sure = r.Type, r.Required, r.Required
	d.oneWay = "a field is read by conditions only"
	c.coreField(r.at+".from", 0, r, s, r.from[0], true)
	return r
}

// constant compiles a rule with a value of its own.
func (c *compiler) constant(d *direction, r *rule, s *scope, coreKey string) *rule {
	r.sure = r.When == ""
	if d.toRegister {
		if r.Type != "" {
			c.problem(r.at+".type", Contradiction, "the contract says the type")
		}
		if !r.register.plain() || r.register.many {
			c.problem(r.at+".to", WrongType, "a constant is for a plain field")
			return nil
		}
		if refusal := r.register.refuses(r.Constant); refusal != "" {
			c.problem(r.at+".constant", WrongType, "the contract does not allow it: "+refusal, r.register.enumeration()...)
		}
		r.constant = plainOf(r.register.kind(), r.Constant)
		return r
	}
	r.kind = r.Type
	if r.kind == "" {
		r.kind = Text
	}
	if problem := r.kind.refuses(r.Constant); problem != "" {
		c.problem(r.at+".constant", WrongType, problem)
	}
	r.constant = plainOf(r.kind, r.Constant)
	c.coreField(r.at+coreKey, 0, r, s, r.to[0], false)
	return r
}

// refuses says what is wrong with the text as a value of the type.
func (t Type) refuses(text string) string {
	good := true
	switch t {
	case Integer:
		good = reWhole.MatchString(text)
	case Decimal:
		good = reDecimal.MatchString(text)
	case Boolean:
		good = text == "true" || text == "false"
	case Date:
		_, refusal := toDay(text, nil)
		good = refusal == "" && len(text) == 10
	case Moment:
		good = reMoment.MatchString(text)
	}
	if good {
		return ""
	}
	return "this is no " + string(t)
}

// each compiles the rules of a list.
func (c *compiler) each(d *direction, r *rule, s *scope, chained bool, core path, coreAt string) *rule {
	if !r.register.many {
		c.problem(r.at+".each", Contradiction, "the register's field does not repeat")
		return nil
	}
	f, ok := s.core.at(core)
	if !ok || !f.empty() {
		c.problem(coreAt, Contradiction, core.String()+" is something else in another rule")
		return nil
	}
	f.item, f.title = &field{}, r.Title
	f.least, f.most = r.register.least, max(0, r.register.most)
	if !d.toRegister {
		f.least = 0
	}
	r.needed = r.Required || d.toRegister && chained
	r.sure = (!d.toRegister || r.needed) && r.When == ""
	f.required = r.sure
	r.inner = c.scope(d, r.at+".each", r.Each, r.register.item(), f.item)
	return r
}

// chain compiles the transforms of a rule and finds the type of the core's
// value. Types are followed from the core to the register in any direction.
func (c *compiler) chain(d *direction, r *rule) bool {
	before := len(c.problems)
	at := func(i int) string {
		if len(r.Transform) == 1 {
			return r.at + ".transform"
		}
		return fmt.Sprintf("%s.transform[%d]", r.at, i)
	}
	for i, text := range r.Transform {
		one, code, message := newCall(text)
		if code != "" {
			var known []string
			if one.Name == "" {
				known = transformNames()
			}
			c.problem(at(i), code, message, known...)
			continue
		}
		joining := one.Name == joins || one.Name == concats
		switch {
		case joining && r.join >= 0:
			c.problem(at(i), Contradiction, "fields are joined or split only once")
		case joining:
			r.join = i
		case d.toRegister && one.toRegister == nil || !d.toRegister && one.toCore == nil:
			c.problem(at(i), OneWay, one.Name+" goes one way only and cannot be used here; allowed: "+one.Direction)
		}
		if !one.TwoWay {
			d.oneWay = "the transform " + one.Name + " goes one way"
		}
		if len(one.pointers) > 0 {
			d.oneWay = "a transform reads another field"
		}
		r.chain = append(r.chain, one)
	}
	if r.codes != nil && r.codes.on != nil {
		d.oneWay = "a code list is asked as of a date in the source"
	}
	if len(c.problems) > before {
		return false
	}
	switch several := len(r.from) > 1 || len(r.to) > 1; {
	case several && r.join < 0:
		c.problem(r.at+".transform", Missing, "several fields need a transform that joins or splits them", joins, concats)
		return false
	case r.join >= 0 && !several:
		c.problem(r.at+".transform", Contradiction, "join and concat are for several fields")
		return false
	case len(r.to) > 1 && r.chain[r.join].Name == concats:
		c.problem(r.at+".transform", OneWay, "concat cannot be split again", joins)
		return false
	case several && r.chain[r.join].args[0] == "" && r.chain[r.join].Name == joins:
		c.problem(r.at+".transform", UnknownTransform, "join needs a separator")
		return false
	case r.items && several:
		c.problem(r.at, WrongType, "lists are not joined or split")
		return false
	}
	return c.types(d, r, at)
}

// types follows the types of a chain.
func (c *compiler) types(d *direction, r *rule, at func(int) string) bool {
	end := r.register.kind()
	r.kind = end
	if len(r.chain) == 0 && r.codes == nil {
		return true
	}
	if end == raw {
		c.problem(r.at, WrongType, "the register's field is no plain value; only each or a copy as it is can be had of it")
		return false
	}
	order := make([]int, len(r.chain))
	for i := range order {
		order[i] = i
		if !d.toRegister {
			order[i] = len(order) - 1 - i
		}
	}
	var now Type
	if r.codes != nil {
		r.kind, now = Text, Text
		if len(r.chain) == 0 {
			r.codes.kind, now = end, end
		}
	}
	for n, i := range order {
		one := r.chain[i]
		if n == 0 && r.codes == nil {
			r.kind = one.Core
		} else if !fits(now, one.Core) {
			c.problem(at(i), WrongType, fmt.Sprintf("%s has %s at the core's side, not %s", one.Name, one.Core, now))
			return false
		}
		now = one.Register
	}
	if !fits(now, end) {
		c.problem(r.at+".transform", WrongType, fmt.Sprintf("the register's field is %s, the transform has %s there", end, now))
		return false
	}
	if r.codes != nil && len(r.chain) == 0 {
		c.checkCodes(r.at, r.codes, r.register, d.toRegister)
	}
	return true
}

// fits says whether a value of one type is one of the other.
func fits(is, wanted Type) bool {
	return is == wanted || wanted == Text && (is == Date || is == Moment)
}

// defaults checks the default by putting it through the rule.
func (c *compiler) defaults(d *direction, r *rule) {
	if r.Default == "" {
		return
	}
	d.oneWay = "a default cannot be told from a value that was given"
	kind := r.kind
	if !d.toRegister {
		kind = r.register.kind()
	}
	if r.items || kind == list || kind == raw {
		c.problem(r.at+".default", WrongType, "a default is for a plain field")
		return
	}
	if problem := kind.refuses(r.Default); problem != "" {
		c.problem(r.at+".default", WrongType, problem)
		return
	}
	r.fallback = plainOf(kind, r.Default)
	r.needed, r.sure = false, !d.toRegister
	// A date to ask a code list by is not known yet.
	if r.codes != nil && r.codes.on != nil {
		return
	}
	out, code, message := r.change(r.fallback, d.toRegister, func(path) string { return "" }, c.today)
	switch {
	case code == CodeCodeList:
		c.problem(r.at+".default", MissingCode, message)
		return
	case code != "":
		c.problem(r.at+".default", WrongType, message)
		return
	}
	if text, ok := plainText2(out); ok && d.toRegister {
		if refusal := r.register.refuses(text); refusal != "" {
			c.problem(r.at+".default", WrongType, "the contract does not allow it: "+refusal, r.register.enumeration()...)
		}
	}
}

// coreField notes the core's field that a rule reads or fills.
func (c *compiler) coreField(at string, i int, r *rule, s *scope, p path, reads bool) {
	if n := max(len(r.from), len(r.to)); n > 1 && i < n {
		at = fmt.Sprintf("%s[%d]", at, i)
	}
	for _, one := range p {
		if one.only {
			c.problem(at, BadPath, "the core's fields have no numbers; map items with each")
			return
		}
	}
	f, ok := s.core.at(p)
	if !ok || f.object() && !f.empty() || f.item != nil && (!r.items || f.item.object()) {
		c.problem(at, Contradiction, p.String()+" is something else in another rule")
		return
	}
	again := f.leaf || f.item != nil
	leaf := f
	if r.items {
		if f.item == nil {
			f.item = &field{}
		}
		leaf = f.item
	}
	if again && leaf.kind != r.kind {
		c.problem(at, Contradiction, fmt.Sprintf("%s is %s in another rule and %s here", p, leaf.kind, r.kind))
		return
	}
	if reads {
		f.required = f.required || r.sure
	} else {
		f.required = r.sure && (!again || f.required)
	}
	if r.Title != "" {
		f.title = r.Title
	}
	leaf.leaf, leaf.kind = true, r.kind
	leaf.nullable = r.register.nillable && !r.NullIsAbsent && r.Constant == ""
	if again {
		leaf.schema = nil // of two rules none speaks for the other
		return
	}
	if len(r.chain) == 0 && r.codes == nil && r.Constant == "" && len(r.to) > 0 {
		place := r.register.item()
		leaf.schema = func(schemas *mapping.Schemas) map[string]any { return place.schema(schemas) }
	}
	if r.codes != nil {
		leaf.schema = r.codes.schema
	}
}
