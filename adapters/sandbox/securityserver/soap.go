package securityserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// failedPrefix marks what went wrong between the provider side and the
// provider's information system (SOAP only; REST has no such phase).
const failedPrefix = "server.serverproxy.service_failed."

// soapAnswer is what a caller gets: the envelope and what stands around it.
// rest, where it is set, follows body and is let go of by done.
type soapAnswer struct {
	contentType    string
	envelope, body []byte
	rest           io.Reader
	done           func()
}

// plainType is the Content-Type of every answer without attachments.
const plainType = "text/xml;charset=utf-8"

func plainAnswer(envelope []byte) *soapAnswer {
	return &soapAnswer{contentType: plainType, envelope: envelope, body: envelope}
}

// handleSOAP answers one SOAP request. Whatever happens, the status is 200:
// errors are Faults (reference behaviour of HandlerBase).
func (s *Server) handleSOAP(ctx context.Context, r *wire.Request) *wire.Response {
	started := s.o.Now()
	x := Exchange{Result: "ok", Started: started}
	answer, err := s.exchangeSOAP(ctx, r, &x)
	var fields wire.Fields
	if err != nil {
		refused := asRefusal(err)
		x.Result = s.o.Spelling.write(refused)
		answer = plainAnswer(s.fault(refused))
		fields = wire.Fields{{Name: "SOAPAction"}}
	}
	x.Took = s.o.Now().Sub(started)
	s.exchanges.add(x)
	return &wire.Response{Status: http.StatusOK, Fields: append(wire.Fields{{Name: "Content-Type", Value: answer.contentType}}, fields...), Body: answer.body, Rest: answer.rest, Done: answer.done}
}

// fault writes the Fault of a refusal; its detail is an id for the log.
func (s *Server) fault(r *refusal) []byte {
	return soap.BuildFault(soap.Fault{Code: s.o.Spelling.write(r), String: r.message, Detail: s.o.NewID()})
}

func (s *Server) exchangeSOAP(ctx context.Context, r *wire.Request, x *Exchange) (*soapAnswer, error) {
	in, req, err := s.readSOAP(r)
	if err != nil {
		return nil, err
	}
	h := req.Header
	x.MessageID, x.Client, x.Service = h.ID, h.Client.String(), h.Service.String()
	if err := s.client(h.Client, r); err != nil {
		return nil, err
	}
	target, targeted := securityServerOf(h)
	if err := s.address(h.Service, target, targeted); err != nil {
		return nil, err
	}
	if err := whole(in); err != nil {
		return nil, err
	}
	s.logSOAP(h, in.Envelope(), false)
	answer, err := s.answerSOAP(ctx, r, in, req, x)
	if err == nil && answer.envelope != nil {
		s.logSOAP(h, answer.envelope, true)
	}
	return answer, err
}

// answerSOAP is the provider side: a metaservice, or the service itself.
func (s *Server) answerSOAP(ctx context.Context, r *wire.Request, in *soap.Incoming, req *soap.Message, x *Exchange) (*soapAnswer, error) {
	if answer, err := s.metaSOAP(ctx, req, in.Envelope()); err != nil || answer != nil {
		return answer, err
	}
	v, err := s.callable(req.Header.Client, req.Header.Service, false, "", "")
	if err != nil {
		return nil, err
	}
	contentType := "text/xml; charset=UTF-8"
	if in.Multipart() {
		contentType = in.ContentType()
	}
	a, err := s.callProvider(ctx, v, failedPrefix, http.MethodPost, "", wire.Fields{
		{Name: "Content-Type", Value: contentType},
		{Name: "SOAPAction", Value: r.Fields.Get("SOAPAction")},
		{Name: "accept-encoding", Value: ""},
	}, r.Open(), -1)
	if err != nil {
		return nil, err
	}
	answer, err := s.readAnswer(req, in.Envelope(), a, x)
	if err != nil || answer.rest == nil {
		a.close()
	}
	return answer, err
}

// readSOAP makes the checks up to a well-formed envelope; attachments may still
// be to come.
func (s *Server) readSOAP(r *wire.Request) (*soap.Incoming, *soap.Message, error) {
	if r.Method != http.MethodPost {
		return nil, nil, refuse("client.invalid_http_method", "Must use POST request method instead of %s", r.Method)
	}
	if err := s.valid(); err != nil {
		return nil, nil, err
	}
	if !goodSOAPAction(r.Fields) {
		return nil, nil, refuse("client.invalid_soap_action", "Malformed SOAPAction header")
	}
	in, err := soap.OpenRequest(r.Fields.Get("Content-Type"), r.Open(), s.o.Limits)
	if err != nil {
		return nil, nil, fromFailure(err)
	}
	if r.TooLarge {
		return nil, nil, s.tooLarge()
	}
	req, err := soap.ReadRequest(in.Envelope(), s.o.Limits)
	if err != nil {
		return nil, nil, fromFailure(err)
	}
	return in, req, nil
}

// whole reads a message to its end, so that nothing incomplete is passed on.
func whole(in *soap.Incoming) error {
	for {
		if _, err := in.NextRaw(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fromFailure(err)
		}
	}
}

// goodSOAPAction takes no header, an empty one, or a quoted URI reference.
func goodSOAPAction(f wire.Fields) bool {
	for _, v := range f.Values("SOAPAction") {
		if v == "" {
			continue
		}
		if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
			return false
		}
		inner := v[1 : len(v)-1]
		if _, err := url.Parse(inner); err != nil || strings.ContainsAny(inner, "\" <>\\^`{|}") {
			return false
		}
	}
	return true
}

func mediaType(value string) string {
	t, _, err := mime.ParseMediaType(value)
	if err != nil {
		t, _, _ = strings.Cut(value, ";")
	}
	return strings.ToLower(strings.TrimSpace(t))
}

// fromFailure gives what reading a message found: its code and text are those
// of a Security Server. A Fault sent as a request keeps its own code behind the
// prefix.
func fromFailure(err error) error {
	failure, ok := errors.AsType[*soap.Failure](err)
	if !ok {
		return err
	}
	r := refuse(failure.Code, "%s", failure.Message)
	if failure.Raw != "" {
		r.code, r.literal = failure.Raw, len("client")
	}
	return r
}

// readAnswer makes the provider side's checks of an answer in their order,
// replaces requestHash, and makes the consumer side's check of the header.
func (s *Server) readAnswer(req *soap.Message, sent []byte, a *providerAnswer, x *Exchange) (*soapAnswer, error) {
	if a.status != http.StatusOK && a.status != http.StatusInternalServerError {
		return nil, refuse(failedPrefix+"http_error", "Server responded with error %d: %s", a.status, a.reason)
	}
	contentType := a.fields.Get("Content-Type")
	limits := soap.LimitsOf(max(s.o.Limits.Bytes, maxAnswer)) // no Security Server bounds what a provider answers
	in, err := soap.OpenAnswer(contentType, a.open(), limits)
	if err != nil {
		return nil, fromFailure(err)
	}
	charset := contentType
	if in.Multipart() {
		charset = "" // it speaks of the whole; the part declares its own
	}
	data := utf8Of(in.Envelope(), charset)
	answer, err := soap.ReadAnswer(data, limits)
	if err != nil {
		return nil, fromFailure(err)
	}
	if answer.Fault != nil {
		x.Result = answer.Fault.Code
		return &soapAnswer{contentType: plainType, body: data}, nil
	}
	if err := whole(in); err != nil {
		return nil, err
	}
	if !consistent(req.Header, answer.Header) {
		return nil, refuse("server.clientproxy.service_failed.inconsistent_response", "Response from server proxy is not consistent with request")
	}
	envelope, err := withRequestHash(data, soap.HashOf(sent))
	if err != nil || !in.Multipart() {
		return plainAnswer(envelope), err
	}
	return spliced(a.parts, contentType, in.Envelope(), envelope)
}

// spliced is a multipart answer with another envelope in its first part; every
// other byte is the provider's own.
func spliced(parts *wire.Spool, contentType string, old, envelope []byte) (*soapAnswer, error) {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return nil, refuse(failedPrefix+"invalid_content_type", "Invalid content type: %s", contentType)
	}
	head, err := io.ReadAll(io.LimitReader(parts.From(0), int64(len(old)+maxPartHead)))
	if err != nil {
		return nil, err
	}
	first := max(0, bytes.Index(head, []byte("--"+params["boundary"])))
	at := bytes.Index(head[first:], old)
	if at < 0 {
		return nil, refuse(failedPrefix+"invalid_message", "Malformed multipart message: the SOAP part was not found again")
	}
	at += first
	if params["charset"] == "" {
		contentType += ";charset=UTF-8"
	}
	return &soapAnswer{
		contentType: contentType, envelope: envelope, body: append(bytes.Clone(head[:at]), envelope...),
		rest: parts.From(int64(at + len(old))), done: parts.Close,
	}, nil
}

// maxPartHead is what may stand before the SOAP part of a multipart message, in
// bytes: a preamble and the part's header, both as long as [soap.OpenAnswer]
// lets them be.
const maxPartHead = 48 << 10
