package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// Budgets of a condition: how long it may be, and how much of a register's
// shape it may see.
const (
	conditionNodes = 200
	shapeDepth     = 8
	shapeNodes     = 4000
)

// shape is the type of a value as conditions see it. The zero shape is anything
// that cannot be looked into.
type shape struct {
	kind   Type
	fields map[string]*shape
	item   *shape
}

// condition is a compiled "when".
type condition struct {
	source  string
	tree    ast.Node
	program *vm.Program
	names   map[string]*shape // the fields that it reads
}

// newCondition type-checks a condition against the fields of the source, which
// of returns by name, nil for none.
func newCondition(source string, of func(name string) *shape) (*condition, error) {
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, oneLine(err)
	}
	seen := identifiers{}
	ast.Walk(&tree.Node, seen)
	c := &condition{source: source, tree: tree.Node, names: map[string]*shape{}}
	env := types.Map{}
	for name := range seen {
		if s := of(name); s != nil {
			c.names[name], env[name] = s, s.typ()
		}
	}
	// The clock is left out: what a table does depends on what it is given.
	c.program, err = expr.Compile(source, expr.Env(env), expr.AsBool(), expr.MaxNodes(conditionNodes), expr.DisableBuiltin("now"))
	if err != nil {
		return nil, oneLine(err)
	}
	return c, nil
}

// identifiers collects the names in an expression.
type identifiers map[string]bool

func (i identifiers) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.IdentifierNode); ok {
		i[n.Value] = true
	}
}

// oneLine keeps what is wrong and its column, without the drawing below.
func oneLine(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}

// holds decides the condition for an item or root of the source.
func (c *condition) holds(source any) (bool, error) {
	object, _ := source.(map[string]any)
	env := make(map[string]any, len(c.names))
	for name, s := range c.names {
		v, err := s.value(object[name])
		if err != nil {
			return false, err
		}
		env[name] = v
	}
	out, err := expr.Run(c.program, env)
	if err != nil {
		return false, errors.New("a number that the condition needs is missing")
	}
	return out == true, nil
}

// typ is the type in the language of conditions.
func (s *shape) typ() types.Type {
	switch {
	case s.fields != nil:
		m := types.Map{}
		for name, f := range s.fields {
			m[name] = f.typ()
		}
		return m
	case s.item != nil:
		return types.Array(s.item.typ())
	}
	switch s.kind {
	case Integer:
		return types.Int
	case Decimal:
		return types.Float64
	case Boolean:
		return types.Bool
	case raw:
		return types.Any
	case list:
		return types.Array(types.String)
	}
	return types.String
}

// value is what a condition sees: an absent text is empty, an absent list has no
// items, an absent flag is false; only an absent number is nothing.
func (s *shape) value(v any) (any, error) {
	switch {
	case s.fields != nil:
		object, _ := v.(map[string]any)
		out := make(map[string]any, len(s.fields))
		for name, f := range s.fields {
			one, err := f.value(object[name])
			if err != nil {
				return nil, err
			}
			out[name] = one
		}
		return out, nil
	case s.item != nil || s.kind == list:
		item := s.item
		if item == nil {
			item = &shape{kind: Text}
		}
		items, _ := toItems(v)
		out := make([]any, len(items))
		for i, one := range items {
			var err error
			if out[i], err = item.value(one); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return s.plain(v)
}

func (s *shape) plain(v any) (any, error) {
	switch s.kind {
	case raw:
		return v, nil
	case Boolean:
		return v == true, nil
	case Integer, Decimal:
		if v == nil {
			return nil, nil
		}
		text, ok := v.(string)
		if n, isNumber := v.(json.Number); isNumber {
			text, ok = n.String(), true
		}
		if !ok {
			text = fmt.Sprint(v)
		}
		if s.kind == Decimal {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil {
				return nil, errors.New("a number that the condition needs is none")
			}
			return f, nil
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return nil, errors.New("a number that the condition needs is none, or too large for a condition")
		}
		return n, nil
	}
	text, _ := v.(string)
	return text, nil
}

// shaped is the shape of a place of the contract. left bounds it.
func (p place) shaped(depth int, left *int) *shape {
	*left--
	if p.many {
		return &shape{item: p.item().shaped(depth, left)}
	}
	if !p.object() || depth == 0 || *left < 0 {
		return &shape{kind: p.kind()}
	}
	s := &shape{fields: map[string]*shape{}}
	for _, name := range p.names() {
		if child, ok := p.child(name); ok {
			s.fields[name] = child.shaped(depth-1, left)
		}
	}
	return s
}
