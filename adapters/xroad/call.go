package xroad

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// Call is one SOAP request.
type Call struct {
	Service soap.ServiceID
	// Body is the wrapper; its local name is the service code (PR-MESS 2.3).
	Body *etree.Element
	// XML is the wrapper as text, where there is no Body: one element that
	// declares the prefixes it uses, as mapping.EncodeXML writes it.
	XML []byte
	// UserID is the person on whose behalf the call is made, with a country
	// prefix; empty for calls of the hub itself.
	UserID string
	// Issue is the reference of the case.
	Issue string
	// RepresentedParty is for whom the call is made (PR-THIRDPARTY).
	RepresentedParty *soap.RepresentedParty
	// SecurityServer is the one server that shall answer (PR-TARGETSS).
	SecurityServer *soap.ServerID
	// SecurityToken is the end user's token (PR-SECTOKEN).
	SecurityToken *soap.SecurityToken
	// Extra are header blocks of other protocols.
	Extra []*etree.Element
	// Attachments go out behind the envelope, streamed and packed as Packaging
	// says. Their bodies are read once, and not after the call has returned an
	// answer.
	Attachments []soap.Attachment
	Packaging   soap.Packaging
	// Before is told of the exchange when the message is made and before anything
	// of it leaves; RequestHash is that of the message. An error ends the call, and
	// nothing is sent. Nil means nobody is told.
	Before func(Exchange) error
	// SOAPAction is sent in quotes; empty is usual.
	SOAPAction string
	// Timeout is the total time of the call; zero means that of the service or
	// client.
	Timeout time.Duration
	// MaxAnswer is how many bytes the answer may have with its attachments;
	// zero means a gibibyte for Open. Call holds the client's limit for
	// messages.
	MaxAnswer int64
}

// Answer is the answer to a Call.
type Answer struct {
	// Message is the answer. A business fault inside its body is the caller's to
	// read. mapping.DecodeMessage and mapping.AppendJSON read the body without a
	// tree; Message.Body makes one.
	Message  *soap.Message
	Exchange Exchange
}

// AnswerStream is an answer whose attachments are still to be read. It is for
// one goroutine and has to be closed.
type AnswerStream struct {
	Answer
	in   *soap.Incoming
	body *replyBody
}

// Next returns the next attachment, io.EOF behind the last one. It and its
// body fail with a *soap.Failure. The body of the one before is over then.
func (a *AnswerStream) Next() (*soap.Attachment, error) {
	part, err := a.in.Next()
	if err != nil && err != io.EOF {
		return nil, named(err, a.Exchange.MessageID)
	}
	return part, err
}

// Close frees the connection.
func (a *AnswerStream) Close() error { return a.body.Close() }

// Call sends one SOAP request and returns the provider's answer; attachments
// of the answer are passed over. The error is a *soap.Failure.
//
// A Fault is recognised whatever the HTTP status (PR-MESS 2.5: faults come
// with 200). An answer is used only if it repeats id, client and service of
// the request and states the hash of exactly the bytes of the SOAP part that
// were sent; a missing hash counts as a wrong one, because every Security
// Server inserts it and SS-C refuses answers without (PR-MESS 2.2). Otherwise
// the kind is KindTampered, and KindHashMismatch when the hash is another one.
func (c *Client) Call(ctx context.Context, call Call) (*Answer, error) {
	call.MaxAnswer = c.bytes
	x, a, err := c.open(ctx, call)
	if err == nil {
		defer a.Close()
		for err == nil {
			_, err = a.Next()
		}
		if err == io.EOF {
			err = nil
		}
	}
	c.record(x, err)
	if err != nil {
		return nil, err
	}
	a.Exchange = *x
	return &a.Answer, nil
}

// Open is Call with the attachments of the answer, which are streamed: nothing
// is held of them. Finished in its Exchange is when the envelope was read.
func (c *Client) Open(ctx context.Context, call Call) (*AnswerStream, error) {
	x, a, err := c.open(ctx, call)
	c.record(x, err)
	if err != nil {
		return nil, err
	}
	a.Exchange = *x
	return a, nil
}

// open sends the request and checks that the answer is to it.
func (c *Client) open(ctx context.Context, call Call) (*Exchange, *AnswerStream, error) {
	id := c.o.NewID()
	x := c.exchange(id, call.Service)
	x.UserID, x.Issue = call.UserID, call.Issue
	if p := call.RepresentedParty; p != nil {
		x.RepresentedParty = strings.TrimPrefix(p.Class+"/"+p.Code, "/")
	}
	h := soap.Header{
		Client: c.o.Client, Service: call.Service, ID: id,
		UserID: call.UserID, Issue: call.Issue, ProtocolVersion: soap.ProtocolVersion,
		RepresentedParty: call.RepresentedParty, SecurityServer: call.SecurityServer, SecurityToken: call.SecurityToken, Extra: call.Extra,
	}
	sent, err := call.envelope(h)
	if err != nil {
		return x, nil, &soap.Failure{Kind: soap.KindFixData, Code: "request.message", Message: err.Error(), MessageID: id, Err: err}
	}
	r, err := c.soapRequest(call, id, sent)
	if err != nil {
		return x, nil, err
	}
	hash := soap.HashOf(sent)
	if err := tell(call.Before, *x, hash); err != nil {
		return x, nil, err
	}
	told := *x
	told.RequestHash = hash
	leaves(ctx, Sent{Exchange: told, Content: sent})
	got, err := c.send(ctx, r)
	if err != nil {
		return x, nil, err
	}
	m, in, err := c.message(got, id)
	if err == nil {
		if f := answers(h, m.Header, hash); f != nil {
			err = c.alarmed(got.server, f)
		}
	}
	if err != nil {
		_ = got.body.Close()
		return x, nil, err
	}
	x.RequestHash = withoutSpace(m.Header.RequestHash)
	return x, &AnswerStream{Answer: Answer{Message: m, Exchange: *x}, in: in, body: got.body}, nil
}

// envelope writes the message.
func (call *Call) envelope(h soap.Header) ([]byte, error) {
	if call.Body == nil && len(call.XML) > 0 {
		return soap.BuildRequestXML(h, call.XML)
	}
	return soap.BuildRequest(h, call.Body)
}

// tell tells before of an exchange.
func tell(before func(Exchange) error, x Exchange, hash string) error {
	if before == nil {
		return nil
	}
	x.RequestHash = hash
	if err := before(x); err != nil {
		return &soap.Failure{
			Kind: soap.KindRetryNow, Code: "request.not_recorded", MessageID: x.MessageID, Err: err,
			Message: "the exchange could not be recorded, so nothing was sent",
		}
	}
	return nil
}

// soapRequest puts the envelope, and attachments behind it, into a request.
func (c *Client) soapRequest(call Call, id string, sent []byte) (*request, error) {
	if !headerValue(call.SOAPAction) || strings.ContainsAny(call.SOAPAction, `"\ `) {
		return nil, notSent(id, "request.soap_action", "the SOAPAction is not a URI")
	}
	r := &request{
		id: id, method: http.MethodPost, target: url.URL{Path: "/"}, whole: sent, length: -1,
		message: true, action: call.SOAPAction,
		timeouts: c.timeoutsOf(call.Service, call.Timeout), limit: call.MaxAnswer,
	}
	if r.limit <= 0 {
		r.limit = maxStream
	}
	if len(call.Attachments) == 0 {
		return r, nil
	}
	contentType, body, err := soap.WriteMessage(sent, call.Packaging, "ristmik-"+c.o.NewID(), call.Attachments)
	if err != nil {
		return nil, &soap.Failure{Kind: soap.KindFixData, Code: "request.attachment", Message: err.Error(), MessageID: id, Err: err}
	}
	r.header = http.Header{"Content-Type": {contentType}, "SOAPAction": {`"` + call.SOAPAction + `"`}}
	r.message, r.whole, r.stream = false, nil, body
	return r, nil
}

// message reads the envelope of a reply as an answer that is not a Fault.
func (c *Client) message(got *reply, id string) (*soap.Message, *soap.Incoming, error) {
	contentType := got.media
	known := contentType == soap.ContentType
	if !known {
		media, _, _ := mime.ParseMediaType(contentType)
		known = media == "text/xml" || media == "multipart/related" || media == "application/xop+xml"
	}
	if !known {
		contentType = soap.ContentType // a Fault is one whatever it is called
	}
	in, err := soap.OpenAnswer(contentType, got.body, c.o.Limits)
	var m *soap.Message
	if err == nil {
		m, err = soap.ReadAnswer(in.Envelope(), c.o.Limits)
	}
	switch {
	case err == nil && m.Fault != nil:
		return nil, nil, m.Fault.Failure(id)
	case got.status != http.StatusOK:
		return nil, nil, page(got.status, id)
	case !known:
		return nil, nil, &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.content_type", MessageID: id,
			Message: "the answer is neither text/xml nor multipart/related",
		}
	case err != nil:
		return nil, nil, named(err, id)
	}
	return m, in, nil
}

// named gives a failure the message id of its exchange.
func named(err error, id string) error {
	var f *soap.Failure
	if errors.As(err, &f) && f.MessageID == "" {
		f.MessageID = id
	}
	return err
}

// answers checks that the header got belongs to the request.
func answers(sent, got soap.Header, hash string) *soap.Failure {
	stated := withoutSpace(got.RequestHash)
	switch {
	case got.ID != sent.ID:
		return tampered(sent.ID, "answer.id", "the answer has another message id")
	case got.Client != sent.Client:
		return tampered(sent.ID, "answer.client", "the answer is for another client")
	case got.Service != sent.Service:
		return tampered(sent.ID, "answer.service", "the answer is from another service")
	case stated == "":
		return tampered(sent.ID, "answer.no_request_hash", "the answer has no request hash")
	case stated != hash:
		return &soap.Failure{
			Kind: soap.KindHashMismatch, Code: "answer.request_hash", MessageID: sent.ID,
			Message: "the answer states the hash of another request",
		}
	}
	return nil
}

// withoutSpace joins a hash that an old server wrapped over lines.
func withoutSpace(s string) string {
	if strings.IndexFunc(s, unicode.IsSpace) < 0 {
		return s
	}
	return strings.Join(strings.Fields(s), "")
}

// headerValue tells whether s may be the value of an HTTP header: visible
// ASCII and blanks, so that nothing can end the line. UTF-8 is not sent raw.
func headerValue(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}

// singleValue returns an error when a header value cannot be sent.
func singleValue(id, name, value string) error {
	if headerValue(value) {
		return nil
	}
	return notSent(id, "request.header", fmt.Sprintf("the header %s has a character that a header cannot hold", name))
}
