package mapping

import (
	"slices"
	"strings"

	"ristmik/soap"
)

// Places are fields of a value whose texts are wanted where the value itself is
// not made. They are safe for concurrent use.
type Places struct {
	pointers []string
	slots    []int // of the texts at the pointers
	size     int   // how many slots there are
	root     *place
}

// place is an object or field on the way to what is wanted.
type place struct {
	key   string
	slot  int // of the text, -1 where it is not wanted
	below []*place
}

// Plain is the text of a plain value, also of one with attributes.
type Plain struct {
	Text string
	// Number says that the value is a number.
	Number bool
}

// PlacesOf returns the fields at these JSON pointers. A pointer does not lead
// into arrays. Without pointers there are none, which is nil.
func PlacesOf(pointers ...string) *Places {
	p := &Places{root: &place{slot: -1}}
	for _, pointer := range pointers {
		if pointer == "" || slices.Contains(p.pointers, pointer) {
			continue
		}
		at := p.root
		// The text of a value with attributes counts as the value itself.
		if path := strings.TrimSuffix(pointer, "/"+textKey); path != "" {
			for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
				at = at.make(strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
			}
		}
		if at.slot < 0 {
			at.slot = p.size
			p.size++
		}
		p.pointers, p.slots = append(p.pointers, pointer), append(p.slots, at.slot)
	}
	if len(p.pointers) == 0 {
		return nil
	}
	return p
}

// make returns the place below that has the key.
func (p *place) make(key string) *place {
	below := p.find(key)
	if below == nil {
		below = &place{key: key, slot: -1}
		p.below = append(p.below, below)
	}
	return below
}

func (p *place) find(key string) *place {
	for _, below := range p.below {
		if below.key == key {
			return below
		}
	}
	return nil
}

// Noted are the texts that were found at places.
type Noted struct {
	places *Places
	texts  []Plain
}

// At returns the text at one of the pointers of the places; zero where there is
// none.
func (n Noted) At(pointer string) Plain {
	if n.places != nil {
		if i := slices.Index(n.places.pointers, pointer); i >= 0 {
			return n.texts[n.places.slots[i]]
		}
	}
	return Plain{}
}

// noting is a sink that notes what is at places and passes everything on.
type noting struct {
	out   sink
	walk  *soap.Tokens
	noted Noted
	open  []*place // of the objects and arrays that are open; nil where nothing is wanted
	next  *place   // of the value that comes
}

func newNoting(out sink, walk *soap.Tokens, places *Places) *noting {
	return &noting{out: out, walk: walk, noted: Noted{places, make([]Plain, places.size)}, next: places.root}
}

func (n *noting) beginObject() { n.open = append(n.open, n.next); n.out.beginObject() }
func (n *noting) beginArray()  { n.open = append(n.open, nil); n.next = nil; n.out.beginArray() }
func (n *noting) endObject()   { n.leave(); n.out.endObject() }
func (n *noting) endArray()    { n.leave(); n.out.endArray() }
func (n *noting) leave()       { n.open, n.next = n.open[:len(n.open)-1], nil }

func (n *noting) key(key string) {
	if in := n.open[len(n.open)-1]; in != nil {
		if n.next = in; key != textKey {
			n.next = in.find(key)
		}
	} else {
		n.next = nil
	}
	n.out.key(key)
}

func (n *noting) note(value string, number bool) {
	if n.next != nil && n.next.slot >= 0 {
		n.noted.texts[n.next.slot] = Plain{n.walk.Keep(value), number}
	}
}

func (n *noting) text(value string)   { n.note(value, false); n.out.text(value) }
func (n *noting) number(value string) { n.note(value, true); n.out.number(value) }
func (n *noting) bool(value bool)     { n.out.bool(value) }
func (n *noting) null()               { n.out.null() }

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) beginObject()  {}
func (nothing) endObject()    {}
func (nothing) beginArray()   {}
func (nothing) endArray()     {}
func (nothing) key(string)    {}
func (nothing) text(string)   {}
func (nothing) number(string) {}
func (nothing) bool(bool)     {}
func (nothing) null()         {}
