package registers

import (
	"errors"
	"fmt"
	"slices"

	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// tablesOf finds the table of each operation. Two for one operation are an
// error, and so is one for an operation of another contract.
func tablesOf(r Register) (map[*contract.Operation]*table.Table, error) {
	tables := map[*contract.Operation]*table.Table{}
	for _, t := range r.Tables {
		op := t.Operation()
		if !slices.Contains(r.Contract.Operations(), op) {
			return nil, fmt.Errorf("registers: the table %s is not for an operation of %s", t.Name(), r.Name)
		}
		if tables[op] != nil {
			return nil, fmt.Errorf("registers: %s has two tables for %s", r.Name, op.Code)
		}
		tables[op] = t
	}
	return tables, nil
}

// encode writes the content of a request: by the operation's table out of what
// the core says, or else by the contract alone. The error is a
// [mapping.Violations] with the core's places.
func (a *API) encode(reg *served, op *contract.Operation, body []byte) ([]byte, error) {
	t := reg.tables[op]
	if t == nil || !t.HasRequest() {
		return mapping.EncodeJSON(op.Input, body)
	}
	value, err := table.ReadJSON(body)
	if err != nil {
		return nil, mapping.Violations{{Code: mapping.CodeType, Message: "must be an object"}}
	}
	made, err := t.ToRegister(value, a.o.Now())
	if err != nil {
		return nil, err
	}
	wrapper, err := mapping.EncodeXML(op.Input, made)
	if violations, ok := errors.AsType[mapping.Violations](err); ok {
		return nil, t.InCore(violations)
	}
	return wrapper, err
}

// told is what the core gets of an answer: by the operation's table, or else as
// it is.
func (a *API) told(reg *served, op *contract.Operation, res *result) error {
	t := reg.tables[op]
	if t == nil || !t.HasAnswer() {
		return nil
	}
	data, err := t.ToCore(res.Data, a.o.Now())
	if err != nil {
		// The register has answered, and what it says cannot be passed on without
		// loss; the violations hold no values.
		return &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.table", MessageID: res.Exchange.MessageID, Err: err,
			Message: "the answer holds what the mapping table cannot tell",
		}
	}
	res.Data = data
	return nil
}

// schemaOf describes one side of an operation as the core sees it.
func (s *served) schemaOf(op *contract.Operation, answer bool, schemas *mapping.Schemas) map[string]any {
	t := s.tables[op]
	switch {
	case t != nil && answer:
		return t.AnswerSchema(schemas)
	case t != nil:
		return t.RequestSchema(schemas)
	case answer:
		return schemas.Of(op.Output)
	}
	return schemas.Of(op.Input)
}

// tableExamples puts the examples of a table where those of the contract would
// stand.
func tableExamples(media map[string]any, t *table.Table) map[string]any {
	examples := map[string]any{}
	for name, value := range t.RequestExamples() {
		examples[name] = map[string]any{"value": value}
	}
	if len(examples) > 0 {
		media["examples"] = examples
	}
	return media
}
