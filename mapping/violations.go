// Package mapping turns JSON values into XML elements and back, shaped by the
// compiled model of a contract.
//
// One walk over the model converts and validates, in the order of the schema and
// with the namespaces of the schema, so that what it writes is valid and what it
// accepts is too. The shape of JSON comes from the schema and never from the
// instance: whatever may occur more than once is an array, whether there are
// none, one or many.
//
//	XML                                   JSON
//	element                               key, the local name
//	element that may repeat               array, also when empty
//	complex type                          object
//	string, date, dateTime, binary …      string, as written (dates are checked and not converted)
//	integer and decimal types             number, kept as text (json.Number); never a float
//	boolean                               true or false
//	attribute                             key with "@" before the name
//	text of an element with attributes    key "#text"
//	xsi:nil="true"                        null
//	xsi:type                              key "@xsi:type", the name of a derived type of the contract
//	elements that xs:any takes            key "#any", an array of XML texts
//	group that may repeat                 key "#group", an array of objects
//	xs:anyType                            string, or object with "@name", "#text" and "#any"
//
// [Sample] makes examples. The package also holds the checks of Estonian
// personal codes, registry codes and VAT numbers and of machine-readable zones.
// All functions are pure and safe for concurrent use.
package mapping

import (
	"fmt"
	"regexp"
	"strings"

	"ristmik/soap/contract"
)

// The codes of [Violation], a closed set that callers may show, count and
// translate. The codes of single values (CodeFormat, CodeEnum, CodeLength,
// CodeRange, CodeCharacter) are those of package contract.
const (
	CodeRequired    = "required"             // a value that must be there is missing
	CodeUnknown     = "unknown"              // a key, element or attribute that the schema does not have
	CodeType        = "type"                 // a value of another kind than the schema's
	CodeEnum        = contract.CodeEnum      // none of the listed values
	CodeFormat      = contract.CodeFormat    // not of the prescribed form
	CodeLength      = contract.CodeLength    // too short, too long, too many digits
	CodeRange       = contract.CodeRange     // below or above a bound
	CodeCharacter   = contract.CodeCharacter // a character that XML cannot carry
	CodeTooMany     = "too_many"             // more occurrences than allowed
	CodeTooFew      = "too_few"              // some occurrences, but fewer than required
	CodeChoice      = "choice"               // values of more than one branch of a choice
	CodeOrder       = "order"                // an element that stands in the wrong place
	CodeDepth       = "depth"                // nested deeper than any message may be
	CodeUnsupported = "unsupported"          // the contract itself cannot be used here
)

// maxViolations bounds a report: nobody reads more, and a hostile document of a
// million wrong elements must not become a million lines.
const maxViolations = 500

// Violation is one rule of the contract that a value breaks.
type Violation struct {
	// Path is the place as a JSON pointer (RFC 6901) from the wrapper, for
	// example "/response/kannete_jada/kanne/0/toot_id"; "" is the wrapper.
	Path string
	// Code is one of the constants of this package.
	Code string
	// Message says in words what is expected. It never holds the value.
	Message string
}

// Violations is everything that is wrong with a value, at most 500 entries. It
// is an error; its text holds paths and rules and never a value.
type Violations []Violation

// reLogged is what a path may look like to be put into an error text. Keys come
// from outside: one that the schema does not have could be anything.
var reLogged = regexp.MustCompile(`^(/[A-Za-z_@#][A-Za-z_.@#-]{0,63}|/[0-9]{1,6})*$`)

// Error joins the violations in one line, without values.
func (v Violations) Error() string {
	var out strings.Builder
	out.WriteString("value does not fit the contract: ")
	for i, one := range v {
		if i == 5 {
			fmt.Fprintf(&out, "; and %d more", len(v)-i)
			break
		}
		if i > 0 {
			out.WriteString("; ")
		}
		path := one.Path
		if one.Code == CodeUnknown && !reLogged.MatchString(path) {
			path = path[:strings.LastIndexByte(path, '/')] + "/*"
		}
		if path == "" {
			path = "/"
		}
		out.WriteString(path + ": " + one.Code)
	}
	return out.String()
}
