package contract

import "strings"

// Use is what of an operation is used: the fields that are written into its
// request and read from its answer.
type Use struct {
	// Strict says that an answer with a field that the older description does not
	// have is refused, as a reader that is not tolerant does.
	Strict bool
	// Request and Answer are the fields, each with all that is below it, as JSON
	// pointers without the numbers of array entries; nil is every field.
	Request, Answer []string
	// Filled are those of Request that every request has.
	Filled []string
}

// everything is the use of whoever may use any field.
func everything(string, string) *Use { return &Use{} }

// reads says whether the field, something in it or something that it stands in
// is one of the fields; nil are all.
func reads(fields []string, path string) bool {
	if fields == nil {
		return true
	}
	for _, f := range fields {
		if within(path, f) || within(f, path) {
			return true
		}
	}
	return false
}

// within says whether a pointer is the same as the outer one or below it.
func within(pointer, outer string) bool {
	return pointer == outer || strings.HasPrefix(pointer, outer+"/")
}

// fields are those of the message at hand.
func (c *comparison) fieldsUsed() []string {
	if c.direction == Answer {
		return c.use.Answer
	}
	return c.use.Request
}

// used says whether a field, or the operation for "", is used.
func (c *comparison) used(path string) bool {
	return c.use != nil && (path == "" || reads(c.fieldsUsed(), path))
}

// written says whether the object that holds the field is ever written: what it
// must hold more of concerns nobody else.
func (c *comparison) written(path string) bool {
	if c.use == nil {
		return false
	}
	parent := path[:max(0, strings.LastIndexByte(path, '/'))]
	return parent == "" || reads(c.use.Request, parent)
}

// filled says whether every request has the field.
func (c *comparison) filled(path string) bool {
	for _, f := range c.use.Filled {
		if within(f, path) {
			return true
		}
	}
	return false
}

// concerns says whether a difference that breaks somebody breaks us.
//
// What we write are the fields that we use and no others, so a request is broken
// by what becomes of those and of the objects that hold them. Of an answer all is
// read by the older description, whichever fields are used then: one that does
// not keep to it is refused as a whole. Only a field that was free to be missing
// can go without harm to those who do not use it.
func (c *comparison) concerns(path string, change Change, optional bool) bool {
	switch {
	case c.use == nil:
		return false
	case c.direction == Answer:
		return !(change == FieldRemoved && optional) || c.used(path)
	case change == FieldRequired:
		return c.written(path) && !c.filled(path)
	case change == FieldAdded:
		return c.written(path)
	}
	return c.used(path)
}

// Verdict is what differences come to.
type Verdict string

// The verdicts, from the mildest.
const (
	Same     Verdict = "same"     // nothing differs
	Harmless Verdict = "harmless" // what differs breaks nothing that is used
	Breaking Verdict = "breaking"
)

// VerdictOf is the verdict on differences.
func VerdictOf(found []Difference) Verdict {
	verdict := Same
	for _, d := range found {
		if d.Breaking {
			return Breaking
		}
		verdict = Harmless
	}
	return verdict
}
