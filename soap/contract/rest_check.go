package contract

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// restURL is the name of a description inside the schema compiler; nothing is
// ever fetched.
const restURL = "mem:///contract.json"

// errFetch is what a reference out of the description gets.
var errFetch = errors.New("nothing is fetched")

type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errFetch }

// compile prepares the schemas of every operation. Formats are rules for what we
// write and notes about what we read, as JSON Schema has it.
func (r *REST) compile(ctx context.Context) error {
	operations := map[string]any{}
	for _, op := range r.Operations {
		operations[op.Code] = map[string]any{"request": op.Input, "answers": op.Answers}
	}
	document := map[string]any{"components": map[string]any{"schemas": r.Schemas}, "operations": operations}
	compiler := func(formats bool) *jsonschema.Compiler {
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.UseLoader(noLoader{})
		if formats {
			c.AssertFormat()
		}
		_ = c.AddResource(restURL, document) // fails for a name that stands twice only
		return c
	}
	requests, answers := compiler(true), compiler(false)
	for _, op := range r.Operations {
		if ctx.Err() != nil {
			return ErrTooSlow
		}
		if op.Unsupported != nil {
			continue
		}
		at := restURL + "#/operations/" + op.Code
		var err error
		if op.request, err = requests.Compile(at + "/request"); err != nil {
			op.Unsupported = unsupported("schema of the request: %s", said(err))
			continue
		}
		op.answers = map[string]*jsonschema.Schema{}
		for status, schema := range op.Answers {
			if schema == nil {
				op.answers[status] = nil
				continue
			}
			if op.answers[status], err = answers.Compile(at + "/answers/" + status); err != nil {
				op.Unsupported = unsupported("schema of the answer %s: %s", status, said(err))
				break
			}
		}
	}
	return nil
}

var reFirstLines = regexp.MustCompile(`(?s)^.{0,300}`)

// said is the compiler's text on one line, without our name for the document.
func said(err error) string {
	return oneLine(reFirstLines.FindString(strings.ReplaceAll(err.Error(), restURL, "")))
}

// CheckRequest says what rules of the description the one object breaks. The
// value is as json.Decoder with UseNumber gives it; the error is a
// *jsonschema.ValidationError.
func (op *RESTOperation) CheckRequest(value any) error { return op.request.Validate(value) }

// ErrNoAnswer is returned for an answer with a status that the description does
// not have.
var ErrNoAnswer = errors.New("the description has no such answer")

// CheckAnswer says what rules an answer with that status breaks; present says
// whether it has a body, which value then is. The error is ErrNoAnswer, for a
// status that the description does not have or a body where there may be none
// or must be one, or a *jsonschema.ValidationError.
func (op *RESTOperation) CheckAnswer(status int, value any, present bool) error {
	code := strconv.Itoa(status)
	for _, key := range []string{code, code[:1] + "XX", "default"} {
		schema, has := op.answers[key]
		switch {
		case !has:
			continue
		case schema == nil:
			return nil // nothing is said of a body: whatever comes is left alone
		case !present:
			return fmt.Errorf("%w: status %s without a body", ErrNoAnswer, code)
		}
		return schema.Validate(value)
	}
	return fmt.Errorf("%w: status %s", ErrNoAnswer, code)
}
