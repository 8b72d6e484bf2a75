package registers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/web"
	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// takeTables finds the table of each operation. Two for one operation are an
// error, and so is one for an operation of another contract.
func (s *served) takeTables() error {
	s.tables, s.restTables = map[*contract.Operation]*table.Table{}, map[*contract.RESTOperation]*table.Table{}
	for _, t := range s.Tables {
		op, rest := t.Operation(), t.REST()
		known := s.Contract != nil && slices.Contains(s.Contract.Operations(), op) || s.REST != nil && slices.Contains(s.REST.Operations, rest)
		if !known || op != nil && s.tables[op] != nil || rest != nil && s.restTables[rest] != nil {
			return fmt.Errorf("registers: the table %s is for no operation of %s, or for one that has a table", t.Name(), s.Name)
		}
		if op != nil {
			s.tables[op] = t
		} else {
			s.restTables[rest] = t
		}
	}
	return nil
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

// told is what the core gets of an answer by a table, behind dataHead.
func (a *API) told(t *table.Table, value map[string]any, messageID string) ([]byte, error) {
	data, err := t.ToCore(value, a.o.Now())
	if err != nil {
		return nil, untold(messageID, err)
	}
	var out bytes.Buffer
	out.WriteString(dataHead)
	if err := web.EncodeJSON(&out, data); err != nil {
		return nil, untold(messageID, err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// untold is an answer with what cannot be passed on without loss; the violations
// hold no values.
func untold(messageID string, err error) error {
	return &soap.Failure{
		Kind: soap.KindUnknownResult, Code: "answer.table", MessageID: messageID, Err: err,
		Message: "the answer holds what the mapping table cannot tell",
	}
}

// mappedREST is the one object of a REST request that the table of the operation
// makes of what the core says, or what it says where there is none. text is the
// request's own.
func (a *API) mappedREST(reg *served, op *contract.RESTOperation, value any, text []byte) (any, []byte, []web.FieldError) {
	t := reg.restTables[op]
	if t == nil || !t.HasRequest() {
		return value, text, nil
	}
	said, ok := value.(map[string]any)
	if !ok {
		return nil, nil, []web.FieldError{{Code: mapping.CodeType, Message: "must be an object"}}
	}
	made, err := t.ToRegister(said, a.o.Now())
	if violations, ok := errors.AsType[mapping.Violations](err); ok {
		return nil, nil, fieldErrors(violations)
	}
	if text, err = json.Marshal(made); err != nil {
		return nil, nil, []web.FieldError{{Code: mapping.CodeType, Message: "must be JSON"}}
	}
	return made, text, nil
}

// inCore gives the faults of a REST request the places of what the core said.
func (s *served) inCore(op *contract.RESTOperation, faults []web.FieldError) []web.FieldError {
	t := s.restTables[op]
	if t == nil || !t.HasRequest() {
		return faults
	}
	return fieldErrors(t.InCore(violationsOf(faults)))
}

// SchemaViolations are what a JSON schema found, as the violations of tables.
func SchemaViolations(invalid *jsonschema.ValidationError) mapping.Violations {
	return violationsOf(schemaErrors(invalid))
}

func violationsOf(faults []web.FieldError) mapping.Violations {
	out := make(mapping.Violations, len(faults))
	for i, f := range faults {
		out[i] = mapping.Violation{Path: f.Path, Code: f.Code, Message: f.Message}
	}
	return out
}

// toldREST is what the core gets of an answer with a body.
func (a *API) toldREST(reg *served, op *contract.RESTOperation, res *restResult) error {
	t := reg.restTables[op]
	if t == nil || !t.HasAnswer() || string(res.Data) == "null" {
		return nil
	}
	answer, err := jsonschema.UnmarshalJSON(bytes.NewReader(res.Data))
	if err != nil {
		return untold(res.Exchange.MessageID, err)
	}
	data, err := t.ToCore(map[string]any{"body": answer}, a.o.Now())
	if err == nil {
		res.Data, err = json.Marshal(data)
	}
	if err != nil {
		return untold(res.Exchange.MessageID, err)
	}
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
