package samples_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ristmik/soap"
)

var (
	saidFault   = regexp.MustCompile("(?:code `|faultcode )([^`\\s,;]+)")
	saidRequest = regexp.MustCompile(`request: fault code ([A-Za-z0-9_.:-]+)`)
	saidCode    = regexp.MustCompile(`\b(?:client\.)?[a-z]+(?:_[a-z]+)+\b`)
	saidWrapper = regexp.MustCompile(`wrapper (\w+)`)
	saidBusy    = regexp.MustCompile(`faultCode =? ?([\w.]+)`)
	passing     = []string{"well-formed", "accepted", "consistent", "service list", "routed to", "drops it", "declines", "equals", "parses", "passed through"}
)

// seeMessage checks what the words say of a message, as far as they say
// something, and tells whether they did.
func (r *row) seeMessage(t *testing.T, contentType string) bool {
	m := r.read(contentType)
	tested := false
	if said := saidRequest.FindStringSubmatch(r.words); said != nil {
		r.tryRequest(t, contentType, r.data, said[1])
		tested = true
	}
	if m != nil && m.Fault != nil {
		r.tryFaultAnswer(t, contentType, m)
		return true
	}
	if said := saidWrapper.FindStringSubmatch(r.words); said != nil {
		if m == nil || m.Body() == nil || m.Body().Tag != said[1] {
			t.Errorf("the wrapper is not %s: %+v", said[1], m)
		}
		tested = true
	}
	if said := saidBusy.FindStringSubmatch(r.words); said != nil {
		return r.tryBusinessFault(t, m, said[1]) || tested
	}
	words := r.words
	if strings.Contains(words, "same defect") {
		words = r.defectAbove()
	}
	if code := saidCode.FindString(words); code != "" && known(code) {
		r.tryDefect(t, contentType, code)
		return true
	}
	if m != nil && m.Body() != nil && r.role(m) == request && r.tryGetWSDL(t, m, contentType) {
		return true
	}
	silent := r.words == "" || r.words == "-" || strings.HasPrefix(r.words, "see ")
	if m == nil || !r.says(passing...) && r.named() == nil && !silent && !tested {
		return tested
	}
	switch r.role(m) {
	case request:
		r.tryRequest(t, contentType, r.data, "")
	case answer:
		r.tryAnswer(t, contentType, "")
	default:
		return tested
	}
	return true
}

// named is another message of the folder that the words name.
func (r *row) named() *row {
	for _, name := range namedFile.FindAllString(r.words, -1) {
		if other := r.sibling(name); other != nil && other != r {
			return other
		}
	}
	return nil
}

// defectAbove are the words of the nearest row above that name a code.
func (r *row) defectAbove() string {
	words := ""
	for _, other := range r.set.rows {
		if other == r {
			break
		}
		if known(saidCode.FindString(other.words)) {
			words = other.words
		}
	}
	return words
}

// known says whether a code is one of those that messages are refused with.
func known(code string) bool {
	switch strings.TrimPrefix(code, "client.") {
	case "invalid_xml", "invalid_soap", "missing_header", "missing_header_field", "duplicate_header_field", "missing_body",
		"invalid_body", "inconsistent_headers", "invalid_protocol_version", "invalid_content_type", "missing_soap", "internal_error":
		return true
	}
	return false
}

// tryDefect checks that a message is refused with the code, as what it is.
func (r *row) tryDefect(t *testing.T, contentType, code string) {
	code = strings.TrimPrefix(code, "client.")
	if strings.Contains(strings.ToLower(r.name()), "response") || r.exercises == "answer" {
		r.tryAnswer(t, contentType, "server.serverproxy.service_failed."+code)
		return
	}
	r.tryRequest(t, contentType, r.data, "client."+code)
}

// tryFaultAnswer lets a provider answer with a Fault: it is known as one, and
// reaches the client as it is.
func (r *row) tryFaultAnswer(t *testing.T, contentType string, m *soap.Message) {
	if said := saidFault.FindStringSubmatch(r.words); said != nil && !strings.HasPrefix(said[1], "client.") && m.Fault.Code != said[1] {
		t.Errorf("the code of the Fault is %q, want %q", m.Fault.Code, said[1])
	}
	req, sent, sentType := r.requestFor(t, m)
	for _, status := range []int{200, 500} {
		p := newProvider(t, func(message) message { return message{status: status, contentType: contentType, body: r.data} })
		url := start(t, worldOf(req.Header, "", nil, p.url))
		got := post(t, url, message{contentType: sentType, body: sent})
		back, err := soap.ReadAnswer(got.body, soap.Limits{})
		if err != nil || back.Fault == nil || *back.Fault != *m.Fault || got.status != 200 {
			t.Errorf("a Fault with HTTP %d comes back with %d as %+v, %v; want %+v", status, got.status, back, err, m.Fault)
		}
		r.tryClientFault(t, url, req, m.Fault)
	}
}

// tryBusinessFault checks that a fault inside the wrapper is no SOAP Fault.
func (r *row) tryBusinessFault(t *testing.T, m *soap.Message, code string) bool {
	if m == nil { // the message has another defect, so look at its tree
		doc, err := soap.ReadTree(r.data, soap.Limits{})
		if err != nil {
			t.Errorf("not even well-formed: %v", err)
			return true
		}
		body := soap.Child(doc.Root(), soap.NSEnvelope, "Body")
		if body == nil || len(body.ChildElements()) != 1 {
			t.Fatal("no wrapper")
		}
		o, err := soap.Scan(soap.MarkupOf(body.ChildElements()[0]), soap.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if fault, ok := soap.BusinessFaultIn(o.Tokens()); !ok || fault.Code != code {
			t.Errorf("the business fault is %+v, want %s", fault, code)
		}
		return true
	}
	if m.Fault != nil {
		t.Fatal("a business fault was taken for a SOAP Fault")
	}
	if fault, ok := soap.ReadBusinessFault(m); !ok || fault.Code != code {
		t.Errorf("the business fault is %+v, want %s", fault, code)
	}
	return true
}

var numbers = map[string]int{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5}

// number reads "3" or "three".
func number(s string) int {
	if n, ok := numbers[s]; ok {
		return n
	}
	n, _ := strconv.Atoi(s)
	return n
}
