package securityserver

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// hopFields are the thirteen header fields that are dropped in both directions
// (RestMessage.SKIPPED_HEADERS).
var hopFields = []string{"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "Host", "Content-Length", "Server", "Expect"}

// methods are the eight methods that a REST service can be called with.
var methods = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}

// The X-Road header fields of the message protocol for REST (PR-REST 4.3).
const (
	headerClient      = "X-Road-Client"
	headerID          = "x-road-id"
	headerRequestID   = "x-road-request-id"
	headerRequestHash = "x-road-request-hash"
)

// restRequest is a parsed request: path and query are raw, fields are those
// that go on to the provider, with the ones the server adds at the end.
type restRequest struct {
	client        soap.ClientID
	service       soap.ServiceID
	target        string // the Security Server that is asked for, "" is any
	path, query   string // path begins with "/" or is empty; query begins with "?" or is empty
	fields        wire.Fields
	id, requestID string
	hash          string
}

// handleREST answers one request of the message protocol for REST v1.
func (s *Server) handleREST(ctx context.Context, r *wire.Request) *wire.Response {
	if ambiguous(r.Target) {
		return &wire.Response{Status: http.StatusBadRequest, Fields: wire.Fields{{Name: "Content-Type", Value: "text/plain"}}, Body: []byte("Bad Request: Ambiguous URI\n")}
	}
	started := s.o.Now()
	x := Exchange{Result: "ok", Started: started}
	resp, err := s.exchangeREST(ctx, r, &x)
	if err != nil {
		refused := asRefusal(err)
		x.Result = s.o.Spelling.write(refused)
		resp = s.restError(r, refused)
	}
	x.Took = s.o.Now().Sub(started)
	s.exchanges.add(x)
	return resp
}

func (s *Server) exchangeREST(ctx context.Context, r *wire.Request, x *Exchange) (*wire.Response, error) {
	q, err := s.readREST(r, x)
	if err != nil {
		return nil, err
	}
	if err := s.address(q.service, q.target, q.target != ""); err != nil {
		return nil, err
	}
	if r.TooLarge || int64(len(r.Body)) > s.o.LoggableLimit {
		return nil, s.tooLarge()
	}
	first := r.Method + "\r\n" + r.Target + "\r\n"
	s.logREST(q, first, q.fields, r.Body, false)
	a, ok, err := s.metaREST(ctx, r, q)
	if err != nil {
		return nil, err
	}
	if !ok {
		v, err := s.callable(q.client, q.service, true, r.Method, q.path)
		if err != nil {
			return nil, err
		}
		var body []byte
		if withBody(r.Method) {
			body = append([]byte{}, r.Body...) // not nil: an empty one travels too
		}
		fields := q.fields
		if !fields.Has("Accept-Encoding") {
			fields = append(slices.Clone(fields), wire.Field{Name: "Accept-Encoding", Value: "gzip,deflate"})
		}
		if a, err = s.callProvider(ctx, v, "server.serverproxy.", r.Method, q.path+q.query, fields, outgoingBody(body), int64(len(body))); err != nil {
			return nil, err
		}
	}
	if int64(len(a.body)) > s.o.LoggableLimit {
		return nil, s.tooLarge()
	}
	if a.status >= 300 {
		x.Result = strconv.Itoa(a.status)
	}
	fields := a.fields.Without(hopFields...).Without(headerID, headerClient, headerRequestID, headerRequestHash, "Date")
	fields = append(fields,
		wire.Field{Name: headerID, Value: q.id},
		wire.Field{Name: "x-road-client", Value: q.client.String()},
		wire.Field{Name: "x-road-service", Value: q.service.String()},
		wire.Field{Name: headerRequestID, Value: q.requestID},
		wire.Field{Name: headerRequestHash, Value: q.hash},
	)
	s.logREST(q, statusLines(a), fields, a.body, true)
	return &wire.Response{Status: a.status, Reason: a.reason, Fields: fields, Body: a.body}, nil
}

// readREST makes the consumer side's checks in their order: address and
// identifiers, headers, client; then it gives the message its ids and its hash.
func (s *Server) readREST(r *wire.Request, x *Exchange) (restRequest, error) {
	var q restRequest
	if err := s.valid(); err != nil {
		return q, err
	}
	if !slices.Contains(methods, r.Method) {
		return q, refuse("server.clientproxy.internal_error", "Unknown request method: %s", r.Method)
	}
	raw, query, asked := strings.Cut(r.Target, "?")
	if asked {
		q.query = "?" + query
	}
	segments := strings.SplitN(strings.TrimPrefix(raw, "/r1/"), "/", 6)
	if len(segments) < 5 {
		return q, refuse("server.clientproxy.internal_error", "Invalid request URI")
	}
	service, err := soap.ParseServiceID(strings.Join(segments[:5], "/"))
	if err != nil {
		return q, refuse("server.clientproxy.internal_error", "Invalid request URI")
	}
	q.service = service
	if len(segments) == 6 {
		q.path = "/" + segments[5]
	}
	x.Service = service.String()
	client, ok := r.Fields.Last(headerClient)
	if !ok {
		return q, refuse("server.clientproxy.invalid_client_identifier", "The client identifier is missing")
	}
	// Some senders end the identifier with a slash; the reference takes that.
	if q.client, err = soap.ParseClientID(strings.TrimSuffix(client, "/")); err != nil {
		return q, refuse("server.clientproxy.internal_error", "Invalid Client Id")
	}
	x.Client = q.client.String()
	if v, ok := r.Fields.Last("X-Road-Security-Server"); ok {
		if q.target, ok = serverID(v); !ok {
			return q, refuse("server.clientproxy.internal_error", "Invalid SecurityServer Id")
		}
	}
	if v, ok := r.Fields.Last("X-Road-Represented-Party"); ok && strings.Count(v, "/") > 1 {
		return q, refuse("server.clientproxy.internal_error", "Invalid RepresentedParty Id")
	}
	if err := s.client(q.client, r); err != nil {
		return q, err
	}
	q.fields = r.Fields.Without(hopFields...).Without(headerRequestID, headerRequestHash)
	q.requestID = s.o.NewID()
	q.fields = append(q.fields, wire.Field{Name: headerRequestID, Value: q.requestID})
	if q.id, ok = r.Fields.Last(headerID); !ok {
		q.id = s.o.Instance + "-" + s.o.NewID()
		q.fields = append(q.fields, wire.Field{Name: headerID, Value: q.id})
	}
	x.MessageID = q.id
	q.hash = requestHash(r.Method, r.Target, q.fields, r.Body)
	return q, nil
}

// tooLarge is what a caller sees of a message that the message log refuses; the
// code of the log itself has two spellings as well.
func (s *Server) tooLarge() error {
	inner := s.o.Spelling.write(&refusal{code: "logging_failed"})
	return refuse("server.clientproxy.io_error", "%s: Message size exceeds maximum loggable size", inner)
}

// restError writes an error of the server: JSON, or XML for those who accept
// it; status 500 for codes that begin with "server.", else 400.
func (s *Server) restError(r *wire.Request, refused *refusal) *wire.Response {
	code := s.o.Spelling.write(refused)
	e := struct {
		XMLName xml.Name `xml:"error" json:"-"`
		Type    string   `xml:"type" json:"type"`
		Message string   `xml:"message" json:"message"`
		Detail  string   `xml:"detail" json:"detail"`
	}{Type: code, Message: refused.message, Detail: s.o.NewID()}
	status := http.StatusBadRequest
	if strings.HasPrefix(strings.ToLower(code), "server.") {
		status = http.StatusInternalServerError
	}
	contentType, body := "application/json", []byte(nil)
	if accepts(r.Fields, "text/xml", "application/xml", "text/*") {
		contentType = "text/xml;charset=utf-8"
		body, _ = xml.Marshal(e) // three strings always marshal
		body = append([]byte(`<?xml version="1.0" encoding="UTF-8"?>`), body...)
	} else {
		body, _ = json.Marshal(e)
	}
	return &wire.Response{Status: status, Body: body, Fields: wire.Fields{
		{Name: "Content-Type", Value: contentType}, {Name: "X-Road-Error", Value: code},
	}}
}

// accepts says whether any Accept value names one of the types; weights are
// not looked at, as in the reference implementation.
func accepts(f wire.Fields, types ...string) bool {
	for _, v := range f.Values("Accept") {
		for one := range strings.SplitSeq(v, ",") {
			if slices.Contains(types, mediaType(one)) {
				return true
			}
		}
	}
	return false
}
