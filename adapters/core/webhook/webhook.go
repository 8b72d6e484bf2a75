// Package webhook is the sink that posts events to a receiver's address as
// Standard Webhooks has it (standardwebhooks.com, specification 1.0.0): signed
// over id, time and body, so that the receiver knows who sent it and when, and
// can leave out what it has seen.
//
// An address is a way into the network that the hub stands in. So private
// addresses are refused unless they are allowed, at the moment of dialling and
// after names have been looked up: a name that leads somewhere else meanwhile
// (DNS rebinding) gains nothing. Redirects are not followed and no proxy is
// asked.
package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"ristmik/adapters/core/subscriber"
	"ristmik/outbox"
)

const (
	// answerLimit is how much of an answer is read, in bytes: enough to keep the
	// connection. What it says is of no interest.
	answerLimit = 64 << 10
	// mostAfter bounds what a receiver may ask for by Retry-After.
	mostAfter = time.Hour
	// defaultTimeout is for the whole request. Standard Webhooks advises 15 to
	// 30 seconds.
	defaultTimeout = 20 * time.Second
	dialTimeout    = 5 * time.Second
)

// Options describe a receiver. URL and Secrets are needed.
type Options struct {
	// URL is where to post; see [CheckURL].
	URL string
	// Secrets gives the secrets to sign with, each time anew: two while the
	// receiver changes from one to the other.
	Secrets func() ([]Secret, error)
	// Allow are the private addresses that may be dialled.
	Allow []netip.Prefix
	// Plaintext takes http:// too.
	Plaintext bool
	// Roots are whose certificates are trusted; nil means the system's.
	Roots *x509.CertPool
	// Timeout is for one request, 20 seconds by default.
	Timeout time.Duration
	// Now is the clock of signatures.
	Now func() time.Time
	// Resolver looks names up; nil means the system's.
	Resolver *net.Resolver
}

// Sink posts to one receiver. It is safe for concurrent use.
type Sink struct {
	o      Options
	client *http.Client
}

// New checks the options.
func New(o Options) (*Sink, error) {
	if err := CheckURL(o.URL, o.Plaintext, o.Allow); err != nil {
		return nil, err
	}
	if o.Secrets == nil || o.Now == nil {
		return nil, errors.New("webhook: secrets and a clock are needed")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver, Control: guard(o.Allow)}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
		TLSHandshakeTimeout: dialTimeout, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &Sink{o: o, client: &http.Client{
		Transport: transport, Timeout: o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Deliver implements subscriber.Sink: any answer of 200 to 299 is delivered, 410
// says that the receiver will never take anything again, and everything else is
// tried again, as late as Retry-After asks.
func (s *Sink) Deliver(ctx context.Context, e subscriber.Event) outbox.Outcome {
	secrets, err := s.o.Secrets()
	if err != nil || len(secrets) == 0 {
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "no_secret"}
	}
	id := messageID(e.ID)
	now := s.o.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.URL, bytes.NewReader(e.Body))
	if err != nil {
		return outbox.Outcome{Result: outbox.ResultDead, Reason: "bad_url"}
	}
	h := req.Header
	h.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	h.Set("User-Agent", "ristmik")
	h.Set(headerID, id)
	h.Set(headerTimestamp, strconv.FormatInt(now.Unix(), 10))
	h.Set(headerSignature, signatures(secrets, id, now, e.Body))
	if e.TraceParent != "" {
		h.Set("traceparent", e.TraceParent)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return failed(err, id)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, answerLimit)) // the status has said it all
	return s.outcome(res, id, now)
}

func (s *Sink) outcome(res *http.Response, id string, now time.Time) outbox.Outcome {
	out := outbox.Outcome{Result: outbox.ResultRetry, Exchange: id, Reason: fmt.Sprintf("http_%d", res.StatusCode)}
	switch code := res.StatusCode; {
	case code >= 200 && code < 300:
		out.Result, out.Reason = outbox.ResultDelivered, ""
	case code == http.StatusGone:
		out.Reason = subscriber.ReasonGone
	case code == http.StatusTooManyRequests || code >= 500:
		out.After = after(res.Header.Get("Retry-After"), now)
		out.CountsAgainst = true
	}
	return out
}

// failed is the outcome of a request without an answer. Only what certainly did
// not leave is known not to have been taken.
func failed(err error, id string) outbox.Outcome {
	out := outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer", Exchange: id, CountsAgainst: true}
	var op *net.OpError
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, errNotAllowed):
		out.Result, out.Reason = outbox.ResultRetry, "address_not_allowed"
	case errors.As(err, &dns):
		out.Result, out.Reason = outbox.ResultRetry, "name_not_found"
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid):
		out.Result, out.Reason = outbox.ResultRetry, "certificate"
	case errors.As(err, &op) && op.Op == "dial":
		out.Result, out.Reason = outbox.ResultRetry, "no_connection"
	}
	return out
}

// after reads Retry-After (RFC 9110, 10.2.3): seconds or a date.
func after(value string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		d = time.Duration(n) * time.Second
	} else if t, err := http.ParseTime(value); err == nil {
		d = t.Sub(now)
	}
	return min(max(d, 0), mostAfter)
}
