package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/beevik/etree"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// messages are the request and the answer of an operation, SOAP or REST. The
// content of a SOAP message is what its wrapper holds. That of a REST request is
// the one object of [contract.RESTOperation], that of an answer an object with the
// key "body".
type messages struct {
	soap *contract.Operation
	rest *contract.RESTOperation
	// definitions are what schemas of REST refer to; answerSchema is that of the
	// answer, which comes with status.
	definitions  map[string]any
	answerSchema any
	status       int
	faults       func(*jsonschema.ValidationError) mapping.Violations
}

// messages finds the operation of a table; nil when there is none that can be
// used.
func (c *compiler) messages(d Definition, o Options) *messages {
	fault := func(message string, known ...string) *messages {
		c.problem("operation", UnknownOperation, message, known...)
		return nil
	}
	if o.REST == nil {
		op, ok := o.Contract.Operation(d.Operation, d.Version)
		if !ok {
			var known []string
			for _, one := range o.Contract.Operations() {
				known = append(known, strings.TrimSuffix(one.Code+" "+one.Version, " "))
			}
			return fault(o.Contract.Name()+" has no such operation and version", known...)
		}
		if op.Unsupported != nil {
			return fault("the operation cannot be used: " + op.Unsupported.Error())
		}
		return &messages{soap: op}
	}
	op := o.REST.Operation(d.Operation)
	if op == nil || d.Version != "" {
		var known []string
		for _, one := range o.REST.Operations {
			known = append(known, one.Code)
		}
		return fault(o.REST.Name+" has no such operation; operations of REST have no version", known...)
	}
	if op.Unsupported != nil {
		return fault("the operation cannot be used: " + op.Unsupported.Error())
	}
	m := &messages{rest: op, definitions: o.REST.Schemas, faults: o.Faults}
	for _, status := range slices.Sorted(maps.Keys(op.Answers)) {
		schema := op.Answers[status]
		if schema == nil || !strings.HasPrefix(status, "2") && (status != "default" || m.answerSchema != nil) {
			continue
		}
		if m.answerSchema != nil && !reflect.DeepEqual(m.answerSchema, schema) {
			return fault("the operation has answers of several forms, which a table cannot tell apart")
		}
		if m.answerSchema == nil {
			m.answerSchema, m.status = schema, statusOf(status)
		}
	}
	if m.answerSchema == nil && len(d.Answer.Rules) > 0 {
		return fault("the operation answers with no JSON that a table could map")
	}
	return m
}

// statusOf is a status of the kind that a description names.
func statusOf(key string) int {
	if n, err := strconv.Atoi(key); err == nil {
		return n
	}
	return 200
}

func (m *messages) input() place {
	if m.rest != nil {
		return ofSchema(m.rest.Input, m.definitions, true)
	}
	return wrapper(m.soap.Input)
}

func (m *messages) output() place {
	if m.rest != nil {
		return ofSchema(map[string]any{"type": "object", "properties": map[string]any{"body": m.answerSchema}, "required": []any{"body"}}, m.definitions, true)
	}
	return wrapper(m.soap.Output)
}

// sent is the content of a request in the form that reading it gives. The error
// is a [mapping.Violations] when it does not keep to the contract.
func (m *messages) sent(made map[string]any) (map[string]any, error) {
	if m.rest == nil {
		return canonical(m.soap.Input, made)
	}
	value, err := plainJSON(made)
	if err != nil {
		return nil, err
	}
	object, _ := value.(map[string]any)
	return object, m.violations(m.rest.CheckRequest(value))
}

func (m *messages) violations(err error) error {
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return m.faults(invalid)
	}
	return err
}

// readRequest reads what a register is sent: XML or JSON.
func (m *messages) readRequest(text string) (map[string]any, error) {
	if m.rest == nil {
		return readSOAP(m.soap.Input, text)
	}
	value, err := readJSON(text)
	if err != nil {
		return nil, err
	}
	return m.sent(value)
}

// readAnswer reads what a register answers.
func (m *messages) readAnswer(text string) (map[string]any, error) {
	if m.rest == nil {
		return readSOAP(m.soap.Output, text)
	}
	value, err := readAny([]byte(text))
	if err != nil {
		return nil, errors.New("JSON is needed")
	}
	return map[string]any{"body": value}, m.violations(m.rest.CheckAnswer(m.status, value, true))
}

// readSOAP reads the content of a SOAP message, XML or JSON.
func readSOAP(el *contract.Element, text string) (map[string]any, error) {
	if !strings.HasPrefix(strings.TrimSpace(text), "<") {
		value, err := readJSON(text)
		if err != nil {
			return nil, err
		}
		return canonical(el, value)
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(text); err != nil || doc.Root() == nil {
		return nil, errors.New("this is no XML")
	}
	return mapping.Decode(el, doc.Root())
}

// canonical is the form that decoding gives a message.
func canonical(el *contract.Element, value map[string]any) (map[string]any, error) {
	x, err := mapping.Encode(el, value)
	if err != nil {
		return nil, err
	}
	return mapping.Decode(el, x)
}

func readJSON(text string) (map[string]any, error) { return ReadJSON([]byte(text)) }

// ReadJSON reads one JSON object, with its numbers as they are written.
func ReadJSON(text []byte) (map[string]any, error) {
	value, err := readAny(text)
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		return nil, errors.New("one JSON object is needed")
	}
	return object, nil
}

func readAny(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, fmt.Errorf("one value is needed, not several")
	}
	return out, nil
}
