// Package receivers decides by rules which consultations a case needs, and
// why. A rule asks for one type of consultation, either when its condition over
// the case holds or, in the second wave, when one over an answer does.
// Conditions are checked against the types of what they read before anything is
// decided.
//
// The package is pure: it reads no clock and keeps nothing. A [Program] is safe
// for concurrent use.
package receivers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"
)

// FactType is the type of a fact of the case.
type FactType string

// The types of facts; a list is one of texts.
const (
	Text    FactType = "text"
	Integer FactType = "integer"
	Decimal FactType = "decimal"
	Boolean FactType = "boolean"
	List    FactType = "list"
)

// Reason says to people why somebody is asked, in Estonian and English.
type Reason struct {
	ET string `json:"et"`
	EN string `json:"en"`
}

// Rule asks for a consultation of the type Ask. When is the condition; "" always
// holds. After makes it a rule of the second wave, over the answers to
// questions of that type.
type Rule struct {
	Ask     string
	When    string
	After   string
	Because Reason
}

// Fault is what is wrong with the condition of one rule, by its index.
type Fault struct {
	Rule int
	Err  error
}

// maxNodes bounds a condition, so that what a configuration holds is decided at
// once.
const maxNodes = 200

// Program is a version of the rules, ready to decide.
type Program struct {
	facts map[string]FactType
	rules []compiled
}

type compiled struct {
	Rule
	program *vm.Program // nil always holds
	facts   []string    // that it reads, sorted
}

// answerType is what rules of the second wave know of the answer.
var answerType = types.Map{
	"type": types.String, "authority": types.String, "code": types.String, "conditions": types.Array(types.String), "facts": types.Any,
}

// Compile checks the rules against the facts that a case may have. It names
// the fault of every rule.
func Compile(facts map[string]FactType, rules []Rule) (*Program, []Fault) {
	p := &Program{facts: facts}
	var faults []Fault
	for i, r := range rules {
		c := compiled{Rule: r}
		if r.When != "" {
			var err error
			if c.program, c.facts, err = condition(facts, r.When, r.After != ""); err != nil {
				faults = append(faults, Fault{i, err})
				continue
			}
		}
		p.rules = append(p.rules, c)
	}
	return p, faults
}

func condition(facts map[string]FactType, source string, second bool) (*vm.Program, []string, error) {
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, nil, oneLine(err)
	}
	read := reads{names: map[string]bool{}}
	ast.Walk(&tree.Node, &read)
	if read.loose != 0 {
		return nil, nil, errors.New("facts are read one by one: facts.NAME")
	}
	of := types.Map{}
	for name, t := range facts {
		of[name] = typeOf(t)
	}
	env := types.Map{"occupation": types.String, "employer_code": types.String, "legal_basis": types.String, "purpose": types.String, "facts": of}
	if second {
		env["answer"] = answerType
	}
	for name := range read.names {
		if _, ok := facts[name]; !ok {
			return nil, nil, fmt.Errorf("there is no fact %q (known: %s)", name, strings.Join(slices.Sorted(maps.Keys(facts)), ", "))
		}
	}
	// The clock is left out: what is decided depends on the case alone.
	program, err := expr.Compile(source, expr.Env(env), expr.AsBool(), expr.MaxNodes(maxNodes), expr.DisableBuiltin("now"))
	if err != nil {
		return nil, nil, oneLine(err)
	}
	return program, slices.Sorted(maps.Keys(read.names)), nil
}

// reads collects the facts that an expression reads; loose counts what uses the
// facts otherwise than by name.
type reads struct {
	names map[string]bool
	loose int
}

// Visit sees a member after what it is a member of, so each good use makes up
// for one identifier.
func (r *reads) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if n.Value == "facts" {
			r.loose++
		}
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		name, isText := n.Property.(*ast.StringNode)
		if isName && isText && of.Value == "facts" {
			r.loose--
			r.names[name.Value] = true
		}
	}
}

func typeOf(t FactType) types.Type {
	switch t {
	case Integer:
		return types.Int
	case Decimal:
		return types.Float64
	case Boolean:
		return types.Bool
	case List:
		return types.Array(types.String)
	}
	return types.String
}

// oneLine keeps what is wrong and its column, without the drawing below.
func oneLine(err error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(text)
}
