package soap

import "strings"

// BusinessFault is a refusal on the merits: the service worked and its answer
// is no. It comes in a normal answer with HTTP status 200 (PR-MESS 3.2, D.2),
// and its words are the provider's and may hold personal data.
type BusinessFault struct{ Code, String string }

// ReadBusinessFault looks for a business fault in an answer, as PR-MESS D.2 and
// Estonian practice write it: an element fault with faultCode or faultString in
// the wrapper or in its payload, or both of them directly in the wrapper or the
// payload; qualified or not. The payload is a child of the wrapper that is the
// only one of its name, so that a list of items, each with its own fault, is not
// taken for one. Where neither has words there is no fault. nil and false when
// there is none, which costs nothing where no element has such a name.
func ReadBusinessFault(m *Message) (*BusinessFault, bool) {
	if m == nil || m.Fault != nil || !m.Outline.faulty {
		return nil, false
	}
	return BusinessFaultIn(m.Outline.WrapperTokens())
}

// BusinessFaultIn is ReadBusinessFault for a wrapper, with which the walk begins.
// It closes the walk.
func BusinessFaultIn(wrapper *Tokens) (*BusinessFault, bool) {
	defer wrapper.Close()
	if wrapper.Next() != TokenStart {
		return nil, false
	}
	var own faultPlace
	var payloads []*faultPlace
	named := map[string]*faultPlace{}
	own.read(wrapper, func(name string) {
		p := named[name]
		if p == nil {
			p = &faultPlace{}
			payloads, named[name] = append(payloads, p), p
		}
		p.times++
		// Old services repeat the request in front of the answer.
		if p.times > 1 || name == "request" {
			wrapper.Skip()
			return
		}
		p.read(wrapper, func(string) { wrapper.Skip() })
	})
	for _, p := range append([]*faultPlace{&own}, payloads...) {
		if f := p.states(); p.times < 2 && f != (BusinessFault{}) {
			return &f, true
		}
	}
	return nil, false
}

// faultPlace is an element in which a fault may stand.
type faultPlace struct {
	times      int // how many of its name there are
	code, text faultPart
	fault      BusinessFault // of the element fault in it
}

// faultPart is one of the two elements of a fault; the first of each counts.
type faultPart struct {
	given bool
	words string
}

// states is the fault that the element states.
func (p *faultPlace) states() BusinessFault {
	switch {
	case p.fault != (BusinessFault{}):
		return p.fault
	case p.code.given && p.text.given:
		return BusinessFault{p.code.words, p.text.words}
	}
	return BusinessFault{} // a single field of such a name may be data of the service
}

// read reads the element that started, up to its end; other is told of the
// children that have nothing to do with faults, and has to read them.
func (p *faultPlace) read(t *Tokens, other func(name string)) {
	for token := t.Next(); token != TokenEnd; token = t.Next() {
		if token != TokenStart {
			continue
		}
		_, name := t.Name()
		switch {
		case strings.EqualFold(name, faultCodeName):
			p.code.read(t)
		case strings.EqualFold(name, faultTextName):
			p.text.read(t)
		case name == "fault" && other != nil:
			var inner faultPlace
			inner.read(t, nil)
			if p.fault == (BusinessFault{}) {
				p.fault = BusinessFault{inner.code.words, inner.text.words}
			}
		case other != nil:
			other(name)
		default:
			t.Skip()
		}
	}
}

// read reads the element that started; one with elements in it is no part of a
// fault.
func (f *faultPart) read(t *Tokens) {
	words, plain := "", true
	for token := t.Next(); token != TokenEnd; token = t.Next() {
		if token == TokenStart {
			plain = false
			t.Skip()
			continue
		}
		words += t.Text()
	}
	if plain && (!f.given || f.words == "") {
		f.given, f.words = true, strings.Clone(strings.TrimSpace(words))
	}
}

// The names of the parts of a fault, in whatever case.
const (
	faultCodeName = "faultCode"
	faultTextName = "faultString"
)

// namesFault says whether an element of that local name may be part of a fault.
func namesFault(local []byte) bool {
	switch len(local) {
	case len(faultCodeName):
		return local[0]|0x20 == 'f' && strings.EqualFold(view(local), faultCodeName)
	case len(faultTextName):
		return local[0]|0x20 == 'f' && strings.EqualFold(view(local), faultTextName)
	}
	return false
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
