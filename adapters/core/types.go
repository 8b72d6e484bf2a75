package core

import (
	"slices"
	"strings"
)

// Types is a set of event types by patterns: a type ("consultation.answered"),
// the beginning of several ("consultation.*"), or "*" for all.
type Types []string

// ParseTypes reads patterns; known are the types that there are. It returns
// those patterns too that fit none of them, which is a slip of the pen.
func ParseTypes(patterns, known []string) (t Types, bad []string) {
	for _, p := range patterns {
		p = strings.TrimSpace(p)
		fits := slices.ContainsFunc(known, func(kind string) bool { return Types{p}.Match(kind) })
		if !fits {
			bad = append(bad, p)
			continue
		}
		t = append(t, p)
	}
	return t, bad
}

// Match tells whether the set has the type.
func (t Types) Match(kind string) bool {
	for _, p := range t {
		if p == "*" || p == kind {
			return true
		}
		if begin, ok := strings.CutSuffix(p, ".*"); ok && begin != "" && strings.HasPrefix(kind, begin+".") {
			return true
		}
	}
	return false
}

// Exact are the patterns that name one type each.
func (t Types) exact() []string {
	var list []string
	for _, p := range t {
		if !strings.HasSuffix(p, "*") {
			list = append(list, p)
		}
	}
	return list
}

// EventTypes are the types of events that the hub tells, as its description
// lists them.
func EventTypes() ([]string, error) {
	d, err := description()
	if err != nil {
		return nil, err
	}
	return d.eventTypes, nil
}
