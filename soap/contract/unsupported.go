package contract

import "fmt"

// UnsupportedError names a construct that the model cannot express, or a schema
// or declaration that is not here. It concerns single operations, never a whole
// contract.
type UnsupportedError struct{ Construct string }

// Error returns the name of the construct after the word "unsupported".
func (e *UnsupportedError) Error() string { return "unsupported: " + e.Construct }

func unsupported(format string, args ...any) error {
	return &UnsupportedError{Construct: fmt.Sprintf(format, args...)}
}

// firstUnsupported walks everything that the operation can carry and returns
// the first obstacle, or nil.
func firstUnsupported(op *Operation) error {
	if op.Unsupported != nil {
		return op.Unsupported
	}
	seen := map[*Type]bool{}
	var pending []*Type
	for _, el := range []*Element{op.Input, op.Output} {
		if el != nil {
			pending = append(pending, el.Type)
		}
	}
	for len(pending) > 0 {
		t := pending[0]
		pending = pending[1:]
		if seen[t] {
			continue
		}
		seen[t] = true
		if t.Unsupported != nil {
			return t.Unsupported
		}
		pending = appendTypes(pending, t.Content)
	}
	return nil
}

func appendTypes(types []*Type, p *Particle) []*Type {
	if p == nil {
		return types
	}
	if p.Element != nil {
		return append(types, p.Element.Type)
	}
	for _, item := range p.Items {
		types = appendTypes(types, item)
	}
	return types
}
