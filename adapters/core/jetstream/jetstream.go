// Package jetstream is the sink that publishes events to a stream of NATS
// JetStream, for cores that read from a broker.
//
// Each event goes to SUBJECT.TYPE with the CloudEvent as its data. An event is
// taken when the stream has said so, with its sequence number; without that
// word the result is unknown and the event is published again under the same
// Nats-Msg-Id, by which the stream recognises what it has (within its window
// for duplicates). The outbox publishes the events of one case one after
// another, so their sequence numbers grow in the order of commits.
package jetstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"ristmik/adapters/core/subscriber"
	"ristmik/outbox"
)

const (
	defaultTimeout = 10 * time.Second
	// reconnectWait is the pause between attempts to connect again.
	reconnectWait = 500 * time.Millisecond
)

// Options describe a stream. Servers, Stream and Subject are needed.
type Options struct {
	// Servers are addresses, tls://host:4222; nats:// only with Plaintext.
	Servers []string
	// Stream is the name of the stream, which must be there and take Subject.>;
	// what another stream takes is an error.
	Stream string
	// Subject is what subjects begin with.
	Subject string
	// CredentialsFile holds a user's token and key as nsc writes them; it is read
	// at each connection.
	CredentialsFile string
	// Roots are whose certificates are trusted; nil means the system's.
	Roots     *x509.CertPool
	Plaintext bool
	// Timeout is how long the stream's word is waited for, 10 seconds by default.
	Timeout time.Duration
}

// Sink publishes to one stream. It is safe for concurrent use, and connects when
// the first event comes.
type Sink struct {
	o Options

	mu   sync.Mutex
	conn *nats.Conn
	js   jetstream.JetStream
}

// New checks the options.
func New(o Options) (*Sink, error) {
	if len(o.Servers) == 0 || o.Stream == "" || o.Subject == "" {
		return nil, errors.New("NATS: servers, a stream and a subject are needed")
	}
	if strings.ContainsAny(o.Subject, "*> \t\r\n") || strings.HasPrefix(o.Subject, ".") || strings.HasSuffix(o.Subject, ".") {
		return nil, fmt.Errorf("NATS: %q is not the beginning of a subject", o.Subject)
	}
	for _, s := range o.Servers {
		if !strings.HasPrefix(s, "tls://") && !(o.Plaintext && strings.HasPrefix(s, "nats://")) {
			return nil, fmt.Errorf("NATS: %q does not begin with tls:// (or with nats://, where plaintext is allowed)", s)
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	return &Sink{o: o}, nil
}

// Deliver implements subscriber.Sink.
func (s *Sink) Deliver(ctx context.Context, e subscriber.Event) outbox.Outcome {
	js, err := s.connected()
	if err != nil {
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "not_connected", CountsAgainst: true}
	}
	msg := nats.NewMsg(s.o.Subject + "." + e.Type)
	msg.Data = e.Body
	msg.Header.Set(jetstream.MsgIDHeader, e.Key)
	msg.Header.Set("Content-Type", "application/cloudevents+json; charset=utf-8")
	if e.TraceParent != "" {
		msg.Header.Set("traceparent", e.TraceParent)
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	ack, err := js.PublishMsg(ctx, msg, jetstream.WithExpectStream(s.o.Stream), jetstream.WithRetryAttempts(0))
	switch api := (*jetstream.APIError)(nil); {
	case err == nil:
		return outbox.Outcome{Result: outbox.ResultDelivered, Exchange: fmt.Sprintf("%s:%d", ack.Stream, ack.Sequence)}
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionReconnecting):
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "not_connected", CountsAgainst: true} // nothing has left
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "no_stream", CountsAgainst: true}
	case errors.Is(err, nats.ErrMaxPayload):
		return outbox.Outcome{Result: outbox.ResultDead, Reason: "too_large"}
	case errors.As(err, &api):
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: fmt.Sprintf("nats_%d", api.ErrorCode), CountsAgainst: true}
	}
	return outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer", CountsAgainst: true}
}

// connected makes the connection when there is none yet; it then keeps itself
// alive. Nothing is buffered while it is away: the outbox holds what waits.
func (s *Sink) connected() (jetstream.JetStream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.js != nil {
		return s.js, nil
	}
	options := []nats.Option{
		nats.Name("ristmik"), nats.Timeout(s.o.Timeout), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectBufSize(-1),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // errors come back where they are asked for
	}
	if !s.o.Plaintext {
		options = append(options, nats.Secure(&tls.Config{RootCAs: s.o.Roots, MinVersion: tls.VersionTLS12}))
	}
	if s.o.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(s.o.CredentialsFile))
	}
	conn, err := nats.Connect(strings.Join(s.o.Servers, ","), options...)
	if err != nil {
		return nil, fmt.Errorf("connecting to NATS: %w", err)
	}
	js, err := jetstream.New(conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("using JetStream: %w", err)
	}
	s.conn, s.js = conn, js
	return js, nil
}

// Close lets go of the connection; the sink takes nothing any more.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.conn.Close()
	}
	return nil
}
