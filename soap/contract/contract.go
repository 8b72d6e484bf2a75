// Package contract reads the description of a SOAP service (WSDL 1.1 with XML
// Schema) into one compiled, immutable model: the operations and the shape of
// what they take and give.
//
// The model is what the rest of the program walks to turn JSON into XML and
// back and to validate both, so nothing is generated and a new register is a
// file. Imports are resolved beside the WSDL or in the catalogue that ships with
// the program; nothing is ever fetched over the network, because real WSDLs
// import addresses that are private, dead or under someone else's control.
//
// Real WSDLs also hold constructs that the model does not know and imports that
// cannot be had. Such a construct makes only the operations that need it
// unusable ([Operation.Unsupported] names it); the others work.
package contract

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
)

// Contract is one service description, compiled. It is immutable and safe for
// concurrent use by any number of calls.
type Contract struct {
	name       string
	namespace  string
	source     []byte
	operations []*Operation
}

// Operation is one service of a contract: document/literal wrapped, identified
// towards X-Road by its code and version (PR-MESS 3).
type Operation struct {
	// Code is the X-Road service code, which is the name of the operation.
	Code string
	// Version is the content of xrd:version in the binding, or "".
	Version string
	// Title is the human title: English where the WSDL has one, else the first.
	Title string
	// SOAPAction is the value to send as the SOAPAction HTTP header, often "".
	SOAPAction string
	// Input and Output are the wrapper elements of request and answer. Either
	// can be nil or incomplete when Unsupported is set.
	Input, Output *Element
	// InputFiles and OutputFiles name the parts that travel beside the envelope
	// when the binding is multipart (mime:multipartRelated); nil otherwise. Files
	// that the body refers to (swaRef, XOP) are not among them.
	InputFiles, OutputFiles []string
	// Unsupported is nil for an operation that can be called, and otherwise
	// names the construct that the model cannot express or the schema that is
	// not here.
	Unsupported error

	titles, notes map[string]string
}

// TitleIn returns the title in the given language (an xml:lang value such as
// "et"), or Title when the WSDL has none in that language.
func (o *Operation) TitleIn(lang string) string {
	if s, ok := o.titles[lang]; ok {
		return s
	}
	return o.Title
}

// Load reads the WSDL file name of fsys and compiles every operation in it.
//
// It returns an error when the file cannot be read, is not a WSDL, has the same
// operation twice or exceeds the budgets for foreign schemas. A construct that is merely not supported, a
// missing import or an undeclared message is no error of Load: it is reported by
// [Operation.Unsupported] of the operations concerned.
func Load(fsys fs.FS, name string) (*Contract, error) {
	return LoadContext(context.Background(), fsys, name)
}

// LoadContext is [Load] within a time: a description that is not compiled when
// the context ends is [ErrTooSlow], whatever of it would keep a processor busy.
// It is looked at between one declaration and the next, each of which is bounded.
func LoadContext(ctx context.Context, fsys fs.FS, name string) (*Contract, error) {
	source, err := readFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	doc, err := parseDocument(source)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	set := newSchemaSet(ctx, fsys)
	set.bytes, set.loaded["wsdl:"+path.Clean(name)+" "] = len(source), true
	description, err := readDescription(doc, path.Clean(name), set)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	c := newCompiler(set)
	operations, err := description.operations(c)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	if err := c.run(); err != nil {
		return nil, fmt.Errorf("compiling schemas of contract %s: %w", name, err)
	}
	if err := markUnsupported(set, operations); err != nil {
		return nil, fmt.Errorf("compiling schemas of contract %s: %w", name, err)
	}
	sort.SliceStable(operations, func(i, j int) bool {
		a, b := operations[i], operations[j]
		if a.Code != b.Code {
			return a.Code < b.Code
		}
		return a.Version < b.Version
	})
	return &Contract{
		name:       name,
		namespace:  description.namespace,
		source:     source,
		operations: operations,
	}, nil
}

// Name returns the file name the contract was loaded from.
func (c *Contract) Name() string { return c.name }

// Namespace returns the target namespace of the WSDL.
func (c *Contract) Namespace() string { return c.namespace }

// Source returns a copy of the WSDL file as it was read, for serving it on.
func (c *Contract) Source() []byte { return slices.Clone(c.source) }

// Operations returns all operations, also the unsupported ones, sorted by code
// and version.
func (c *Contract) Operations() []*Operation { return slices.Clone(c.operations) }

// Operation returns the operation with exactly that service code and version
// and whether there is one. An operation without xrd:version has version "".
func (c *Contract) Operation(code, version string) (*Operation, bool) {
	for _, op := range c.operations {
		if op.Code == code && op.Version == version {
			return op, true
		}
	}
	return nil, false
}

// Join is a contract with the operations of all: where several have one, that of
// the first. It has the name, namespace and source of the first; of none it is
// empty.
func Join(all ...*Contract) *Contract {
	out := &Contract{}
	for i, c := range all {
		if i == 0 {
			*out = *c
			out.operations = nil
		}
		for _, op := range c.operations {
			if _, has := out.Operation(op.Code, op.Version); !has {
				out.operations = append(out.operations, op)
			}
		}
	}
	return out
}
