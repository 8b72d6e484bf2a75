package soap

import (
	"strings"

	"github.com/beevik/etree"
)

// BusinessFault is a refusal on the merits: the service worked and its answer
// is no. It comes in a normal answer with HTTP status 200 (PR-MESS 3.2, D.2),
// and its words are the provider's and may hold personal data.
type BusinessFault struct{ Code, String string }

// ReadBusinessFault looks for a business fault in the wrapper of an answer, as
// PR-MESS D.2 and Estonian practice write it: an element fault with faultCode
// and faultString in the wrapper or in its payload, or both of them directly
// in the wrapper or the payload; qualified or not. The payload is a child of
// the wrapper that is the only one of its name, so that a list of items, each
// with its own fault, is not taken for one. Empty values are no fault. nil and
// false when there is none.
func ReadBusinessFault(wrapper *etree.Element) (*BusinessFault, bool) {
	if wrapper == nil {
		return nil, false
	}
	if f := businessFaultIn(wrapper); f != nil {
		return f, true
	}
	children := wrapper.ChildElements()
	times := map[string]int{}
	for _, c := range children {
		times[c.Tag]++
	}
	for _, c := range children {
		// Old services repeat the request in front of the answer.
		if times[c.Tag] == 1 && c.Tag != "request" {
			if f := businessFaultIn(c); f != nil {
				return f, true
			}
		}
	}
	return nil, false
}

// businessFaultIn reads the fault that el itself states.
func businessFaultIn(el *etree.Element) *BusinessFault {
	direct := &BusinessFault{}
	for _, c := range el.ChildElements() {
		if c.Tag == "fault" {
			f := &BusinessFault{}
			for _, part := range c.ChildElements() {
				f.take(part)
			}
			if *f != (BusinessFault{}) {
				return f
			}
		}
		direct.take(c)
	}
	// A single field of such a name may be data of the service.
	if direct.Code != "" && direct.String != "" {
		return direct
	}
	return nil
}

// take reads one of the two elements; the first of each counts.
func (f *BusinessFault) take(el *etree.Element) {
	value := strings.TrimSpace(el.Text())
	switch {
	case len(el.ChildElements()) > 0:
	case strings.EqualFold(el.Tag, "faultCode") && f.Code == "":
		f.Code = value
	case strings.EqualFold(el.Tag, "faultString") && f.String == "":
		f.String = value
	}
}

// Failure returns the fault as a failure of the exchange with this message id.
// Its code is ours, because the provider's are free text.
func (f *BusinessFault) Failure(messageID string) *Failure {
	raw := f.Code
	if raw == "" {
		raw = "-"
	}
	return &Failure{Kind: KindBusiness, Code: placeProvider + "refused", Raw: raw, Message: f.String, MessageID: messageID}
}
