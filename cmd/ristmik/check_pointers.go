package main

import (
	"fmt"
	"slices"
	"strings"

	"ristmik/configs"
	"ristmik/soap/contract"
)

// pointers checks that what a register's entry says about its answers leads to
// fields that they have. REST descriptions leave open what else an answer holds,
// and the bodies of refusals are often not described, so they are not looked at.
func (m *meaning) pointers(path string, k configs.Contract) {
	if k.REST() {
		return
	}
	c, err := openContract(m.cfg, k.File)
	if err != nil {
		return // told already
	}
	check := func(at, pointer string) {
		if strings.HasPrefix(pointer, "/") && !answersHave(c, pointer) {
			m.fault(at, "unknown-field", fmt.Sprintf("no operation of %s has the field %s in its answer, outside of lists; ristmik contract sample FILE OPERATION --answer --fullest shows one", k.File, pointer))
		}
	}
	for i, pointer := range k.Refusals {
		check(fmt.Sprintf("%s.refusals[%d]", path, i), pointer)
	}
	for i, e := range k.Errors {
		check(fmt.Sprintf("%s.errors[%d].code", path, i), e.Code)
		check(fmt.Sprintf("%s.errors[%d].text", path, i), e.Text)
	}
	check(path+".as_of", k.AsOf)
}

// answersHave says whether the answer of any operation has the field.
func answersHave(c *contract.Contract, pointer string) bool {
	for _, op := range c.Operations() {
		if op.Unsupported == nil && leads(op.Output.Type, strings.Split(pointer[1:], "/")) {
			return true
		}
	}
	return false
}

// leads says whether there is a field below a type; what takes anything has
// every field.
func leads(t *contract.Type, steps []string) bool {
	if len(steps) == 0 || t.Any {
		return true
	}
	el := t.Content.Field(strings.NewReplacer("~1", "/", "~0", "~").Replace(steps[0]))
	if el != nil {
		return !el.Many() && leads(el.Type, steps[1:])
	}
	return slices.ContainsFunc(t.Derived, func(d *contract.Type) bool { return d.Content.Field(steps[0]) != nil && leads(d, steps) })
}
