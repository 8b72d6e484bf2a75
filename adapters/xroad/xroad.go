// Package xroad talks to our Security Server: it sends SOAP and REST requests
// through it and reads what comes back.
//
// Every call has its own total time-out, because a Security Server waits for
// the partner without limit (UG-SYSPAR client-httpclient-timeout). Every call
// is one attempt with a message id of its own: nothing is repeated, redirected
// or cached behind the caller's back, since signed evidence is fetched by id.
//
// Errors are *soap.Failure. Which kind a broken connection has depends on
// whether the request may have left: as long as nothing was written, the
// trouble is between us and our own Security Server (KindOwnServer); after
// that the partner may have acted (KindUnknownResult). Outcome turns a kind
// into what the outbox does next.
package xroad

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"ristmik/soap"
)

const (
	// defaultTimeout is the total time of one call. It equals the default
	// service time-out of a Security Server; calls of slow services name their
	// own.
	defaultTimeout = 60 * time.Second
	// connectTimeout is the time to reach our own Security Server.
	connectTimeout = 5 * time.Second
	// userAgent is sent for the Security Server's log; it is not forwarded.
	userAgent = "ristmik"
)

// Options configure a Client.
type Options struct {
	// SecurityServer is the address of our Security Server for information
	// systems, such as "http://127.0.0.1:8090": scheme, host and port only.
	SecurityServer string
	// Client is the subsystem in whose name calls are made.
	Client soap.ClientID
	// Transport sends requests. Nil means one of our own: connections are
	// kept, connecting takes at most five seconds, nothing is decompressed,
	// no proxy of the environment is used.
	Transport http.RoundTripper
	// NewID makes message ids; nil means random UUIDs.
	NewID func() string
	// Now is the clock for the times in Exchange; nil means time.Now.
	Now func() time.Time
	// Timeout is the total time of a call that names none; zero means 60 s.
	Timeout time.Duration
	// Limits bound answers; zero fields mean soap.DefaultLimits.
	Limits soap.Limits
}

// Client calls services through one Security Server in the name of one
// subsystem. It may be used by many goroutines at once.
type Client struct {
	base  url.URL
	o     Options
	http  http.Client
	bytes int64
}

// New returns a client. It connects to nothing yet.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.SecurityServer)
	if err != nil {
		// The parser quotes its input, which may hold a password.
		return nil, errors.New("address of the Security Server: is no URL")
	}
	switch {
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("address of the Security Server: the scheme is not http or https")
	case base.Hostname() == "":
		return nil, errors.New("address of the Security Server: there is no host")
	case base.User != nil, base.RawQuery != "", base.Fragment != "", base.Path != "" && base.Path != "/":
		return nil, errors.New("address of the Security Server: only scheme, host and port are allowed")
	}
	if o.Client.Instance == "" || o.Client.Class == "" || o.Client.Member == "" {
		return nil, errors.New("the client identifier is not complete")
	}
	if o.Timeout < 0 {
		return nil, fmt.Errorf("the time-out %s is negative", o.Timeout)
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Transport == nil {
		o.Transport = NewTransport()
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Limits.Bytes <= 0 {
		o.Limits.Bytes = soap.DefaultLimits().Bytes
	}
	return &Client{
		base: url.URL{Scheme: base.Scheme, Host: base.Host, Path: "/"},
		o:    o,
		http: http.Client{
			Transport: o.Transport,
			// A redirect of a provider points into its own house and one of a
			// Security Server does not exist: never follow, in neither case.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		bytes: int64(o.Limits.Bytes),
	}, nil
}

// NewTransport returns the transport that New uses when it is given none.
func NewTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}
	return &http.Transport{
		DialContext:            countWrites(dialer.DialContext),
		TLSHandshakeTimeout:    connectTimeout,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// Exchange is what is kept of one call for the record; it holds no data of the
// message.
type Exchange struct {
	// MessageID is the X-Road message id of this attempt.
	MessageID string
	// RequestHash is the hash of the request as the answer states it; for REST
	// it is opaque evidence.
	RequestHash string
	// RequestID is the x-road-request-id of a REST call, which both Security
	// Servers log.
	RequestID string
	Service   soap.ServiceID
	Started   time.Time
	Finished  time.Time
}
