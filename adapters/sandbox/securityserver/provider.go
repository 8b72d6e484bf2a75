package securityserver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// maxAnswer is the longest answer of a provider that is taken, in bytes.
const maxAnswer = 64 << 20

// userAgent tells a provider's log who called.
const userAgent = "ristmik-sandbox"

// MaxLong is the longest message with attachments that is taken, in bytes;
// longMemory is how much of one is kept in memory.
const (
	MaxLong    = 4 << 30
	longMemory = 1 << 20
)

// providerAnswer is what came back from a provider, decoded from its content
// coding: in body, or in parts when it is a multipart message over SOAP.
type providerAnswer struct {
	status int
	reason string
	fields wire.Fields
	body   []byte
	parts  *wire.Spool
}

// open reads the answer.
func (a *providerAnswer) open() io.Reader {
	if a.parts != nil {
		return a.parts.From(0)
	}
	return bytes.NewReader(a.body)
}

func (a *providerAnswer) close() {
	if a.parts != nil {
		a.parts.Close()
	}
}

// outgoingBody keeps a body that is not there from becoming an empty one.
func outgoingBody(body []byte) io.Reader {
	if body == nil {
		return nil
	}
	return bytes.NewReader(body)
}

// certificatesOf are the certificates registered for a provider's information
// systems.
func (s *Server) certificatesOf(provider soap.ClientID) []*x509.Certificate {
	for _, v := range s.o.Subsystems {
		if v.ID == provider {
			return v.Certificates
		}
	}
	return nil
}

// callProvider sends one request to the service's address with target (a raw
// path and query) joined to it; body nil is none, length -1 goes in chunks. A
// multipart/related answer comes as parts, to be closed by the caller. Errors
// are refusals under prefix.
func (s *Server) callProvider(ctx context.Context, v Service, prefix, method, target string, fields wire.Fields, body io.Reader, length int64) (*providerAnswer, error) {
	ctx, patience, done := patient(ctx, v.Timeout)
	defer done()
	u, err := joined(v.URL, target)
	if err != nil {
		return nil, refuse(prefix+"service_malformed_url", "Malformed service address '%s': %v", v.URL, err)
	}
	req := (&http.Request{Method: method, URL: u, Host: u.Host, Header: http.Header{"User-Agent": {userAgent}}}).WithContext(ctx)
	for _, f := range fields {
		req.Header[f.Name] = append(req.Header[f.Name], f.Value)
	}
	if body != nil {
		// GetBody stays nil: without it the transport cannot repeat the request.
		req.Body, req.ContentLength = io.NopCloser(patience.watch(body)), length
		if length == 0 {
			req.Body = http.NoBody
		}
	}
	failed := func(err error) error {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return networkRefusal(prefix, u.Host, err)
	}
	resp, err := s.providers.transport(body != nil, v, s.certificatesOf(v.ID.Provider)).RoundTrip(req)
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	resp.Body = struct {
		io.Reader
		io.Closer
	}{patience.watch(resp.Body), resp.Body}
	a := &providerAnswer{status: resp.StatusCode, reason: strings.TrimSpace(strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode)))}
	if prefix == failedPrefix && mediaType(resp.Header.Get("Content-Type")) == "multipart/related" {
		a.parts, err = wire.NewSpool(decoded(resp), longMemory, MaxLong)
	} else {
		a.body, err = io.ReadAll(io.LimitReader(decoded(resp), maxAnswer+1))
	}
	if err == nil && len(a.body) > maxAnswer {
		err = wire.ErrTooLarge
	}
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		return nil, refuse(prefix+"io_error", "The answer is longer than this server takes")
	case err != nil:
		return nil, failed(err)
	}
	names := make([]string, 0, len(resp.Header))
	for name := range resp.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range resp.Header[name] {
			a.fields = append(a.fields, wire.Field{Name: name, Value: value})
		}
	}
	return a, nil
}

// joined is base + target: of two slashes at the seam one is dropped, nothing
// else is added or changed. Opaque keeps the target's percent-encoding.
func joined(base, target string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	rest := base[strings.Index(base, "://")+len("://"):]
	path := ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		path = rest[i:]
	}
	if strings.HasSuffix(path, "/") && strings.HasPrefix(target, "/") {
		path = path[:len(path)-1]
	}
	path += target
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	opaque, query, asked := strings.Cut(path, "?")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Opaque: opaque, RawQuery: query, ForceQuery: asked && query == ""}, nil
}

// decoded undoes the content coding, as a Security Server's HTTP library always
// does, and forgets its header fields.
func decoded(resp *http.Response) io.Reader {
	coding := strings.ToLower(strings.TrimSpace(resp.Header.Get("Content-Encoding")))
	var open func(*bytes.Reader) (io.Reader, error)
	switch coding {
	case "gzip", "x-gzip":
		open = func(r *bytes.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case "deflate":
		// Senders disagree whether deflate has the zlib frame.
		open = func(r *bytes.Reader) (io.Reader, error) {
			z, err := zlib.NewReader(r)
			if err != nil {
				r.Seek(0, io.SeekStart)
				return flate.NewReader(r), nil
			}
			return z, nil
		}
	default:
		return resp.Body
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return failing{err}
	}
	if len(data) == 0 {
		return bytes.NewReader(nil)
	}
	r, err := open(bytes.NewReader(data))
	if err != nil {
		return failing{err}
	}
	resp.Header.Del("Content-Encoding")
	resp.Header.Del("Content-Length")
	return r
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// networkRefusal says in X-Road's words why a provider could not be reached.
func networkRefusal(prefix, host string, err error) *refusal {
	if errors.Is(err, errUntrusted) {
		return refuse(prefix+"ssl_authentication_failed", "%v", errUntrusted)
	}
	if errors.Is(err, errSilent) {
		return refuse(prefix+"io_error", "%v", errSilent)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return refuse(prefix+"unknown_host", "%s: Name or service not known", dns.Name)
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return refuse(prefix+"io_error", "Read timed out")
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return refuse(prefix+"network_error", "Connect to %s failed: Connection refused", host)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return refuse(prefix+"network_error", "Connection reset")
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return refuse(prefix+"network_error", "No route to host")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return refuse(prefix+"io_error", "%s failed to respond", host)
	default:
		return refuse(prefix+"io_error", "%v", err)
	}
}
