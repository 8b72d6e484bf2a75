package xroad

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// Call is one SOAP request.
type Call struct {
	Service soap.ServiceID
	// Body is the wrapper; its local name is the service code (PR-MESS 2.3).
	Body *etree.Element
	// UserID is the person on whose behalf the call is made, with a country
	// prefix; empty for calls of the hub itself.
	UserID string
	// Issue is the reference of the case.
	Issue string
	// SOAPAction is sent in quotes; empty is usual.
	SOAPAction string
	// Timeout is the total time of the call; zero means that of the client.
	Timeout time.Duration
}

// Answer is the answer to a Call.
type Answer struct {
	// Body is the wrapper of the answer. A business fault inside it is the
	// caller's to read.
	Body     *etree.Element
	Message  *soap.Message
	Exchange Exchange
}

// Call sends one SOAP request and returns the provider's answer. The error is
// a *soap.Failure.
//
// A Fault is recognised whatever the HTTP status (PR-MESS 2.5: faults come
// with 200). An answer is used only if it repeats id, client and service of
// the request and states the hash of exactly the bytes that were sent; a
// missing hash counts as a wrong one, because every Security Server inserts it
// and SS-C refuses answers without (PR-MESS 2.2). Otherwise the kind is
// KindTampered, and KindHashMismatch when the hash is another one.
func (c *Client) Call(ctx context.Context, call Call) (*Answer, error) {
	id := c.o.NewID()
	h := soap.Header{
		Client: c.o.Client, Service: call.Service, ID: id,
		UserID: call.UserID, Issue: call.Issue, ProtocolVersion: soap.ProtocolVersion,
	}
	if !headerValue(call.SOAPAction) || strings.ContainsAny(call.SOAPAction, `"\ `) {
		return nil, notSent(id, "request.soap_action", "the SOAPAction is not a URI")
	}
	sent, err := soap.BuildRequest(h, call.Body)
	if err != nil {
		return nil, &soap.Failure{Kind: soap.KindFixData, Code: "request.message", Message: err.Error(), MessageID: id, Err: err}
	}
	r := &request{
		id: id, method: http.MethodPost, target: url.URL{Path: "/"}, whole: sent,
		header:   http.Header{"Content-Type": {soap.ContentType}, "SOAPAction": {`"` + call.SOAPAction + `"`}},
		timeouts: c.timeoutsOf(call.Service, call.Timeout), limit: c.bytes,
	}
	x := c.exchange(id, call.Service)
	x.UserID, x.Issue = call.UserID, call.Issue
	got, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	m, err := c.message(got, id)
	x.Finished = c.o.Now()
	if err != nil {
		return nil, err
	}
	if f := answers(h, m.Header, soap.HashOf(sent)); f != nil {
		return nil, c.alarmed(got.server, f)
	}
	x.RequestHash = withoutSpace(m.Header.RequestHash)
	return &Answer{Body: m.Body, Message: m, Exchange: x}, nil
}

// message reads a reply as an answer that is not a Fault.
func (c *Client) message(got *reply, id string) (*soap.Message, error) {
	body, err := got.body.all()
	if err != nil {
		return nil, err
	}
	m, err := soap.ReadAnswer(body, c.o.Limits)
	if err == nil && m.Fault != nil {
		return nil, m.Fault.Failure(id)
	}
	if got.status != http.StatusOK {
		return nil, page(got.status, id)
	}
	if kind, _, bad := mime.ParseMediaType(got.header.Get("Content-Type")); bad != nil || kind != "text/xml" {
		return nil, &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.content_type", MessageID: id,
			Message: "the answer is not text/xml",
		}
	}
	if err != nil {
		var f *soap.Failure
		if errors.As(err, &f) {
			f.MessageID = id
		}
		return nil, err
	}
	return m, nil
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
func withoutSpace(s string) string { return strings.Join(strings.Fields(s), "") }

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
