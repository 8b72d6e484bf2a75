package soap

import (
	"net/url"
	"strings"

	"github.com/beevik/etree"
)

// NSXOP holds xop:Include (XOP 1.0).
const NSXOP = "http://www.w3.org/2004/08/xop/include"

// Reference returns the Content-ID reference that el holds, as it is written
// and with its "cid:": the text of a swaRef (WS-I Attachments Profile 1.0) or
// the href of its xop:Include, which must be its only child.
func Reference(el *etree.Element) (string, bool) {
	if el == nil {
		return "", false
	}
	ref := ""
	switch children := el.ChildElements(); {
	case len(children) == 0:
		ref = strings.TrimSpace(el.Text())
	case len(children) == 1 && is(children[0], NSXOP, "Include") && strings.TrimSpace(el.Text()) == "":
		ref = strings.TrimSpace(children[0].SelectAttrValue("href", ""))
	}
	_, ok := cid(ref)
	return ref, ok
}

// RefersTo tells whether a reference means the part with this Content-ID. The
// cid may be URL-encoded or not, the Content-ID may have its angle brackets or
// not (PR-MESS Annex F and G, and what is sent in practice).
func RefersTo(reference, contentID string) bool {
	id, ok := cid(reference)
	contentID = bareID(strings.TrimSpace(contentID))
	if !ok || contentID == "" {
		return false
	}
	decoded, err := url.PathUnescape(id)
	return id == contentID || err == nil && decoded == contentID
}

// SetReference makes el refer to the part with this Content-ID (without angle
// brackets) in the way of the packaging; what el held is removed.
func SetReference(el *etree.Element, p Packaging, contentID string) {
	for len(el.Child) > 0 {
		el.RemoveChildAt(0)
	}
	ref := "cid:" + url.PathEscape(contentID)
	if p == PackagingSwA {
		el.SetText(ref)
		return
	}
	include := el.CreateElement("xop:Include")
	include.CreateAttr("xmlns:xop", NSXOP)
	include.CreateAttr("href", ref)
}

// ReferBy renames each element below el that is called name and includes an
// attachment by MTOM to ref, with the reference as its text, as SwA has it; it
// says whether there was any. What MTOM leaves of a message does not fit its
// contract, which knows the content only.
func ReferBy(el *etree.Element, name, ref string) (found bool) {
	for _, child := range el.ChildElements() {
		reference, is := Reference(child)
		if is && child.Tag == name && len(child.ChildElements()) > 0 {
			for len(child.Child) > 0 {
				child.RemoveChildAt(0)
			}
			child.Tag, found = ref, true
			child.SetText(reference)
			continue
		}
		found = ReferBy(child, name, ref) || found
	}
	return found
}

// cid cuts the scheme off a reference; its letters may be of any case.
func cid(ref string) (string, bool) {
	if len(ref) > 4 && strings.EqualFold(ref[:4], "cid:") {
		return ref[4:], true
	}
	return "", false
}
