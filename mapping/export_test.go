package mapping

import (
	"ristmik/soap"
	"ristmik/soap/contract"
)

// DecodeInParts is DecodeMessage and DecodeMessageTolerant with the size up to
// which an element becomes a tree at once.
func DecodeInParts(el *contract.Element, m *soap.Message, small int, tolerant bool) (map[string]any, Violations, error) {
	p := partsOf(m)
	p.small = small
	return decodeFrom(el, m.Body, p, tolerant)
}
