package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"ristmik/mapping"
)

// Example is one use of a table with what must come of it. Request is the core's
// JSON and Sends what the register gets; Answer is the register's and Gives what
// the core gets. The register's side is XML or JSON. Refused are the violations,
// "path code" each, of a request or answer that is not to pass. On is the day
// of the exchange; without it, the day of the check.
type Example struct {
	Name    string   `yaml:"name"`
	Request string   `yaml:"request"`
	Sends   string   `yaml:"sends"`
	Answer  string   `yaml:"answer"`
	Gives   string   `yaml:"gives"`
	Refused []string `yaml:"refused"`
	On      string   `yaml:"on"`
}

// checkExamples sees that the examples can be read.
func (t *Table) checkExamples(c *compiler) {
	for i, e := range t.examples {
		at := fmt.Sprintf("examples[%d]", i)
		bad := func(key, message string) { c.problem(at+key, BadExample, message) }
		if e.Name == "" {
			bad("", "a name is needed")
		}
		if e.On != "" {
			if _, err := time.Parse(time.DateOnly, e.On); err != nil {
				bad(".on", "a day YYYY-MM-DD is needed")
			}
		}
		if e.Request == "" && e.Answer == "" {
			bad("", "an example has a request, an answer or both")
		}
		if (e.Request == "") != (e.Sends == "") && len(e.Refused) == 0 {
			bad("", "request and sends belong together, or request and refused")
		}
		if (e.Answer == "") != (e.Gives == "") && len(e.Refused) == 0 {
			bad("", "answer and gives belong together, or answer and refused")
		}
		for _, part := range []struct{ key, text string }{{".request", e.Request}, {".gives", e.Gives}} {
			core := t.request
			if part.key == ".gives" {
				core = t.answer
			}
			if part.text == "" {
				continue
			}
			if _, err := readJSON(part.text); err != nil {
				bad(part.key, err.Error())
			} else if core == nil {
				bad(part.key, "the table has no rules for this side")
			}
		}
		for _, part := range []struct {
			key, text string
			read      func(string) (map[string]any, error)
		}{{".sends", e.Sends, t.readRequest}, {".answer", e.Answer, t.readAnswer}} {
			if part.text == "" {
				continue
			}
			if _, err := part.read(part.text); err != nil {
				bad(part.key, err.Error())
			}
		}
	}
}

// RunExamples plays the examples. The problems say what came out differently;
// the values in them are those of the examples.
func (t *Table) RunExamples(today time.Time) []Problem {
	c := &compiler{}
	for i, e := range t.examples {
		at, on := fmt.Sprintf("examples[%d]", i), today
		if e.On != "" {
			on, _ = time.Parse(time.DateOnly, e.On) // was checked
		}
		if e.Request != "" {
			t.playRequest(c, at, e, on)
		}
		if e.Answer != "" {
			t.playAnswer(c, at, e, on)
		}
	}
	return c.problems
}

func (t *Table) playRequest(c *compiler, at string, e Example, on time.Time) {
	value, _ := readJSON(e.Request)
	made, err := t.ToRegister(value, on)
	var told map[string]any
	if err == nil {
		told, err = t.check(made)
	}
	if c.refusals(at, e.Name, err, e.Sends == "", e.Refused) || err != nil {
		return
	}
	wanted, _ := t.readRequest(e.Sends)
	c.differences(at+".sends", e.Name, "", wanted, told)
	if t.request.oneWay == "" {
		back, err := t.request.turned().run(told, on)
		if err != nil {
			c.problem(at+".request", FailedExample, e.Name+": turned round: "+err.Error())
			return
		}
		c.differences(at+".request", e.Name+", turned round", "", compact(value), compact(back))
	}
}

func (t *Table) playAnswer(c *compiler, at string, e Example, on time.Time) {
	answer, _ := t.readAnswer(e.Answer)
	made, err := t.ToCore(answer, on)
	if c.refusals(at, e.Name, err, e.Gives == "", e.Refused) || err != nil {
		return
	}
	wanted, _ := readJSON(e.Gives)
	c.differences(at+".gives", e.Name, "", wanted, made)
	if t.answer.oneWay == "" {
		back, err := t.answer.turned().run(made, on)
		if err != nil {
			c.problem(at+".answer", FailedExample, e.Name+": turned round: "+err.Error())
			return
		}
		c.differences(at+".answer", e.Name+", turned round", "", compact(answer), compact(back))
	}
}

// refusals compares violations with those that the example names. It returns
// true when that was all there is to compare.
func (c *compiler) refusals(at, name string, err error, expected bool, wanted []string) bool {
	var seen []string
	if found, ok := errors.AsType[mapping.Violations](err); ok {
		for _, v := range found {
			seen = append(seen, v.Path+" "+v.Code)
		}
	}
	slices.Sort(seen)
	switch {
	case err != nil && !expected:
		c.problem(at, FailedExample, name+": refused: "+strings.Join(seen, ", "))
	case expected && err == nil:
		c.problem(at+".refused", FailedExample, name+": is not refused")
		return true
	case expected && !slices.Equal(seen, slices.Sorted(slices.Values(wanted))):
		c.problem(at+".refused", FailedExample, name+": refused are "+strings.Join(seen, ", "))
	}
	return expected
}

// differences names every place where two values differ.
func (c *compiler) differences(at, name, path string, wanted, seen any) {
	x, isObject := wanted.(map[string]any)
	if y, ok := seen.(map[string]any); ok && isObject {
		keys := slices.Collect(maps.Keys(x))
		for key := range y {
			if _, ok := x[key]; !ok {
				keys = append(keys, key)
			}
		}
		slices.Sort(keys)
		for _, key := range keys {
			a, inWanted := x[key]
			b, inSeen := y[key]
			switch where := path + "/" + escaped(key); {
			case !inSeen:
				c.problem(at, FailedExample, fmt.Sprintf("%s: %s is missing; the example has %s", name, where, shown(a)))
			case !inWanted:
				c.problem(at, FailedExample, fmt.Sprintf("%s: %s is %s; the example has nothing there", name, where, shown(b)))
			default:
				c.differences(at, name, where, a, b)
			}
		}
		return
	}
	items, isList := toItems(wanted)
	if others, ok := toItems(seen); ok && isList && len(items) == len(others) {
		for i := range items {
			c.differences(at, name, index(path, i), items[i], others[i])
		}
		return
	}
	if shown(wanted) != shown(seen) {
		c.problem(at, FailedExample, fmt.Sprintf("%s: %s is %s; the example has %s", name, path, shown(seen), shown(wanted)))
	}
}

func shown(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "no JSON"
	}
	return string(text)
}

// compact leaves out empty lists and objects, which say no more than none.
func compact(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, one := range v {
			one = compact(one)
			if object, ok := one.(map[string]any); ok && len(object) == 0 {
				continue
			}
			if items, ok := one.([]any); ok && len(items) == 0 {
				continue
			}
			out[key] = one
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = compact(v[i])
		}
		return out
	}
	return value
}

// turned is the direction the other way round; only for one that can be.
func (d *direction) turned() *direction {
	return &direction{toRegister: !d.toRegister, root: d.root, core: d.core, scope: d.scope.turned()}
}

func (s *scope) turned() *scope {
	out := &scope{register: s.register, core: s.core}
	for _, r := range s.rules {
		if len(r.from) == 0 {
			continue // a constant says nothing
		}
		t := *r
		t.from, t.to, t.needed, t.fallback = r.to, r.from, false, nil
		t.chain = slices.Clone(r.chain)
		slices.Reverse(t.chain)
		if r.join >= 0 {
			t.join = len(t.chain) - 1 - r.join
		}
		if r.inner != nil {
			t.inner = r.inner.turned()
		}
		out.rules = append(out.rules, &t)
	}
	return out
}

// Examples says how many examples the table has.
func (t *Table) Examples() int { return len(t.examples) }
