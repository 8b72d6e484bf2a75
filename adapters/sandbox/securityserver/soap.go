package securityserver

import (
	"context"
	"errors"
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

// handleSOAP answers one SOAP request. Whatever happens, the status is 200:
// errors are Faults (reference behaviour of HandlerBase).
func (s *Server) handleSOAP(ctx context.Context, r *wire.Request) *wire.Response {
	started := s.o.Now()
	x := Exchange{Result: "ok", Started: started}
	body, err := s.exchangeSOAP(ctx, r, &x)
	fields := wire.Fields{{Name: "Content-Type", Value: "text/xml;charset=utf-8"}}
	if err != nil {
		refused := asRefusal(err)
		x.Result = s.o.Spelling.write(refused)
		body = s.fault(refused)
		fields = append(fields, wire.Field{Name: "SOAPAction"})
	}
	x.Took = s.o.Now().Sub(started)
	s.exchanges.add(x)
	return &wire.Response{Status: http.StatusOK, Fields: fields, Body: body}
}

// fault writes the Fault of a refusal; its detail is an id for the log.
func (s *Server) fault(r *refusal) []byte {
	return soap.BuildFault(soap.Fault{Code: s.o.Spelling.write(r), String: r.message, Detail: s.o.NewID()})
}

func (s *Server) exchangeSOAP(ctx context.Context, r *wire.Request, x *Exchange) ([]byte, error) {
	req, err := s.readSOAP(r)
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
	if answer, ok, err := s.metaSOAP(req); ok {
		if err != nil {
			return nil, err
		}
		return withRequestHash(answer, soap.HashOf(r.Body))
	}
	v, err := s.callable(h.Client, h.Service, false, "", "")
	if err != nil {
		return nil, err
	}
	a, err := s.callProvider(ctx, v, failedPrefix, http.MethodPost, "", wire.Fields{
		{Name: "Content-Type", Value: "text/xml; charset=UTF-8"},
		{Name: "SOAPAction", Value: r.Fields.Get("SOAPAction")},
		{Name: "accept-encoding", Value: ""},
	}, r.Body, true)
	if err != nil {
		return nil, err
	}
	return s.readAnswer(req, r.Body, a, x)
}

// readSOAP makes the checks up to a whole, well-formed request.
func (s *Server) readSOAP(r *wire.Request) (*soap.Message, error) {
	if r.Method != http.MethodPost {
		return nil, refuse("client.invalid_http_method", "Must use POST request method instead of %s", r.Method)
	}
	if err := s.valid(); err != nil {
		return nil, err
	}
	if !goodSOAPAction(r.Fields) {
		return nil, refuse("client.invalid_soap_action", "Malformed SOAPAction header")
	}
	if err := checkContentType(r.Fields); err != nil {
		return nil, err
	}
	if r.TooLarge {
		return nil, tooLarge()
	}
	req, err := soap.ReadRequest(r.Body, s.o.Limits)
	if err != nil {
		return nil, fromFailure(err)
	}
	return req, nil
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

func checkContentType(f wire.Fields) error {
	value := f.Get("Content-Type")
	if value == "" {
		return refuse("client.invalid_request", "Could not get content type from request")
	}
	switch mediaType(value) {
	case "text/xml", "application/xop+xml":
		return nil
	case "multipart/related":
		return refuse("client.invalid_content_type", "Invalid content type: multipart/related (this sandbox carries no attachments)")
	default:
		return refuse("client.invalid_content_type", "Invalid content type: %s", value)
	}
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
func (s *Server) readAnswer(req *soap.Message, sent []byte, a *providerAnswer, x *Exchange) ([]byte, error) {
	if a.status != http.StatusOK && a.status != http.StatusInternalServerError {
		return nil, refuse(failedPrefix+"http_error", "Server responded with error %d: %s", a.status, a.reason)
	}
	contentType := a.fields.Get("Content-Type")
	switch mediaType(contentType) {
	case "text/xml":
	case "":
		return nil, refuse(failedPrefix+"invalid_content_type", "Could not get content type from response")
	case "multipart/related":
		return nil, refuse(failedPrefix+"invalid_content_type", "Invalid content type: multipart/related (this sandbox carries no attachments)")
	default:
		return nil, refuse(failedPrefix+"invalid_content_type", "Invalid content type: %s", contentType)
	}
	data := utf8Of(a.body, contentType)
	answer, err := soap.ReadAnswer(data, s.o.Limits)
	if err != nil {
		return nil, fromFailure(err)
	}
	if answer.Fault != nil {
		x.Result = answer.Fault.Code
		return data, nil
	}
	if !consistent(req.Header, answer.Header) {
		return nil, refuse("server.clientproxy.service_failed.inconsistent_response", "Response from server proxy is not consistent with request")
	}
	return withRequestHash(data, soap.HashOf(sent))
}
