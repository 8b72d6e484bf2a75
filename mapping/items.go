package mapping

import (
	"ristmik/soap"
	"ristmik/soap/contract"
)

// ReadItems reads the wrapper of a message as [DecodeMessage] does, or with the
// tolerance of [DecodeTolerant], but for the list that the keys of at lead to: each
// of its items is given away and not kept, so that a message of many takes the
// memory of one; its texts are parts of the message, which must not change while it
// is used. The value has an empty list there. The keys lead through objects only. Where the message does not keep to the contract, some items are given away
// before the error is known.
func ReadItems(el *contract.Element, m *soap.Message, tolerant bool, at []string, item func(i int, value any)) (value map[string]any, strangers Violations, err error) {
	walk := wrapperOf(m)
	out := items{kept: values{walk: walk}, at: at, give: item}
	strangers, err = decode(el, walk, &out, tolerant)
	if err != nil {
		return nil, strangers, err
	}
	value, _ = out.kept.root.(map[string]any)
	return value, strangers, nil
}

// items is a sink that makes values and gives those of one list away.
type items struct {
	kept values // all but the items
	one  values // the item that is being made, of parts of the message
	at   []string
	give func(i int, value any)

	open  []int // of each object and array outside of the list, how many keys of at lead there; -1 where none do
	next  int   // the same of the value that comes
	depth int   // how many are open from the list on, with it
	n     int   // how many items have been given away
}

func (s *items) beginObject() {
	if s.depth > 0 {
		s.depth++
		s.one.beginObject()
		return
	}
	s.open = append(s.open, s.next)
	s.kept.beginObject()
}

func (s *items) endObject() {
	if s.depth > 0 {
		s.one.endObject()
		s.depth--
		s.made()
		return
	}
	s.open = s.open[:len(s.open)-1]
	s.kept.endObject()
}

func (s *items) beginArray() {
	switch {
	case s.depth > 0:
		s.depth++
		s.one.beginArray()
		return
	case s.next == len(s.at):
		s.depth = 1
	default:
		s.open = append(s.open, -1)
		s.next = -1
	}
	s.kept.beginArray()
}

func (s *items) endArray() {
	switch {
	case s.depth > 1:
		s.one.endArray()
		s.depth--
		s.made()
		return
	case s.depth == 1:
		s.depth, s.next = 0, -1
	default:
		s.open = s.open[:len(s.open)-1]
	}
	s.kept.endArray()
}

func (s *items) key(key string) {
	if s.depth > 0 {
		s.one.key(key)
		return
	}
	led := s.open[len(s.open)-1]
	s.next = -1
	if led >= 0 && led < len(s.at) && s.at[led] == key {
		s.next = led + 1
	}
	s.kept.key(key)
}

func (s *items) text(value string)   { s.sink().text(value); s.made() }
func (s *items) number(value string) { s.sink().number(value); s.made() }
func (s *items) bool(value bool)     { s.sink().bool(value); s.made() }
func (s *items) null()               { s.sink().null(); s.made() }

// sink is where a plain value goes.
func (s *items) sink() *values {
	if s.depth > 0 {
		return &s.one
	}
	return &s.kept
}

// made gives the item away, if one has ended.
func (s *items) made() {
	if s.depth != 1 {
		return
	}
	s.give(s.n, s.one.root)
	s.n++
	clear(s.one.made[:cap(s.one.made)])
	s.one = values{made: s.one.made[:0], begun: s.one.begun[:0]}
}
