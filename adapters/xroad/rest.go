package xroad

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ristmik/soap"
)

// RESTCall is one REST request (message protocol for REST v1).
type RESTCall struct {
	// Service must not have a version; REST versions are part of the path.
	Service soap.ServiceID
	// Method is one of the eight of PR-REST 4.1, in upper case.
	Method string
	// Path is what follows the service code, percent-encoded, beginning with a
	// slash or empty. It reaches the provider byte for byte.
	Path string
	// Query is the query, percent-encoded, without the question mark.
	Query string
	// Header is what the caller wants to send along. Only Accept,
	// Content-Type, X-Road-UserId, X-Road-Issue and X-Road-Represented-Party
	// leave the house; everything else is dropped, because a Security Server
	// passes every header on to the foreign organisation.
	Header http.Header
	// Declared are headers that the description of the service asks for, by name.
	// They leave the house beside those of Header; one that belongs to HTTP or
	// X-Road itself is refused.
	Declared map[string]string
	// Body is allowed with POST, PUT and PATCH only: Security Servers sign the
	// body of other methods but do not deliver it.
	Body []byte
	// Stream is a body that is read while it is sent, instead of Body. Length
	// is its size in bytes; zero means unknown. It is not read after the call
	// has returned an answer, may be read a little longer after an error, and
	// is never closed.
	Stream io.Reader
	Length int64
	// ContentType describes Body and wins over Header.
	ContentType string
	// UserID and Issue win over Header.
	UserID, Issue string
	// RepresentedParty is "[class/]code" (PR-REST 4.3) and wins over Header.
	RepresentedParty string
	// SecurityServer is the one server that shall answer (PR-TARGETSS).
	SecurityServer *soap.ServerID
	// Before is told of the exchange before anything of it leaves; it has no
	// RequestHash yet. An error ends the call, and nothing is sent. Nil means nobody
	// is told.
	Before func(Exchange) error
	// Timeout is the total time of the call; zero means that of the service or
	// client.
	Timeout time.Duration
	// MaxAnswer is how many bytes the answer's body may have; zero means the
	// client's limit for REST and a gibibyte for OpenREST.
	MaxAnswer int64
}

// RESTAnswer is the provider's answer, whatever its status.
type RESTAnswer struct {
	Status   int
	Header   http.Header
	Body     []byte
	Exchange Exchange
}

// RESTStream is the provider's answer with a body that is still to be read.
type RESTStream struct {
	Status int
	Header http.Header
	// Body has to be closed. It ends with a *soap.Failure when it breaks, takes
	// longer than the call may, or is larger than MaxAnswer.
	Body     io.ReadCloser
	Exchange Exchange
}

// REST sends one request and returns the provider's answer as it is: 4xx, 5xx
// and redirects are answers too and come without an error. The error is a
// *soap.Failure.
//
// X-Road-Error is looked at first: it says that a Security Server made the
// answer. A 3xx, 4xx or 5xx without x-road-request-hash comes from the HTTP
// layer or from something in between (KindOwnServer). Any other answer must
// name our message id, client and service and state a request hash; otherwise,
// or when X-Road-Error comes together with a hash, which only a provider that
// forges it can bring about, the kind is KindTampered. The hash itself covers
// the headers as the Security Server saw them, so it cannot be computed here
// and is kept as evidence (PR-REST 4.3).
func (c *Client) REST(ctx context.Context, call RESTCall) (*RESTAnswer, error) {
	if call.MaxAnswer == 0 {
		call.MaxAnswer = c.bytes
	}
	x, got, err := c.openREST(ctx, call)
	var body []byte
	if err == nil {
		body, err = got.body.all()
	}
	c.record(x, err)
	if err != nil {
		return nil, err
	}
	return &RESTAnswer{Status: got.status, Header: got.header, Body: body, Exchange: *x}, nil
}

// OpenREST is REST without reading the answer's body. Finished in its Exchange
// is when the body began.
func (c *Client) OpenREST(ctx context.Context, call RESTCall) (*RESTStream, error) {
	x, got, err := c.openREST(ctx, call)
	c.record(x, err)
	if err != nil {
		return nil, err
	}
	return &RESTStream{Status: got.status, Header: got.header, Body: got.body, Exchange: *x}, nil
}

// openREST sends the request and checks that the answer is to it.
func (c *Client) openREST(ctx context.Context, call RESTCall) (*Exchange, *reply, error) {
	x := c.exchange(c.o.NewID(), call.Service)
	r, err := c.restRequest(call, x.MessageID)
	if err != nil {
		return x, nil, err
	}
	x.UserID, x.Issue, x.RepresentedParty = single(r.header, "X-Road-UserId"), single(r.header, "X-Road-Issue"), single(r.header, "X-Road-Represented-Party")
	if err := tell(call.Before, *x, ""); err != nil {
		return x, nil, err
	}
	leaves(ctx, Sent{Exchange: *x, REST: true, Method: r.method, Path: r.target.RequestURI(), Header: r.header, Content: r.whole})
	got, err := c.send(ctx, r)
	if err != nil {
		return x, nil, err
	}
	x.RequestHash, x.RequestID = got.header.Get("X-Road-Request-Hash"), got.header.Get("X-Road-Request-Id")
	if f := c.belongs(got, call.Service, x.MessageID); f != nil {
		_ = got.body.Close()
		return x, nil, c.alarmed(got.server, f)
	}
	return x, got, nil
}

const (
	// maxStream is how large an answer may be that nobody holds as a whole.
	maxStream = 1 << 30
	// maxRefusal is how much of an error's body is read.
	maxRefusal = 64 << 10
)

// restMethods are the methods of PR-REST 4.1 and whether the Security Server
// delivers a body with them.
var restMethods = map[string]bool{
	http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
	http.MethodGet: false, http.MethodHead: false, http.MethodDelete: false, http.MethodOptions: false, http.MethodTrace: false,
}

// allowedHeaders are the headers a caller may send along.
var allowedHeaders = []string{"Accept", "Content-Type", "X-Road-UserId", "X-Road-Issue", "X-Road-Represented-Party"}

func (c *Client) restRequest(call RESTCall, id string) (*request, error) {
	bodied, ok := restMethods[call.Method]
	hasBody := len(call.Body) > 0 || call.Stream != nil
	switch {
	case !ok:
		return nil, notSent(id, "request.method", "the method is not one of DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, TRACE")
	case !bodied && hasBody:
		return nil, notSent(id, "request.body", "X-Road does not deliver a body with "+call.Method)
	case len(call.Body) > 0 && call.Stream != nil:
		return nil, notSent(id, "request.body", "there are two bodies")
	}
	target, err := restURL(call)
	if err != nil {
		return nil, notSent(id, "request.path", err.Error())
	}
	r := &request{
		id: id, method: call.Method, target: *target, header: http.Header{},
		whole: call.Body, stream: call.Stream, length: call.Length,
		timeouts: c.timeoutsOf(call.Service, call.Timeout), limit: call.MaxAnswer,
	}
	if r.limit <= 0 {
		r.limit = maxStream
	}
	if r.stream != nil && r.length <= 0 {
		r.length = -1
	}
	values := map[string]string{
		"Accept": "application/json", "Content-Type": "", "X-Road-UserId": "", "X-Road-Issue": "", "X-Road-Represented-Party": "",
	}
	for _, name := range allowedHeaders {
		given := valuesOf(call.Header, name)
		if name == "Accept" && len(given) > 0 {
			values[name] = strings.Join(given, ", ")
			continue
		}
		if len(given) > 1 {
			return nil, notSent(id, "request.header", "the header "+name+" is given more than once")
		}
		if len(given) == 1 {
			values[name] = given[0]
		}
	}
	for name, own := range map[string]string{
		"Content-Type": call.ContentType, "X-Road-UserId": call.UserID, "X-Road-Issue": call.Issue, "X-Road-Represented-Party": call.RepresentedParty,
	} {
		if own != "" {
			values[name] = own
		}
	}
	if !hasBody {
		delete(values, "Content-Type")
	}
	if call.SecurityServer != nil {
		values["X-Road-Security-Server"] = call.SecurityServer.String()
	}
	values["X-Road-Client"], values["X-Road-Id"] = c.o.Client.String(), id
	for name, value := range values {
		if value == "" {
			continue
		}
		if err := singleValue(id, name, value); err != nil {
			return nil, err
		}
		r.header[name] = []string{value}
	}
	for name, value := range call.Declared {
		if !declarable(name) {
			return nil, notSent(id, "request.header", "a declared header is not one that a description can ask for")
		}
		if err := singleValue(id, name, value); err != nil {
			return nil, err
		}
		r.header[name] = []string{value}
	}
	return r, nil
}

// ofHTTP are the headers of the connection and the message, which are made by
// whoever sends it, and those that would show secrets to a foreign organisation.
var ofHTTP = []string{
	"accept", "accept-encoding", "authorization", "connection", "content-encoding", "content-length", "content-type", "cookie", "expect",
	"forwarded", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via",
}

// declarable says whether a description may ask for a header of that name.
func declarable(name string) bool {
	lower := strings.ToLower(name)
	return name != "" && strings.Trim(lower, "abcdefghijklmnopqrstuvwxyz0123456789-_") == "" &&
		!strings.HasPrefix(lower, "x-road-") && !strings.HasPrefix(lower, "x-forwarded-") && !slices.Contains(ofHTTP, lower)
}

// valuesOf returns the values of a header whatever the spelling of its name.
func valuesOf(h http.Header, name string) []string {
	var out []string
	for k, v := range h {
		if strings.EqualFold(k, name) {
			out = append(out, v...)
		}
	}
	return out
}

// single returns the value of a header of ours, whose names are written as the
// protocol does and not as Go would.
func single(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// belongs tells an answer of the provider to our request from everything else.
func (c *Client) belongs(got *reply, service soap.ServiceID, id string) *soap.Failure {
	hash := got.header.Get("X-Road-Request-Hash")
	if code := got.header.Get("X-Road-Error"); code != "" {
		if hash != "" {
			return tampered(id, "answer.forged_error", "the provider's answer pretends to be an error of a Security Server")
		}
		return refusal(code, got).Failure(id)
	}
	switch {
	case hash == "" && got.status >= 300:
		return page(got.status, id)
	case hash == "":
		return tampered(id, "answer.no_request_hash", "the answer has no request hash")
	case last(got.header, "X-Road-Id") != id:
		return tampered(id, "answer.id", "the answer has another message id")
	}
	if got, err := soap.ParseClientID(last(got.header, "X-Road-Client")); err != nil || got != c.o.Client {
		return tampered(id, "answer.client", "the answer is for another client")
	}
	if got, err := soap.ParseServiceID(last(got.header, "X-Road-Service")); err != nil || got != service {
		return tampered(id, "answer.service", "the answer is from another service")
	}
	return nil
}

// last returns the last value: Security Servers append theirs behind one that
// the provider may have sent.
func last(h http.Header, name string) string {
	v := h.Values(name)
	if len(v) == 0 {
		return ""
	}
	return v[len(v)-1]
}

// refusal reads an error made by a Security Server. The header has the code;
// the body may be JSON, XML or missing, and only adds to it.
func refusal(code string, got *reply) soap.Fault {
	f := soap.Fault{Code: code}
	text, err := io.ReadAll(io.LimitReader(got.body, maxRefusal))
	if err != nil {
		return f
	}
	var body struct {
		Message string `json:"message"`
		Detail  string `json:"detail"`
	}
	if json.Unmarshal(text, &body) == nil {
		f.String, f.Detail = body.Message, body.Detail
		return f
	}
	if doc, err := soap.ReadTree(text, soap.Limits{}); err == nil {
		if m := soap.Child(doc.Root(), "", "message"); m != nil {
			f.String = m.Text()
		}
		if d := soap.Child(doc.Root(), "", "detail"); d != nil {
			f.Detail = d.Text()
		}
	}
	return f
}

// restURL builds the path of a call; scheme and host are left out.
func restURL(call RESTCall) (*url.URL, error) {
	raw, err := restPath(call.Service, call.Path)
	if err != nil {
		return nil, err
	}
	if err := checkQuery(call.Query); err != nil {
		return nil, err
	}
	if len(raw)+len(call.Query) > maxURL {
		return nil, errTooLong
	}
	decoded, err := url.PathUnescape(raw)
	if err != nil {
		return nil, errEncoding
	}
	return &url.URL{Path: decoded, RawPath: raw, RawQuery: call.Query}, nil
}
