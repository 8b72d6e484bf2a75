package mapping

import (
	"fmt"
	"strconv"
	"strings"

	"ristmik/soap/contract"
)

// treeReport collects violations. A quick one does not know their places: a walk that
// finds nothing wrong, as most do, needs none, and making the paths of all values
// costs more than reading them.
type treeReport struct {
	list  Violations
	quick bool
}

// join is the function join, or nothing in a quick report.
func (r *treeReport) join(path, key string) string {
	if r.quick {
		return ""
	}
	return join(path, key)
}

func (r *treeReport) joinIndex(path string, i int) string {
	if r.quick {
		return ""
	}
	return joinIndex(path, i)
}

func (r *treeReport) add(path, code, message string) {
	if len(r.list) < maxViolations {
		r.list = append(r.list, Violation{Path: path, Code: code, Message: message})
	}
}

// err returns the report as an error, nil when it is empty.
func (r *treeReport) err() error {
	if len(r.list) == 0 {
		return nil
	}
	return r.list
}

// join appends one reference token to a JSON pointer.
func join(path, key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
	}
	return path + "/" + key
}

func joinIndex(path string, i int) string { return path + "/" + strconv.Itoa(i) }

func (r *treeReport) groupCount(p *contract.Particle, n int, path string) bool {
	switch {
	case n < p.Min && !p.Emptiable():
		r.add(path, CodeTooFew, fmt.Sprintf("must have at least %d entries", p.Min))
	case p.Max != contract.Unbounded && n > p.Max:
		r.add(path, CodeTooMany, fmt.Sprintf("must have at most %d entries", p.Max))
		return false
	}
	return true
}

func (r *treeReport) countFits(el *contract.Element, n int, path string) bool {
	switch {
	case n < el.Min && n == 0:
		r.add(path, CodeRequired, "is required")
	case n < el.Min:
		r.add(path, CodeTooFew, fmt.Sprintf("must have at least %d entries", el.Min))
	case el.Max != contract.Unbounded && n > el.Max:
		r.add(path, CodeTooMany, fmt.Sprintf("must have at most %d entries", el.Max))
		return false
	}
	return true
}
