package securityserver

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
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
	call := wire.Call{Method: method, Target: u.RequestURI(), Fields: append(slices.Clone(fields), wire.Field{Name: "User-Agent", Value: userAgent})}
	if body != nil {
		call.Body, call.Length = patience.watch(body), length
	}
	failed := func(err error) error {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return networkRefusal(prefix, u.Host, err)
	}
	resp, err := s.providers.caller(v, s.certificatesOf(v.ID.Provider)).Do(ctx, u, call)
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	a := &providerAnswer{status: resp.Status, reason: resp.Reason, fields: resp.Fields}
	read := a.decoded(patience.watch(resp.Body))
	if prefix == failedPrefix && mediaType(a.fields.Get("Content-Type")) == "multipart/related" {
		a.parts, err = wire.NewSpool(read, longMemory, MaxLong)
	} else {
		a.body, err = io.ReadAll(io.LimitReader(read, maxAnswer+1))
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
func (a *providerAnswer) decoded(body io.Reader) io.Reader {
	coding := strings.ToLower(strings.TrimSpace(a.fields.Get("Content-Encoding")))
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
		return body
	}
	data, err := io.ReadAll(io.LimitReader(body, maxAnswer))
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
	a.fields = a.fields.Without("Content-Encoding", "Content-Length")
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
