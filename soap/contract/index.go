package contract

import "maps"

// index prepares a content model for walking: what each particle can begin with
// and holds. It refuses models whose JSON form would be ambiguous because one
// object would need the same key twice.
func index(p *Particle) error {
	if p == nil {
		return nil
	}
	p.starts, p.elements, p.fields = map[Name]bool{}, map[string]*Element{}, map[string]*Element{}
	switch p.Kind {
	case ElementParticle:
		p.starts[Name{p.Element.Namespace, p.Element.Name}] = true
		p.elements[p.Element.Name] = p.Element
		p.fields[p.Element.Name] = p.Element
		p.empty = p.Element.Min == 0
		return nil
	case AnyParticle:
		p.wild, p.empty = p, p.Min == 0
		return nil
	}
	p.empty = p.Kind != ChoiceParticle
	begun := false // whether an earlier member of a sequence must come first
	for _, item := range p.Items {
		if err := index(item); err != nil {
			return err
		}
		if err := p.take(item); err != nil {
			return err
		}
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
	if p.Repeats() {
		if p.repeats != nil {
			return unsupported("repeating group inside a repeating group")
		}
		p.repeats, p.fields = p, map[string]*Element{}
	}
	return nil
}

// take adds what a member holds to its group.
func (p *Particle) take(item *Particle) error {
	for name, el := range item.fields {
		other, twice := p.fields[name]
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
	maps.Copy(p.fields, item.fields)
	if item.wild != nil {
		if p.wild != nil {
			return unsupported("xs:any twice in one type")
		}
		p.wild = item.wild
	}
	if item.repeats != nil {
		if p.repeats != nil {
			return unsupported("two repeating groups in one type")
		}
		p.repeats = item.repeats
	}
	return nil
}
