package table

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"ristmik/mapping"
	"ristmik/mapping/codelist"
)

// codes translates between the core's codes and the register's, by a code list
// or by what the rule itself says.
type codes struct {
	list           *codelist.List
	core, register string
	on             path // of the date in the source, nil for the day of the exchange
	toRegister     map[string]string
	toCore         map[string]string
	ambiguous      bool // several codes of the core are one of the register
	kind           Type // of the register's place
}

// newCodes makes the translation of a rule, nil when it has none.
func (c *compiler) newCodes(at string, r Rule) *codes {
	if len(r.Values) > 0 && r.Codes.List != "" {
		c.problem(at+".values", Contradiction, "a rule translates by a code list or by values, not by both")
		return nil
	}
	if len(r.Values) > 0 {
		k := &codes{toRegister: r.Values, toCore: map[string]string{}, kind: Text}
		for _, core := range slices.Sorted(maps.Keys(r.Values)) {
			register := r.Values[core]
			if _, twice := k.toCore[register]; twice {
				k.ambiguous = true
			}
			k.toCore[register] = core
		}
		return k
	}
	if r.Codes == (Codes{}) {
		return nil
	}
	k := &codes{list: c.lists[r.Codes.List], core: r.Codes.Core, register: r.Codes.Register, kind: Text}
	if k.list == nil {
		c.problem(at+".codes.list", UnknownList, fmt.Sprintf("no code list is called %q", r.Codes.List), slices.Sorted(maps.Keys(c.lists))...)
		return nil
	}
	good := true
	for key, system := range map[string]string{"core": k.core, "register": k.register} {
		if !slices.Contains(k.list.Systems(), system) {
			c.problem(at+".codes."+key, UnknownList, fmt.Sprintf("the list has no system %q", system), k.list.Systems()...)
			good = false
		}
	}
	if r.Codes.On != "" {
		p, ok := parsePath(r.Codes.On)
		if !ok || len(p) == 0 {
			c.problem(at+".codes.on", BadPath, "a JSON pointer to a date in the source is needed", "/birth_date")
			return nil
		}
		k.on = p
	}
	if !good {
		return nil
	}
	return k
}

// translate gives the code of the other side, as of the day.
func (k *codes) translate(value any, toRegister bool, on time.Time) (out any, code, message string) {
	text, ok := plainText2(value)
	if !ok {
		return nil, CodeCodeList, "must be a code"
	}
	var other string
	switch {
	case k.list == nil && toRegister:
		other, ok = k.toRegister[text]
	case k.list == nil:
		other, ok = k.toCore[text]
	default:
		from, to := k.core, k.register
		if !toRegister {
			from, to = to, from
		}
		var err error
		other, err = k.list.Translate(from, to, text, on)
		if err != nil {
			return nil, CodeCodeList, "must be a code that can be translated; " + err.Error()
		}
		if back, err := k.list.Translate(to, from, other, on); err != nil || back != text {
			return nil, CodeLossy, "must be a code that can be translated back; code list " + k.list.Name()
		}
	}
	if !ok {
		return nil, CodeCodeList, "must be one of the codes that the table translates"
	}
	if toRegister {
		return plainOf(k.kind, other), "", ""
	}
	return other, "", ""
}

// plainText2 is the text of a plain value.
func plainText2(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case json.Number, bool, int, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// plainOf is the JSON value of a type that the text stands for.
func plainOf(kind Type, text string) any {
	switch kind {
	case Integer, Decimal:
		return json.Number(text)
	case Boolean:
		return text == "true"
	}
	return text
}

// checkCodes sees that the list has the codes that the contract has, and that
// the contract has the codes that the rule writes out.
func (c *compiler) checkCodes(at string, k *codes, p place, toRegister bool) {
	if !p.plain() {
		return
	}
	if k.ambiguous && !toRegister {
		c.problem(at+".values", Contradiction, "several codes of the core are one code of the register; which of them an answer means cannot be told")
	}
	if k.list == nil {
		for _, core := range slices.Sorted(maps.Keys(k.toRegister)) {
			if p.refuses(k.toRegister[core]) != "" {
				c.problem(at+".values."+core, MissingCode, fmt.Sprintf("the contract does not allow the code %q", k.toRegister[core]), p.enumeration()...)
			}
		}
	}
	if len(p.enumeration()) == 0 {
		return
	}
	var lacking []string
	for _, code := range p.enumeration() {
		if !k.has(code, c.today) {
			lacking = append(lacking, code)
		}
	}
	if toRegister && len(lacking) < len(p.enumeration()) || len(lacking) == 0 {
		return // what the core cannot ask for is not missed
	}
	key := ".codes.list"
	if k.list == nil {
		key = ".values"
	}
	for _, code := range lacking {
		c.problem(at+key, MissingCode, fmt.Sprintf("the contract has the code %q, which is not translated", code))
	}
}

// has says whether the register's code can be translated on the day, or on
// another where the table asks as of a date of its own.
func (k *codes) has(code string, today time.Time) bool {
	if k.list == nil {
		_, ok := k.toCore[code]
		return ok
	}
	_, err := k.list.Translate(k.register, k.core, code, today)
	refusal, ok := err.(*codelist.Refusal)
	return err == nil || ok && k.on != nil && refusal.Reason == codelist.NotValid
}

// schema describes the core's code.
func (k *codes) schema(*mapping.Schemas) map[string]any {
	if k.list == nil {
		return map[string]any{"type": "string", "enum": slices.Sorted(maps.Keys(k.toRegister))}
	}
	return map[string]any{"type": "string", "description": "A code of " + k.list.Title().EN + " (" + k.core + ")."}
}
