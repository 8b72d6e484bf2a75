package contract

import (
	"fmt"
	"slices"
	"strings"
)

// Direction says which message of an operation a difference is in.
type Direction string

// The two messages of an operation, and the operation as a whole.
const (
	Whole   Direction = ""
	Request Direction = "request"
	Answer  Direction = "answer"
)

// Change names what is different, a closed set.
type Change string

// The changes that [Compare] tells apart.
const (
	OperationAdded    Change = "operation_added"
	OperationRemoved  Change = "operation_removed"
	OperationUnusable Change = "operation_unusable" // it was usable before
	OperationUsable   Change = "operation_usable"   // it was not usable before
	ActionChanged     Change = "soap_action_changed"
	FilesChanged      Change = "files_changed"
	WrapperChanged    Change = "wrapper_changed"
	FieldAdded        Change = "field_added"
	FieldRemoved      Change = "field_removed"
	FieldMoved        Change = "field_moved" // to another namespace or place in the order
	FieldRequired     Change = "field_required"
	FieldOptional     Change = "field_optional"
	CountChanged      Change = "count_changed"
	NilAllowed        Change = "nil_allowed"
	NilRefused        Change = "nil_refused"
	DefaultChanged    Change = "default_changed"
	TypeChanged       Change = "type_changed"
	ValuesNarrowed    Change = "values_narrowed"
	ValuesWidened     Change = "values_widened"
	ValuesChanged     Change = "values_changed"   // in a way that is neither
	EndpointChanged   Change = "endpoint_changed" // method or path of an operation of REST
	AnswerAdded       Change = "answer_added"     // a status of REST that was not described
	AnswerRemoved     Change = "answer_removed"
)

// Difference is one difference between two versions of a description.
type Difference struct {
	// Operation and Version are the service that it concerns.
	Operation string    `json:"operation"`
	Version   string    `json:"version,omitempty"`
	Direction Direction `json:"direction,omitempty"`
	// Status is that of an answer of REST: "200", "2XX" or "default".
	Status string `json:"status,omitempty"`
	// Path is the field as a JSON pointer from the wrapper, without the numbers
	// of array entries; "" for the operation or the wrapper.
	Path   string `json:"path"`
	Change Change `json:"change"`
	// Breaking says that a caller who uses the operation and the field as the old
	// description has them may be refused or may not understand the answer.
	Breaking bool `json:"breaking"`
	// Used says that the operation and the field are used; of [Compare] all are.
	Used bool `json:"used"`
	// Message says in words what is different.
	Message string `json:"message"`
}

// Compare lists what is different in the second description, operation by
// operation. Titles, notes and addresses do not count.
//
// What is breaking depends on the direction, for we write requests and read
// answers: a request that must hold more, or may hold less, breaks; so does an
// answer that may hold more values, or fewer fields. New fields of an answer
// are harmless to a tolerant reader (see package mapping).
func Compare(older, newer *Contract) []Difference { return CompareUsed(older, newer, everything) }

// CompareUsed is Compare for one who uses a part of the description: breaking is
// what breaks that part. use returns nil for an operation that is not used. It
// has the differences that Compare has, and for a strict reader says of new
// fields that they break.
func CompareUsed(older, newer *Contract, use func(code, version string) *Use) []Difference {
	var out []Difference
	for _, a := range older.operations {
		b, ok := newer.Operation(a.Code, a.Version)
		c := comparison{operation: a.Code, version: a.Version, use: use(a.Code, a.Version)}
		if !ok {
			c.add("", OperationRemoved, true, "the operation is gone")
		} else {
			c.operations(a, b)
		}
		out = append(out, c.list...)
	}
	for _, b := range newer.operations {
		if _, ok := older.Operation(b.Code, b.Version); !ok {
			c := comparison{operation: b.Code, version: b.Version}
			c.add("", OperationAdded, false, "the operation is new")
			out = append(out, c.list...)
		}
	}
	return out
}

// comparison collects the differences of one operation.
type comparison struct {
	operation, version string
	use                *Use // nil for an operation that is not used
	direction          Direction
	status             string // of an answer of REST
	list               []Difference
	seen               map[[2]*Type]bool
}

// add notes a difference; breaking says whether it breaks one who uses the
// field.
func (c *comparison) add(path string, change Change, breaking bool, format string, args ...any) {
	c.note(path, change, breaking && c.concerns(path, change, false), format, args...)
}

func (c *comparison) note(path string, change Change, breaking bool, format string, args ...any) {
	c.list = append(c.list, Difference{
		Operation: c.operation, Version: c.version, Direction: c.direction, Status: c.status, Path: path,
		Change: change, Breaking: breaking, Used: c.used(path), Message: fmt.Sprintf(format, args...),
	})
}

// gone notes a field that is no more.
func (c *comparison) gone(path, what string, optional bool) {
	c.note(path, FieldRemoved, c.concerns(path, FieldRemoved, optional), "the %s is gone", what)
}

func (c *comparison) operations(a, b *Operation) {
	if c.unusable(a.Unsupported, b.Unsupported) {
		return
	}
	if a.SOAPAction != b.SOAPAction {
		c.add("", ActionChanged, true, "the SOAPAction is another one")
	}
	if !slices.Equal(a.InputFiles, b.InputFiles) || !slices.Equal(a.OutputFiles, b.OutputFiles) {
		c.add("", FilesChanged, true, "other files travel beside the message")
	}
	for direction, pair := range map[Direction][2]*Element{Request: {a.Input, b.Input}, Answer: {a.Output, b.Output}} {
		c.direction, c.seen = direction, map[[2]*Type]bool{}
		if pair[0].Name != pair[1].Name || pair[0].Namespace != pair[1].Namespace {
			c.add("", WrapperChanged, true, "the wrapper is now %s", Name{pair[1].Namespace, pair[1].Name})
			continue
		}
		c.types(pair[0].Type, pair[1].Type, "")
	}
	slices.SortStableFunc(c.list, func(x, y Difference) int {
		return strings.Compare(string(y.Direction)+x.Path, string(x.Direction)+y.Path)
	})
}

// unusable says whether there is nothing to compare: one of them cannot be used.
func (c *comparison) unusable(before, now error) bool {
	switch {
	case before == nil && now != nil:
		c.add("", OperationUnusable, true, "the operation cannot be used any more: %v", now)
	case before != nil && now == nil:
		c.add("", OperationUsable, false, "the operation can be used now")
	}
	return before != nil || now != nil
}

// writing says whether the message is one that we write.
func (c *comparison) writing() bool { return c.direction == Request }

// types compares two types at one place. Each pair is looked at once: what is
// different below it is told at the first place where it stands.
func (c *comparison) types(a, b *Type, path string) {
	if c.seen[[2]*Type{a, b}] {
		return
	}
	c.seen[[2]*Type{a, b}] = true
	if a.Any != b.Any || a.Mixed != b.Mixed || (a.Simple == nil) != (b.Simple == nil) || a.IsSimple() != b.IsSimple() {
		c.add(path, TypeChanged, true, "the value is of another kind: %s instead of %s", kindOf(b), kindOf(a))
		return
	}
	if a.Simple != nil {
		c.values(a.Simple, b.Simple, path)
	}
	c.attributes(a, b, path)
	c.fields(fieldsOf(a.Content), fieldsOf(b.Content), path)
	for _, d := range a.Derived {
		if i := slices.IndexFunc(b.Derived, func(t *Type) bool { return t.Name == d.Name }); i >= 0 {
			c.types(d, b.Derived[i], path)
		} else if c.writing() {
			c.add(path, TypeChanged, true, "no value can be of the type %s any more", d.Name.Local)
		}
	}
	for _, d := range b.Derived {
		if !slices.ContainsFunc(a.Derived, func(t *Type) bool { return t.Name == d.Name }) {
			c.add(path, TypeChanged, !c.writing(), "a value may be of the type %s now", d.Name.Local)
		}
	}
	if a.Abstract != b.Abstract {
		c.add(path, TypeChanged, a.Abstract != c.writing(), "a value must %sname its type now", map[bool]string{true: "", false: "not "}[b.Abstract])
	}
	c.wildcards(a, b, path)
}

func kindOf(t *Type) string {
	switch {
	case t.Any:
		return "anything"
	case t.IsSimple():
		return "a plain value"
	case t.Simple != nil:
		return "a value with attributes"
	}
	return "an object"
}

func (c *comparison) attributes(a, b *Type, path string) {
	find := func(list []*Attribute, name string) *Attribute {
		for _, x := range list {
			if x.Name == name {
				return x
			}
		}
		return nil
	}
	for _, x := range a.Attributes {
		at := path + "/@" + x.Name
		y := find(b.Attributes, x.Name)
		if y == nil {
			c.gone(at, "attribute", !x.Required)
			continue
		}
		if x.Namespace != y.Namespace {
			c.add(at, FieldMoved, true, "the attribute is in another namespace")
		}
		c.presence(at, x.Required, y.Required)
		c.fixed(x.Fixed, y.Fixed, at)
		c.values(x.Type, y.Type, at)
	}
	for _, y := range b.Attributes {
		if find(a.Attributes, y.Name) == nil {
			c.added(path+"/@"+y.Name, y.Required, true)
		}
	}
}

// presence compares whether a field must be there.
func (c *comparison) presence(path string, before, now bool) {
	switch {
	case !before && now:
		c.add(path, FieldRequired, c.writing(), "the field must be there now")
	case before && !now:
		c.add(path, FieldOptional, !c.writing(), "the field may be missing now")
	}
}

// added notes a field that is new; closed says that the older description allows
// no other fields than it has.
func (c *comparison) added(path string, required, closed bool) {
	switch {
	case closed && !c.writing() && c.use != nil && c.use.Strict:
		c.add(path, FieldAdded, true, "the field is new, and answers with fields that are not known are refused")
	case required:
		c.add(path, FieldAdded, c.writing(), "the field is new and must be there")
	default:
		c.add(path, FieldAdded, false, "the field is new")
	}
}
