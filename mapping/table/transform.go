package table

import (
	"fmt"
	"slices"
	"strings"
)

// Transform is one of the named transforms, for people.
type Transform struct {
	// Name is how it is called, Arguments what stands in brackets after it.
	Name, Arguments string
	// Core and Register are the types of the value on the two sides.
	Core, Register Type
	// TwoWay says that it can be turned round without loss. Otherwise Direction
	// says where it can be used: "request", "answer" or "either".
	TwoWay    bool
	Direction string
	Doc       string
}

// lookup reads a plain text elsewhere in the source, by a pointer argument.
type lookup func(path) string

// change turns one value into another, or says in words what is needed instead.
type change func(value any, look lookup) (out any, refusal string)

// kit is what a transform is made of: a change for each direction, nil where it
// does not go.
type kit struct {
	Transform
	least, most int // how many arguments
	// build makes the changes; the arguments have been counted.
	build func(args []string) (toRegister, toCore change, err error)
}

// Transforms lists the named transforms in the order of their names.
func Transforms() []Transform {
	out := make([]Transform, 0, len(kits))
	for _, k := range kits {
		out = append(out, k.Transform)
	}
	slices.SortFunc(out, func(a, b Transform) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func transformNames() []string {
	var out []string
	for _, t := range Transforms() {
		out = append(out, t.Name)
	}
	return out
}

// The transforms that several fields take part in; package compile knows them.
const (
	joins   = "join"
	concats = "concat"
)

// call is a transform with its arguments, as a rule has it.
type call struct {
	kit
	args       []string
	text       string
	pointers   []path
	toRegister change
	toCore     change
}

// parseCall reads "name" or "name(argument, \"argument\")".
func parseCall(text string) (name string, args []string, ok bool) {
	name, rest, bracket := strings.Cut(strings.TrimSpace(text), "(")
	name = strings.TrimSpace(name)
	if !bracket {
		return name, nil, name != ""
	}
	rest, closed := strings.CutSuffix(rest, ")")
	if !closed || name == "" {
		return name, nil, false
	}
	for {
		rest = strings.TrimLeft(rest, " ")
		if quoted, is := strings.CutPrefix(rest, `"`); is {
			arg, after, ended := strings.Cut(quoted, `"`)
			if !ended {
				return name, nil, false
			}
			args, rest = append(args, arg), strings.TrimLeft(after, " ")
			if rest == "" {
				return name, args, true
			}
			if rest, ok = strings.CutPrefix(rest, ","); !ok {
				return name, nil, false
			}
			continue
		}
		arg, after, more := strings.Cut(rest, ",")
		args = append(args, strings.TrimSpace(arg))
		if !more {
			return name, args, true
		}
		rest = after
	}
}

// newCall makes the transform of a rule; the problem's code is "" when it is
// good.
func newCall(text string) (c call, code, message string) {
	name, args, ok := parseCall(text)
	if !ok {
		return c, UnknownTransform, "a transform is written name or name(argument, …)"
	}
	i := slices.IndexFunc(kits, func(k kit) bool { return k.Name == name })
	if i < 0 {
		return c, UnknownTransform, fmt.Sprintf("no transform is called %q", name)
	}
	c = call{kit: kits[i], args: args, text: text}
	if len(args) < c.least || len(args) > c.most {
		return c, UnknownTransform, fmt.Sprintf("it is written %s(%s)", name, c.Arguments)
	}
	for _, arg := range args {
		if p, ok := parsePath(arg); ok && len(p) > 0 {
			c.pointers = append(c.pointers, p)
		}
	}
	var err error
	if c.toRegister, c.toCore, err = c.build(args); err != nil {
		return c, UnknownTransform, err.Error()
	}
	return c, "", ""
}

// same says whether two plain values, or lists of them, are one.
func same(a, b any) bool {
	x, isList := toItems(a)
	if y, ok := toItems(b); isList || ok {
		return isList && ok && slices.EqualFunc(x, y, same)
	}
	return fmt.Sprint(a) == fmt.Sprint(b)
}
