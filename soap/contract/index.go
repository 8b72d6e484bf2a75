package contract

import "maps"

// index prepares a content model for walking: what each particle can begin with
// and holds. It refuses models whose JSON form would be ambiguous because one
// object would need the same key twice.
func index(p *Particle) error {
	if p == nil {
		return nil
	}
	p.starts, p.elements = map[Name]bool{}, map[string]*Element{}
	if p.Kind == ElementParticle {
		p.starts[Name{p.Element.Namespace, p.Element.Name}] = true
		p.elements[p.Element.Name] = p.Element
		p.empty = p.Element.Min == 0
		return nil
	}
	p.empty = p.Kind != ChoiceParticle
	begun := false // whether an earlier member of a sequence must come first
	for _, item := range p.Items {
		if err := index(item); err != nil {
			return err
		}
		for name, el := range item.elements {
			other, twice := p.elements[name]
			if !twice {
				continue
			}
			if p.Kind != ChoiceParticle {
				return unsupported("element %s declared twice in one type", name)
			}
			if other.Namespace != el.Namespace || other.Many() != el.Many() {
				return unsupported("element %s declared differently in two branches of a choice", name)
			}
		}
		maps.Copy(p.elements, item.elements)
		if !begun {
			maps.Copy(p.starts, item.starts)
		}
		switch p.Kind {
		case ChoiceParticle:
			p.empty = p.empty || item.empty
		default:
			p.empty = p.empty && item.empty
			begun = p.Kind == SequenceParticle && (begun || !item.empty)
		}
	}
	p.empty = p.empty || p.Min == 0
	return nil
}
