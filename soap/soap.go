// Package soap speaks the X-Road message protocol 4.0 (SOAP 1.1): identifiers,
// header fields, envelopes, attachments, faults, and the closed set of failure
// kinds that every other package decides by.
//
// The package is pure: bytes in, values out; attachments stream through it. It
// opens no connection, reads no file and logs nothing. ReadTree is the only door from bytes to an XML tree;
// nothing behind it meets a document type declaration, an undeclared prefix, a
// comment or a processing instruction.
//
// Failures. An error that leaves this package for the caller to act on is a
// *Failure with one of the kinds listed in failure.go. Kinds answer what
// happens next (retry, wait, give up), whose turn it is, and whether a circuit
// breaker counts the failure against the partner. The fault codes of X-Road
// exist in two spellings; Normalize reads both.
package soap

import (
	"crypto/sha512"
	"encoding/base64"

	"github.com/beevik/etree"
)

// Namespaces of the message protocol (PR-MESS 2.2, Annex A; PR-TARGETSS,
// PR-THIRDPARTY, PR-SECTOKEN). Prefixes are free; code compares these.
const (
	// NSEnvelope is the SOAP 1.1 envelope.
	NSEnvelope = "http://schemas.xmlsoap.org/soap/envelope/"
	// NSXRoad holds the header fields.
	NSXRoad = "http://x-road.eu/xsd/xroad.xsd"
	// NSIdentifiers holds the components of identifiers and objectType.
	NSIdentifiers = "http://x-road.eu/xsd/identifiers"
	// NSRepresentation holds representedParty.
	NSRepresentation = "http://x-road.eu/xsd/representation.xsd"
	// NSSecurityToken holds securityToken.
	NSSecurityToken = "http://x-road.eu/xsd/security-token.xsd"
	// NSXML is bound to the prefix xml in every document.
	NSXML = "http://www.w3.org/XML/1998/namespace"
	// NSXMLNS is bound to the prefix xmlns in every document.
	NSXMLNS = "http://www.w3.org/2000/xmlns/"
)

const (
	// ContentType is the Content-Type of every plain SOAP message we send.
	ContentType = "text/xml; charset=UTF-8"
	// ProtocolVersion is the version we send; any value starting with "4." is
	// accepted (PR-MESS 2.2).
	ProtocolVersion = "4.0"
	// HashAlgorithm is the algorithmId of requestHash.
	HashAlgorithm = "http://www.w3.org/2001/04/xmlenc#sha512"
)

// HashOf returns the base64 of the SHA-512 of b: the value of requestHash for
// a plain message with exactly these bytes (PR-MESS 2.2).
func HashOf(b []byte) string {
	sum := sha512.Sum512(b)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Child returns the first child element of el with this namespace URI and
// local name, or nil. The empty namespace means an unqualified element.
func Child(el *etree.Element, ns, name string) *etree.Element {
	if el == nil {
		return nil
	}
	for _, t := range el.Child {
		if c, ok := t.(*etree.Element); ok && is(c, ns, name) {
			return c
		}
	}
	return nil
}

// is tells whether el has this namespace URI and local name.
func is(el *etree.Element, ns, name string) bool {
	return el.Tag == name && el.NamespaceURI() == ns
}
