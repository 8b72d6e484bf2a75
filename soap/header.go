package soap

import "github.com/beevik/etree"

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
	// Elements are all header blocks as received, in order, known or not. They
	// tell an empty field from an absent one, and BuildAnswer echoes them.
	Elements []*etree.Element
	// Extra are blocks of other protocols for BuildRequest to send behind the
	// known ones, such as the Estonian pdu. Received ones are in Elements.
	Extra []*etree.Element
}

// Block returns the first header block with this namespace and name as it was
// received, or nil when the header has none.
func (h Header) Block(ns, name string) *etree.Element {
	for _, b := range h.Elements {
		if is(b, ns, name) {
			return b
		}
	}
	return nil
}

// Message is one SOAP message that was read.
type Message struct {
	Header Header
	// Body is the wrapper, the only child of the SOAP body. It is nil when the
	// message is a Fault. Where the wrapper is larger than Limits.Tree, Body has
	// its name and attributes and nothing inside; Outline.WrapperTokens reads it.
	Body *etree.Element
	// Fault is set when the only child of the body is a SOAP Fault.
	Fault *Fault
	// Raw are the bytes the message was read from; they are not a copy.
	Raw []byte
	// Outline is where the parts of the message lie.
	Outline *Outline
}
