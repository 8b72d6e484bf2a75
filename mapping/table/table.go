// Package table holds the declarative tables between the shape in which the
// migration core says a thing and the shape in which a register says it.
//
// A table belongs to one operation of a contract. Its request side writes what
// the register is sent out of what the core gave, its answer side what the core
// gets out of what the register answered; a side without rules keeps the shape
// of the contract. A rule says where a value comes from, where it goes, and by
// which of a closed set of transforms (see [Transforms]), code list or condition.
//
// Tables are checked against the compiled contract when they are loaded: every
// path, type, transform, code and condition, and that nothing which a register
// demands is left unfilled. What passes that is lossless or refused when it is
// used: a value that could not be told back is a violation, never a guess.
//
// A [Table] is immutable and safe for concurrent use.
package table

import (
	"errors"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/mapping"
	"ristmik/mapping/codelist"
	"ristmik/soap/contract"
)

// Definition is a table as it stands in a file.
type Definition struct {
	// Table is its name, Operation and Version the service that it is for.
	Table     string    `yaml:"table"`
	Operation string    `yaml:"operation"`
	Version   string    `yaml:"version"`
	Request   Side      `yaml:"request"`
	Answer    Side      `yaml:"answer"`
	Examples  []Example `yaml:"examples"`
}

// Side is one direction: the rules, and the fields of a register's answer that
// are left out on purpose, each with everything below it that no rule reads.
type Side struct {
	Rules  []Rule   `yaml:"rules"`
	Ignore []string `yaml:"ignore"`
}

// Rule fills one place, or several where a text is split.
type Rule struct {
	From Texts `yaml:"from"` // JSON pointers into the source
	To   Texts `yaml:"to"`   // JSON pointers into the target
	// Transform are calls of named transforms, in the order from source to target.
	Transform Texts `yaml:"transform"`
	// Codes translates by a code list, Values by what is written here: the
	// core's code first, the register's second.
	Codes  Codes             `yaml:"codes"`
	Values map[string]string `yaml:"values"`
	// Each maps the items of a list, by pointers from the item.
	Each []Rule `yaml:"each"`
	// Default is the source's value where it has none, Constant the target's.
	Default  string `yaml:"default"`
	Constant string `yaml:"constant"`
	// Required refuses a source without the value, NullIsAbsent takes null for
	// a value that is not there.
	Required     bool `yaml:"required"`
	NullIsAbsent bool `yaml:"null_is_absent"`
	// When is a condition on the source. The first rule of a target whose
	// condition holds fills it.
	When string `yaml:"when"`
	// Type is the type of a core field that no contract tells.
	Type Type `yaml:"type"`
	// Title describes the core's field to people.
	Title string `yaml:"title"`
}

// Texts is a list of texts of which a single one may stand for itself.
type Texts []string

// Single marks the list for the reader of the file.
func (Texts) Single() bool { return true }

// Codes names a code list and the two systems in it. On is a JSON pointer to a
// date in the source, the day of which the list's entries hold; without it, it is
// the day of the exchange.
type Codes struct {
	List     string `yaml:"list"`
	Core     string `yaml:"core"`
	Register string `yaml:"register"`
	On       string `yaml:"on"`
}

// Type is the type of a core field.
type Type string

// The types, each with the form of JSON it has.
const (
	Text    Type = "text"    // string
	Integer Type = "integer" // number without a fraction
	Decimal Type = "decimal" // number
	Boolean Type = "boolean" // true or false
	Date    Type = "date"    // string YYYY-MM-DD
	Moment  Type = "moment"  // string, RFC 3339
	list    Type = "list"    // array of strings
	raw     Type = "raw"     // whatever the contract has there
)

// Allowed lists the values that a file may hold.
func (Type) Allowed() []string {
	return []string{string(Text), string(Integer), string(Decimal), string(Boolean), string(Date), string(Moment)}
}

// Problem is one fault of a table. Path is its place in the file, such as
// "request.rules[2].to"; Code is one of the constants of this package.
type Problem struct {
	Path, Code, Message string
	Allowed             []string
}

// The codes of [Problem], a closed set.
const (
	BadPath          = "bad-path"          // not a JSON pointer, or no place that can be mapped
	UnknownField     = "unknown-field"     // the contract has nothing there
	UnknownOperation = "unknown-operation" // the contract has no such operation
	Missing          = "missing"           // something the rule or table needs
	Contradiction    = "contradiction"     // two things that cannot both hold
	UnknownTransform = "unknown-transform"
	WrongType        = "wrong-type" // a value or transform of another type than the place's
	OneWay           = "one-way"    // a transform that does not go in this direction
	UnknownList      = "unknown-list"
	MissingCode      = "missing-code" // a code list without a code that it needs
	BadCondition     = "bad-condition"
	Unfilled         = "unfilled" // a required element that no rule fills
	Unread           = "unread"   // a field of the answer that no rule reads and nothing ignores
	BadExample       = "bad-example"
	FailedExample    = "failed-example"
)

// The codes of violations that tables find, beside those of package mapping.
const (
	CodeCodeList  = "code_list" // a code that the list does not translate
	CodeTransform = "transform" // a value that the transform does not take
	CodeLossy     = "lossy"     // a value that could not be told back
	CodeCondition = "condition" // a condition that cannot be decided
)

// Options are what tables are checked against: a contract, SOAP or REST.
type Options struct {
	Contract *contract.Contract
	REST     *contract.REST
	// Faults tells what a schema of REST found, with the codes of package mapping.
	Faults func(*jsonschema.ValidationError) mapping.Violations
	Lists  map[string]*codelist.List // by name
	// Today is the day on which code lists must have the contract's codes.
	Today time.Time
}

// Table is a checked table.
type Table struct {
	name string
	messages
	request  *direction // nil when the side has no rules
	answer   *direction
	examples []Example
}

// Name returns the table's name.
func (t *Table) Name() string { return t.name }

// Operation returns the operation that the table is for, nil when it is one of
// REST.
func (t *Table) Operation() *contract.Operation { return t.soap }

// REST returns the operation of REST that the table is for, or nil.
func (t *Table) REST() *contract.RESTOperation { return t.rest }

// HasRequest and HasAnswer say which sides have rules; the others keep the shape
// of the contract.
func (t *Table) HasRequest() bool { return t.request != nil }

// HasAnswer is as HasRequest.
func (t *Table) HasAnswer() bool { return t.answer != nil }

// New checks a table. The problems name every fault; the table is nil when there
// are any.
func New(d Definition, o Options) (*Table, []Problem) {
	c := &compiler{lists: o.Lists, today: o.Today}
	if d.Table == "" {
		c.problem("table", Missing, "a name is needed")
	}
	m := c.messages(d, o)
	if m == nil {
		return nil, c.problems
	}
	t := &Table{name: d.Table, messages: *m, examples: d.Examples}
	if len(d.Request.Rules)+len(d.Answer.Rules) == 0 {
		c.problem("", Missing, "a table needs rules, under request or answer")
	}
	if len(d.Request.Rules) > 0 {
		t.request = c.direction("request", d.Request, m.input(), true)
	}
	if len(d.Answer.Rules) > 0 {
		t.answer = c.direction("answer", d.Answer, m.output(), false)
	}
	t.checkExamples(c)
	if len(c.problems) > 0 {
		return nil, c.problems
	}
	return t, nil
}

// ToRegister makes the content of the register's request out of the core's, as
// of the day on. The error is a [mapping.Violations] with paths of the core's.
func (t *Table) ToRegister(value map[string]any, on time.Time) (map[string]any, error) {
	if t.request == nil {
		return value, nil
	}
	return t.request.run(value, on)
}

// ToCore makes what the core gets out of the content of the register's answer.
// The error is a [mapping.Violations] with paths of the answer.
func (t *Table) ToCore(answer map[string]any, on time.Time) (map[string]any, error) {
	if t.answer == nil {
		return answer, nil
	}
	return t.answer.run(answer, on)
}

// ReadAnswer reads the answer of a register, XML or JSON, as [Table.ToCore] takes
// it. What does not keep to the contract is a [mapping.Violations].
func (t *Table) ReadAnswer(text []byte) (map[string]any, error) { return t.readAnswer(string(text)) }

// CheckRequest says what the contract has against a request that the table has
// made: a [mapping.Violations] with the places of the core's.
func (t *Table) CheckRequest(made map[string]any) error {
	_, err := t.check(made)
	return err
}

func (t *Table) check(made map[string]any) (map[string]any, error) {
	out, err := t.sent(made)
	if found, ok := errors.AsType[mapping.Violations](err); ok {
		return nil, t.InCore(found)
	}
	return out, err
}

// InCore gives violations of the register's request the places of the core's
// fields that they came from.
func (t *Table) InCore(found mapping.Violations) mapping.Violations {
	if t.request == nil {
		return found
	}
	out := make(mapping.Violations, len(found))
	for i, v := range found {
		if path, ok := t.request.sourceOf(v.Path); ok {
			v.Path = path
		} else {
			v.Message += " (the register's " + v.Path + ")"
			v.Path = ""
		}
		out[i] = v
	}
	return out
}

// RequestSchema and AnswerSchema describe the core's side in JSON Schema
// 2020-12; types of the contract that go through as they are become definitions
// of schemas. Of a side without rules they are the contract's.
func (t *Table) RequestSchema(schemas *mapping.Schemas) map[string]any {
	switch {
	case t.request == nil && t.rest != nil:
		return t.rest.Input
	case t.request == nil:
		return schemas.Of(t.soap.Input)
	}
	return t.request.core.jsonSchema(schemas)
}

// AnswerSchema is as RequestSchema.
func (t *Table) AnswerSchema(schemas *mapping.Schemas) map[string]any {
	switch {
	case t.answer == nil && t.rest != nil:
		schema, _ := t.answerSchema.(map[string]any)
		return schema
	case t.answer == nil:
		return schemas.Of(t.soap.Output)
	}
	return t.answer.core.jsonSchema(schemas)
}

// RequestExamples are the core's requests of the table's examples that pass, by
// their names.
func (t *Table) RequestExamples() map[string]map[string]any {
	out := map[string]map[string]any{}
	for _, e := range t.examples {
		if e.Request != "" && e.Sends != "" {
			out[e.Name], _ = readJSON(e.Request) // was read when the table was made
		}
	}
	return out
}
