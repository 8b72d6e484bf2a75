package soap

import (
	"sync"

	"github.com/beevik/etree"
)

// Header is the X-Road header of one message (PR-MESS 2.2).
type Header struct {
	Client  ClientID
	Service ServiceID
	// ID identifies the message in the logs of both Security Servers. We send
	// a new one with every attempt; received ones are arbitrary strings.
	ID string
	// UserID is the person who caused the query, with a country prefix; empty
	// when a system did.
	UserID string
	// Issue is the case that caused the query.
	Issue string
	// RepresentedParty is for whom the client acts; nil when the field is absent.
	RepresentedParty *RepresentedParty
	// SecurityServer is the one server that is meant; nil when any is.
	SecurityServer *ServerID
	// SecurityToken is the end user's token; nil when there is none.
	SecurityToken *SecurityToken
	// ProtocolVersion is as received; BuildRequest writes ProtocolVersion
	// when it is empty.
	ProtocolVersion string
	// RequestHash is as received in an answer; never sent.
	RequestHash string
	// Extra are blocks of other protocols for BuildRequest to send behind the
	// known ones, such as the Estonian pdu. Received ones are in Elements.
	Extra []*etree.Element

	trees *trees // of the message that the header was read from; nil for none
}

// Elements returns all header blocks as received, in order, known or not. They
// tell an empty field from an absent one, and BuildAnswer echoes them. They are
// made when they are first asked for.
func (h Header) Elements() []*etree.Element {
	if h.trees == nil {
		return nil
	}
	return h.trees.header()
}

// Block returns the first header block with this namespace and name as it was
// received, or nil when the header has none.
func (h Header) Block(ns, name string) *etree.Element {
	for _, b := range h.Elements() {
		if is(b, ns, name) {
			return b
		}
	}
	return nil
}

// Message is one SOAP message that was read. It is safe for concurrent use.
type Message struct {
	Header Header
	// Fault is set when the only child of the body is a SOAP Fault.
	Fault *Fault
	// Raw are the bytes the message was read from; they are not a copy and must
	// not be changed.
	Raw []byte
	// Outline is where the parts of the message lie.
	Outline *Outline

	trees trees
}

// Name returns namespace URI and local name of the wrapper, the only child of the
// SOAP body.
func (m *Message) Name() (space, local string) {
	return string(m.Outline.space), string(m.Outline.local)
}

// Body returns the wrapper as a tree. It is nil when the message is a Fault. The
// tree is made when it is first asked for; who reads values only has no use for
// it, see Outline.WrapperTokens and mapping.DecodeMessage.
func (m *Message) Body() *etree.Element {
	if m.Fault != nil {
		return nil
	}
	return m.trees.wrapper()
}

// trees are what a message looks like as trees, as far as anybody asked.
type trees struct {
	outline *Outline

	outer, inner sync.Once
	blocks       []*etree.Element
	body         *etree.Element
}

// header returns the header blocks. They hang in the tree of the message, so that
// they know the namespaces around them.
func (t *trees) header() []*etree.Element {
	t.outer.Do(func() {
		root := t.outline.tree().Root()
		if head := Child(root, NSEnvelope, "Header"); head != nil {
			t.blocks = head.ChildElements()
		}
		t.body = onlyChild(Child(root, NSEnvelope, "Body"))
	})
	return t.blocks
}

// wrapper returns the only child of the body.
func (t *trees) wrapper() *etree.Element {
	t.header()
	t.inner.Do(func() {
		if t.body != nil {
			t.outline.fill(t.body)
		}
	})
	return t.body
}

func onlyChild(el *etree.Element) *etree.Element {
	if el == nil {
		return nil
	}
	if c := el.ChildElements(); len(c) == 1 {
		return c[0]
	}
	return nil
}
