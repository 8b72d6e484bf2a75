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

// markUnsupported walks everything that each operation can carry and sets its
// first obstacle, if there is one. Types that are found without obstacle are not
// walked again for the next operation.
func markUnsupported(set *schemaSet, operations []*Operation) error {
	sound := map[*Type]bool{}
	steps := 0
	for _, op := range operations {
		if op.Unsupported != nil {
			continue
		}
		if err := set.inTime(); err != nil {
			return err
		}
		seen := map[*Type]bool{}
		var pending []*Type
		for _, el := range []*Element{op.Input, op.Output} {
			if el != nil {
				pending = append(pending, el.Type)
			}
		}
		for len(pending) > 0 && op.Unsupported == nil {
			t := pending[0]
			pending = pending[1:]
			if seen[t] || sound[t] {
				continue
			}
			if steps++; steps > maxSteps {
				return fmt.Errorf("%w: more than %d types of operations to look at", ErrTooLarge, maxSteps)
			}
			seen[t] = true
			if op.Unsupported = t.Unsupported; op.Unsupported == nil {
				pending = appendTypes(pending, t.Content)
			}
		}
		if op.Unsupported == nil {
			for t := range seen {
				sound[t] = true
			}
		}
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
