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
	"net/http"
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
	// defaultPause is how long a server that failed is asked last.
	defaultPause = 30 * time.Second
	// userAgent is sent for the Security Server's log; it is not forwarded.
	userAgent = "ristmik"
)

// Timeouts bound the calls of one service. A zero field means that of the
// client.
type Timeouts struct {
	// Connect bounds reaching our own Security Server, TLS handshake included.
	Connect time.Duration
	// Header bounds the wait between the last byte of the request and the
	// beginning of the answer.
	Header time.Duration
	// Total bounds the whole call, to the last byte of the answer.
	Total time.Duration
}

// or fills zero fields from d.
func (t Timeouts) or(d Timeouts) Timeouts {
	for _, f := range []struct{ have, def *time.Duration }{{&t.Connect, &d.Connect}, {&t.Header, &d.Header}, {&t.Total, &d.Total}} {
		if *f.have <= 0 {
			*f.have = *f.def
		}
	}
	return t
}

// Options configure a Client.
type Options struct {
	// SecurityServer is the address of the only Security Server when Servers
	// is empty, such as "http://127.0.0.1:8090".
	SecurityServer string
	// Servers are our Security Servers in the order of preference. A request
	// of which no byte went out is tried at the next one.
	Servers []Server
	// Pause is how long a server that could not be reached is asked last; zero
	// means 30 s.
	Pause time.Duration
	// Client is the subsystem in whose name calls are made.
	Client soap.ClientID
	// Certificate is the client certificate of this subsystem; empty where the
	// Security Server asks for none. The files are read again when they change.
	Certificate KeyPair
	// Transport sends requests to every server. Nil means one of our own for
	// each: connections are kept, nothing is decompressed, no proxy of the
	// environment is used.
	Transport http.RoundTripper
	// NewID makes message ids; nil means random UUIDs.
	NewID func() string
	// Now is the clock for the times in Exchange and for Pause; nil means
	// time.Now.
	Now func() time.Time
	// Timeout is the total time of a call that names none; zero means 60 s.
	Timeout time.Duration
	// ConnectTimeout bounds connecting; zero means 5 s.
	ConnectTimeout time.Duration
	// HeaderTimeout bounds the wait for the beginning of an answer; zero means
	// that only the total time does.
	HeaderTimeout time.Duration
	// Services are the time-outs of single services.
	Services map[soap.ServiceID]Timeouts
	// Limits bound answers that are read as a whole; zero fields mean
	// soap.DefaultLimits.
	Limits soap.Limits
	// Record is told of every call that has ended, with or without a failure;
	// nil means nobody is. It may be called by many goroutines at once. A call
	// whose attachments or body are streamed has ended for it when they begin.
	Record func(Exchange)
	// Alarm is told what a person must see; nil means nobody is. It may be
	// called by many goroutines at once.
	Alarm func(Alarm)
}

// Client calls services through our Security Servers in the name of one
// subsystem. It may be used by many goroutines at once.
type Client struct {
	servers servers
	o       Options
	bytes   int64
}

// New returns a client. It reads certificates and connects to nothing yet.
func New(o Options) (*Client, error) {
	if o.Client.Instance == "" || o.Client.Class == "" || o.Client.Member == "" {
		return nil, errors.New("the client identifier is not complete")
	}
	for _, d := range []time.Duration{o.Timeout, o.ConnectTimeout, o.HeaderTimeout, o.Pause} {
		if d < 0 {
			return nil, fmt.Errorf("the time %s is negative", d)
		}
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = connectTimeout
	}
	if o.Pause == 0 {
		o.Pause = defaultPause
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Record == nil {
		o.Record = func(Exchange) {}
	}
	if o.Alarm == nil {
		o.Alarm = func(Alarm) {}
	}
	if o.Limits.Bytes <= 0 {
		o.Limits.Bytes = soap.DefaultLimits().Bytes
	}
	if len(o.Servers) == 0 {
		o.Servers = []Server{{Address: o.SecurityServer}}
	}
	c := &Client{o: o, bytes: int64(o.Limits.Bytes), servers: servers{pause: o.Pause, now: o.Now}}
	for _, s := range o.Servers {
		v, err := o.newServer(s)
		if err != nil {
			return nil, err
		}
		c.servers.all = append(c.servers.all, v)
	}
	return c, nil
}

// NewTransport returns the transport that New uses for a server over plain HTTP
// when it is given none.
func NewTransport() *http.Transport {
	return &http.Transport{
		DialContext:            dialPlain,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
	}
}

// Exchange is what is kept of one call for the record: whom to ask, and by
// what both Security Servers know it. UserID is personal data: it belongs into
// the record and not into a log.
type Exchange struct {
	// MessageID is the X-Road message id of this attempt.
	MessageID string
	// RequestHash is the hash of the request as the answer states it; for REST
	// it is opaque evidence.
	RequestHash string
	// RequestID is the x-road-request-id of a REST call, which both Security
	// Servers log.
	RequestID string
	Client    soap.ClientID
	Service   soap.ServiceID
	// UserID, Issue and RepresentedParty ("[class/]code") are as sent.
	UserID, Issue, RepresentedParty string
	Started                         time.Time
	Finished                        time.Time
	// Failure is why the call failed: its code raw and normalised, and the
	// correlation id of the Security Server. Nil when it was answered.
	Failure *soap.Failure
}

func (c *Client) exchange(id string, service soap.ServiceID) *Exchange {
	return &Exchange{MessageID: id, Client: c.o.Client, Service: service, Started: c.o.Now()}
}

// record closes an exchange and tells it.
func (c *Client) record(x *Exchange, err error) {
	x.Finished = c.o.Now()
	if err != nil && !errors.As(err, &x.Failure) {
		x.Failure = &soap.Failure{Kind: soap.KindInternal, Code: "internal", MessageID: x.MessageID, Err: err}
	}
	c.o.Record(*x)
}
