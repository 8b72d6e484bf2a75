package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ristmik/mapping"
)

// Budgets of a draft: what is deeper, and everything of a type that holds
// itself, is passed on as it is.
const (
	draftDepth = 10
	draftRules = 3000
)

// Draft makes a table to begin with: every field of the operation under its own
// name, and the smallest request as an example. It is good as it stands; what is
// left to do is to give the fields the core's names, and to leave out what nobody
// needs. The error says why none can be made.
func Draft(o Options, operation, version string) (Definition, error) {
	d := Definition{Table: strings.ToLower(operation), Operation: operation, Version: version}
	c := &compiler{}
	m := c.messages(d, o)
	if m == nil {
		return d, errors.New(c.problems[0].Message)
	}
	var w drafter
	d.Request.Rules = w.side(m.input(), true)
	if m.rest == nil || m.answerSchema != nil {
		w.ignore = nil
		d.Answer.Rules = w.side(m.output(), false)
		d.Answer.Ignore = w.ignore
	}
	t, problems := New(d, o)
	if len(problems) > 0 {
		return d, fmt.Errorf("%s: %s", problems[0].Path, problems[0].Message)
	}
	if len(d.Request.Rules) > 0 {
		if e, ok := t.example(o); ok {
			// Not every smallest message survives the loss of its empty objects.
			if t.examples = []Example{e}; len(t.RunExamples(time.Time{})) == 0 {
				d.Examples = t.examples
			}
		}
	}
	return d, nil
}

// example is the smallest request.
func (t *Table) example(o Options) (Example, bool) {
	var sample map[string]any
	var err error
	if t.rest != nil {
		sample, err = o.REST.Example(t.rest, false)
	} else {
		sample, err = mapping.Sample(t.soap.Input, mapping.Smallest)
	}
	if err != nil {
		return Example{}, false
	}
	if sample, err = t.sent(sample); err != nil {
		return Example{}, false
	}
	said, err := t.request.turned().run(sample, time.Time{})
	if err != nil {
		return Example{}, false
	}
	return Example{Name: "smallest", Request: shown(trimmed(said)) + "\n", Sends: shown(sample) + "\n"}, true
}

// trimmed leaves out empty lists, and objects that hold nothing else; an object
// that has no fields to begin with stays.
func trimmed(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	out := map[string]any{}
	for key, one := range object {
		if items, ok := one.([]any); ok {
			if len(items) == 0 {
				continue
			}
			kept := make([]any, len(items))
			for i := range items {
				kept[i] = trimmed(items[i])
			}
			out[key] = kept
			continue
		}
		before, _ := one.(map[string]any)
		if after, ok := trimmed(one).(map[string]any); ok && len(after) == 0 && len(before) > 0 {
			continue
		}
		out[key] = trimmed(one)
	}
	return out
}

// drafter writes the rules of one side.
type drafter struct {
	toRegister bool
	rules      int
	ignore     []string
	within     map[any]bool // the types on the way down
}

// side drafts the rules of a message. Where all of it stands in one object, as in
// the part "request" of most services, the core need not say so.
func (w *drafter) side(root place, toRegister bool) []Rule {
	*w = drafter{toRegister: toRegister, within: map[any]bool{}}
	at := ""
	if names := root.names(); len(names) == 1 {
		if child, ok := root.child(names[0]); ok && !child.many && child.looked() {
			root, at = child, "/"+escaped(names[0])
		}
	}
	return w.object(root, at, "", at, 0)
}

// looked says whether the place has fields that can be told apart one by one.
func (p place) looked() bool {
	return p.object() && len(p.names()) > 0 && (p.typ == nil || !p.typ.Abstract && len(p.typ.Derived) == 0 && p.typ.Unsupported == nil)
}

// identity is the same for places of one type, nil where a type has no name.
func (p place) identity() any {
	if p.json == nil {
		return p.typ
	}
	if m, ok := p.json.written.(map[string]any); ok && m["$ref"] != nil {
		return m["$ref"]
	}
	return nil
}

// object drafts the rules of the fields of a place. register and core are the
// paths to it, where is the register's from the root.
func (w *drafter) object(p place, register, core, where string, depth int) []Rule {
	var out []Rule
	used := map[string]bool{}
	for _, name := range p.names() {
		step := "/" + escaped(name)
		child, ok := p.child(name)
		if _, good := parsePath(step); !ok || !good || child.typ != nil && child.typ.Unsupported != nil {
			if !w.toRegister {
				w.ignore = append(w.ignore, where+step)
			}
			continue
		}
		r := Rule{From: Texts{core + "/" + coreKey(name, used)}, To: Texts{register + step}, Title: child.title()}
		if !w.toRegister {
			r.From, r.To = r.To, r.From
		}
		item := child.item()
		id := item.identity()
		deep := depth < draftDepth && w.rules < draftRules && item.looked() && (id == nil || !w.within[id])
		w.rules++
		if !deep {
			out = append(out, r)
			continue
		}
		w.within[id] = true
		if child.many {
			r.Each = w.object(item, "", "", where+step, depth+1)
			out = append(out, r)
		} else {
			registerPath, corePath := r.To[0], r.From[0]
			if !w.toRegister {
				registerPath, corePath = corePath, registerPath
			}
			out = append(out, w.object(child, registerPath, corePath, where+step, depth+1)...)
		}
		delete(w.within, id)
	}
	return out
}

// coreKey is a name for the core's field that no other has.
func coreKey(name string, used map[string]bool) string {
	key := strings.TrimLeft(name, "@#")
	if key == "" || used[key] {
		key += "_" + map[byte]string{'@': "attribute", '#': "content"}[name[0]]
	}
	for used[key] {
		key += "_"
	}
	used[key] = true
	return escaped(key)
}

// title is what the description calls the field.
func (p place) title() string {
	if p.el != nil {
		return p.el.Doc
	}
	if p.json != nil {
		text, _ := p.json.schema["description"].(string)
		return strings.Join(strings.Fields(text), " ")
	}
	return ""
}

// YAML writes the table as a file holds it, as far as a draft goes.
func (d Definition) YAML() []byte {
	var out strings.Builder
	fmt.Fprintf(&out, "table: %s\noperation: %s\n", scalar(d.Table), scalar(d.Operation))
	if d.Version != "" {
		fmt.Fprintf(&out, "version: %s\n", scalar(d.Version))
	}
	for _, side := range []struct {
		name string
		Side
	}{{"request", d.Request}, {"answer", d.Answer}} {
		if len(side.Rules) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n%s:\n", side.name)
		if len(side.Ignore) > 0 {
			out.WriteString("  ignore:\n")
			for _, one := range side.Ignore {
				fmt.Fprintf(&out, "    - %s\n", scalar(one))
			}
		}
		out.WriteString("  rules:\n")
		writeRules(&out, side.Rules, "    ")
	}
	if len(d.Examples) > 0 {
		out.WriteString("\nexamples:\n")
	}
	for _, e := range d.Examples {
		fmt.Fprintf(&out, "  - name: %s\n    request: |\n      %s    sends: |\n      %s", scalar(e.Name), e.Request, e.Sends)
	}
	return []byte(out.String())
}

func writeRules(out *strings.Builder, rules []Rule, indent string) {
	for _, r := range rules {
		title := ""
		if r.Title != "" {
			title = ", title: " + quoted(r.Title)
		}
		if len(r.Each) == 0 {
			fmt.Fprintf(out, "%s- {from: %s, to: %s%s}\n", indent, scalar(r.From[0]), scalar(r.To[0]), title)
			continue
		}
		fmt.Fprintf(out, "%s- from: %s\n%s  to: %s\n", indent, scalar(r.From[0]), indent, scalar(r.To[0]))
		if title != "" {
			fmt.Fprintf(out, "%s  %s\n", indent, strings.TrimPrefix(title, ", "))
		}
		fmt.Fprintf(out, "%s  each:\n", indent)
		writeRules(out, r.Each, indent+"    ")
	}
}

// rePlain are texts that YAML takes for texts without quotes.
var rePlain = regexp.MustCompile(`^[A-Za-z/][\p{L}0-9_./@#~-]*$`)

func scalar(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		return quoted(s)
	}
	if rePlain.MatchString(s) {
		return s
	}
	return quoted(s)
}

func quoted(s string) string {
	var out strings.Builder
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return `""` // a text always has a JSON form
	}
	return strings.TrimSpace(out.String())
}
