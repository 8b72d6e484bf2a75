package samples_test

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
)

var (
	attachmentCount = regexp.MustCompile(`(\d+) attachments?\b`)
	saidUser        = regexp.MustCompile("userId is `([^`]+)`")
	saidIssue       = regexp.MustCompile("issue `([^`]+)`")
	saidParty       = regexp.MustCompile(`party class (\S+), code ([^\s,;]+)`)
	saidOtherwise   = regexp.MustCompile(`(as text/xml|as multipart|as request|request|as answer|answer):\s*([a-z0-9_.]+)(?: / ([a-z0-9_.]+))?`)
	bom             = "\xef\xbb\xbf"
)

// tryAccept checks a message that everybody has to accept.
func (r *row) tryAccept(t *testing.T, contentType string) bool {
	m := r.read(contentType)
	if m != nil && m.Fault != nil {
		r.tryFaultAnswer(t, contentType, m)
		return true
	}
	switch r.role(m) {
	case request:
		if m != nil && m.Header.Service.Code == "getWsdl" {
			return r.tryGetWSDL(t, m, contentType)
		}
		r.tryRequest(t, contentType, r.data, "")
		if r.says("bom put in front") {
			r.tryRequest(t, contentType, append([]byte(bom), r.data...), "")
		}
	case answer:
		r.tryAnswer(t, contentType, "")
	default:
		return false
	}
	return true
}

// read reads the file leniently: as an answer, which may be a Fault; nil when
// it is not even that.
func (r *row) read(contentType string) *soap.Message {
	envelope, _, err := open(answer, contentType, r.data)
	if err != nil {
		return nil
	}
	m, err := soap.ReadAnswer(envelope, soap.Limits{})
	if err != nil {
		return nil
	}
	return m
}

// tryFault checks a message that is refused, and where the words say how it
// fares in other uses, those too. It tells whether the code is one of a message.
func (r *row) tryFault(t *testing.T, code string, types []string) bool {
	for _, connection := range []string{".network_error", ".io_error", ".unknown_host", ".invalid_soap_action", ".invalid_http_method", ".http_error"} {
		if strings.HasSuffix(code, connection) {
			return false // says nothing about the file
		}
	}
	switch {
	case strings.HasSuffix(code, ".inconsistent_response"):
		r.tryInconsistent(t, types[0])
	case strings.HasPrefix(code, "server.serverproxy.service_failed."):
		r.tryAnswer(t, types[0], code)
	default:
		r.tryRequest(t, types[0], r.data, code)
	}
	for _, said := range saidOtherwise.FindAllStringSubmatch(r.words, -1) {
		for i, other := range said[2:] {
			if !strings.Contains(other, "_") {
				continue
			}
			use, contentType := said[1], types[min(i, len(types)-1)]
			if use == "as multipart" {
				if contentType = types[len(types)-1]; !multipart(contentType) {
					continue
				}
			}
			if strings.HasSuffix(use, "answer") {
				r.tryAnswer(t, contentType, "server.serverproxy.service_failed."+other[strings.LastIndexByte(other, '.')+1:])
			} else if strings.HasPrefix(other, "client.") {
				r.tryRequest(t, contentType, r.data, other)
			}
		}
	}
	return true
}

// tryRequest sends a request through the hub's reading and through a sandbox
// whose provider answers well. With expect "" it has to pass.
func (r *row) tryRequest(t *testing.T, contentType string, data []byte, expect string) {
	t.Helper()
	envelope, attachments, err := open(request, contentType, data)
	var m *soap.Message
	if err == nil {
		m, err = soap.ReadRequest(envelope, soap.Limits{})
	}
	if strings.HasPrefix(expect, "client.") {
		wantCode(t, "the hub's reading", expect, err)
	} else if err != nil {
		t.Fatalf("the hub refuses the request: %v", err)
	}
	r.tryHubProvider(t, contentType, data, expect)
	h := soap.Header{}
	if m != nil {
		h = m.Header
	} else if first, err := soap.ReadRequest(envelope, soap.Limits{}); err == nil {
		h = first.Header // the defect is behind the envelope
	}
	p := newProvider(t, func(got message) message { return r.answerTo(m, got) })
	got := post(t, start(t, worldOf(h, expect, r, p.url)), message{contentType: contentType, body: data})
	if expect != "" {
		wantFault(t, expect, got)
		return
	}
	r.wantSaid(t, m, attachments)
	r.wantAnswer(t, got, m, envelope)
	if reached := p.received(); reached != nil {
		r.wantUntouched(t, *reached, contentType, data, envelope)
	}
}

// answerTo is the answer of the table to a request, if there is one for it, else
// one that repeats its header.
func (r *row) answerTo(req *soap.Message, got message) message {
	for _, other := range r.set.rows {
		types := other.contentTypes()
		if other.folder() != r.folder() || other.stem() != r.stem() || len(types) == 0 || other.verdict != "accept" {
			continue
		}
		m := other.read(types[0])
		if m != nil && m.Fault == nil && other.role(m) == answer && consistent(req.Header, m.Header) {
			return message{contentType: types[0], body: withID(other.data, m.Header.ID, req.Header.ID)}
		}
	}
	body := etree.NewElement("p:" + req.Body().Tag + "Response")
	body.CreateAttr("xmlns:p", req.Body().NamespaceURI())
	if req.Body().NamespaceURI() == "" {
		body = etree.NewElement(req.Body().Tag + "Response")
	}
	data, err := soap.BuildAnswer(req, body)
	if err != nil {
		return message{status: 500}
	}
	return message{contentType: soap.ContentType, body: data}
}

// tryAnswer lets a provider answer with the file: it has to reach the client
// with the hash of the request, or to be refused with the code.
func (r *row) tryAnswer(t *testing.T, contentType, expect string) {
	t.Helper()
	envelope, attachments, err := open(answer, contentType, r.data)
	var m *soap.Message
	if err == nil {
		m, err = soap.ReadAnswer(envelope, soap.Limits{})
	}
	if expect == "" && err != nil {
		t.Fatalf("the hub refuses the answer: %v", err)
	}
	if expect != "" {
		wantCode(t, "the hub's reading", expect, err)
	}
	if m != nil && m.Header.Service.Code == "getWsdl" {
		r.wantSaid(t, m, attachments)
		return // the Security Server itself answers it
	}
	req, sent, sentType := r.requestFor(t, m)
	sentEnvelope, _, err := open(request, sentType, sent)
	if err != nil {
		t.Fatal(err)
	}
	data := r.data
	if m != nil && m.Header.ID != "" {
		data = withID(data, m.Header.ID, req.Header.ID)
	}
	p := newProvider(t, func(message) message { return message{contentType: contentType, body: data} })
	url := start(t, worldOf(req.Header, expect, r, p.url))
	got := post(t, url, message{contentType: sentType, body: sent})
	if expect != "" {
		wantFault(t, expect, got)
	} else {
		r.wantSaid(t, m, attachments)
		r.wantAnswer(t, got, req, sentEnvelope)
		r.wantSameParts(t, got, message{contentType: contentType, body: data})
	}
	r.tryClient(t, url, req, expect)
}

// requestFor is the request that an answer answers: the one that the words
// name, the one of the same name, any of the folder with the same header, or
// else one that is made of the answer's own header.
func (r *row) requestFor(t *testing.T, m *soap.Message) (req *soap.Message, data []byte, contentType string) {
	t.Helper()
	if m != nil && m.Fault == nil {
		for _, near := range []func(*row) bool{
			func(o *row) bool { return strings.Contains(r.words, o.name()) },
			func(o *row) bool { return o.stem() == r.stem() },
			func(*row) bool { return true },
		} {
			for _, other := range r.set.rows {
				types := other.contentTypes()
				if other == r || other.folder() != r.folder() || len(types) == 0 || !near(other) {
					continue
				}
				envelope, _, err := open(request, types[0], other.data)
				if err != nil {
					continue
				}
				req, err := soap.ReadRequest(envelope, soap.Limits{})
				if err == nil && other.role(req) == request && consistent(req.Header, m.Header) {
					return req, other.data, types[0]
				}
			}
		}
		body := etree.NewElement("p:" + m.Header.Service.Code)
		body.CreateAttr("xmlns:p", "urn:sample")
		data, err := soap.BuildAnswer(m, body)
		if err != nil {
			t.Fatal(err)
		}
		req, err := soap.ReadRequest(data, soap.Limits{})
		if err != nil {
			t.Fatalf("no request can be made of the answer's header: %v", err)
		}
		return req, data, soap.ContentType
	}
	member := soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "asker"}
	body := etree.NewElement("p:service")
	body.CreateAttr("xmlns:p", "urn:sample")
	data, err := soap.BuildRequest(soap.Header{Client: member, Service: soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "2", Subsystem: "asked"}, Code: "service"}, ID: "1"}, body)
	if err != nil {
		t.Fatal(err)
	}
	if req, err = soap.ReadRequest(data, soap.Limits{}); err != nil {
		t.Fatal(err)
	}
	return req, data, soap.ContentType
}

// tryInconsistent sends the file as a request to a provider that answers with
// the header of another message: the one that the words name, or one of another
// case.
func (r *row) tryInconsistent(t *testing.T, contentType string) {
	envelope, _, err := open(request, contentType, r.data)
	if err != nil {
		t.Fatal(err)
	}
	m, err := soap.ReadRequest(envelope, soap.Limits{})
	if err != nil {
		t.Fatalf("the hub refuses the request: %v", err)
	}
	wrong := r.answerTo(m, message{})
	wrong.body = withID(wrong.body, m.Header.ID, m.Header.ID+"x")
	for _, name := range namedFile.FindAllString(r.words, -1) {
		if other := r.sibling(name); other != nil && other != r && len(other.contentTypes()) > 0 {
			wrong = message{contentType: other.contentTypes()[0], body: other.data}
		}
	}
	p := newProvider(t, func(message) message { return wrong })
	got := post(t, start(t, worldOf(m.Header, "", r, p.url)), message{contentType: contentType, body: r.data})
	wantFault(t, "server.clientproxy.service_failed.inconsistent_response", got)
}

// withID puts another message id into an envelope, as those who replay messages
// do.
func withID(data []byte, old, id string) []byte {
	return bytes.Replace(data, []byte(">"+old+"<"), []byte(">"+id+"<"), 1)
}

// wantSaid checks what the words say of the content of a message.
func (r *row) wantSaid(t *testing.T, m *soap.Message, attachments int) {
	t.Helper()
	if m == nil {
		return
	}
	if said := attachmentCount.FindStringSubmatch(r.words); said != nil {
		if want, _ := strconv.Atoi(said[1]); want != attachments {
			t.Errorf("%d attachments, want %d", attachments, want)
		}
	}
	if said := saidUser.FindStringSubmatch(r.words); said != nil && m.Header.UserID != said[1] {
		t.Errorf("userId %q, want %q", m.Header.UserID, said[1])
	}
	if said := saidIssue.FindStringSubmatch(r.words); said != nil && m.Header.Issue != said[1] {
		t.Errorf("issue %q, want %q", m.Header.Issue, said[1])
	}
	if said := saidParty.FindStringSubmatch(r.words); said != nil {
		if got := party(m.Header); got != said[1]+"/"+said[2] {
			t.Errorf("represented party %q, want %s/%s", got, said[1], said[2])
		}
	}
}
