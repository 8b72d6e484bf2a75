package mapping

import (
	"strconv"
	"strings"
)

// step is one reference token of a path: a key, or an index where it is not
// negative.
type step struct {
	key   string
	index int
}

// report collects violations. Where the walk is, is a list of steps that
// becomes text only when there is something to report: most walks find nothing
// wrong.
type report struct {
	list Violations
	path []step
}

// enter goes into the field of that key; leave comes back.
func (r *report) enter(key string) { r.path = append(r.path, step{key, -1}) }

// enterItem goes to an entry of an array; leave comes back.
func (r *report) enterItem(i int) { r.path = append(r.path, step{"", i}) }

func (r *report) leave() { r.path = r.path[:len(r.path)-1] }

// add reports a violation at the place where the walk is.
func (r *report) add(code, message string) {
	if len(r.list) < maxViolations {
		r.list = append(r.list, Violation{Path: pointer(r.path), Code: code, Message: message})
	}
}

// addIn reports a violation of the field of that key.
func (r *report) addIn(key, code, message string) {
	r.enter(key)
	r.add(code, message)
	r.leave()
}

// err returns the report as an error, nil when it is empty.
func (r *report) err() error {
	if len(r.list) == 0 {
		return nil
	}
	return r.list
}

// forget takes all out of the report and keeps the room for steps. Violations
// that were handed out are not touched.
func (r *report) forget() { r.list, r.path = nil, r.path[:0] }

// pointer writes steps as a JSON pointer.
func pointer(path []step) string {
	if len(path) == 0 {
		return ""
	}
	var out []byte
	for _, s := range path {
		out = append(out, '/')
		if s.index >= 0 {
			out = strconv.AppendInt(out, int64(s.index), 10)
		} else {
			out = append(out, token(s.key)...)
		}
	}
	return string(out)
}

// token writes a key as a reference token.
func token(key string) string {
	if strings.ContainsAny(key, "~/") {
		key = strings.ReplaceAll(strings.ReplaceAll(key, "~", "~0"), "/", "~1")
	}
	return key
}

// join and joinIndex append one reference token to a JSON pointer.
func join(path, key string) string { return path + "/" + token(key) }

func joinIndex(path string, i int) string { return path + "/" + strconv.Itoa(i) }
