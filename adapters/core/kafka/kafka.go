// Package kafka is the sink that publishes events to a topic of Kafka, for
// cores that read from a broker.
//
// The record's key is the event's subject, so that the events of one case are
// in one partition; its value is the CloudEvent; its headers are those of the
// CloudEvents binding for Kafka, and message-key, which is the same over all
// attempts and another one after a replay. An event is taken when all replicas
// that keep up have it. A record whose fate is not known is published again, so
// that a reader leaves out what it has seen by message-key.
package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"ristmik/adapters/core/subscriber"
	"ristmik/outbox"
)

const defaultTimeout = 10 * time.Second

// Options describe a topic. Servers and Topic are needed.
type Options struct {
	// Servers are addresses of brokers to begin with, host:9093.
	Servers []string
	// Topic must be there; it is not made.
	Topic string
	// CredentialsFile holds "user:password" for SCRAM-SHA-512; it is read when the
	// sink is made.
	CredentialsFile string
	// Roots are whose certificates are trusted; nil means the system's. Plaintext
	// does without TLS.
	Roots     *x509.CertPool
	Plaintext bool
	// Timeout is how long the broker's word is waited for, 10 seconds by default.
	Timeout time.Duration
}

// Sink publishes to one topic. It is safe for concurrent use.
type Sink struct {
	o       Options
	options []kgo.Opt

	mu     sync.Mutex
	client *kgo.Client
}

// New checks the options; it does not connect.
func New(o Options) (*Sink, error) {
	if len(o.Servers) == 0 || o.Topic == "" {
		return nil, errors.New("Kafka: servers and a topic are needed")
	}
	for _, s := range o.Servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return nil, fmt.Errorf("Kafka: %q is not a host and a port", s)
		}
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	s := &Sink{o: o, options: []kgo.Opt{
		kgo.SeedBrokers(o.Servers...), kgo.ClientID("ristmik"), kgo.DefaultProduceTopic(o.Topic), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordDeliveryTimeout(o.Timeout), kgo.ProduceRequestTimeout(o.Timeout), kgo.ProducerLinger(0), kgo.UnknownTopicRetries(1),
	}}
	if !o.Plaintext {
		s.options = append(s.options, kgo.DialTLSConfig(&tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12}))
	}
	if o.CredentialsFile != "" {
		text, err := os.ReadFile(o.CredentialsFile)
		if err != nil {
			return nil, fmt.Errorf("reading credentials_file: %w", err)
		}
		user, password, ok := strings.Cut(strings.TrimSpace(string(text)), ":")
		if !ok || user == "" || password == "" {
			return nil, errors.New("credentials_file does not hold user:password")
		}
		s.options = append(s.options, kgo.SASL(scram.Auth{User: user, Pass: password}.AsSha512Mechanism()))
	}
	return s, nil
}

// Deliver implements subscriber.Sink.
func (s *Sink) Deliver(ctx context.Context, e subscriber.Event) outbox.Outcome {
	client, err := s.made()
	if err != nil {
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "not_connected", CountsAgainst: true}
	}
	record := &kgo.Record{Key: []byte(e.Subject), Value: e.Body, Headers: []kgo.RecordHeader{
		{Key: "content-type", Value: []byte("application/cloudevents+json; charset=utf-8")}, {Key: "message-key", Value: []byte(e.Key)},
	}}
	if e.TraceParent != "" {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "traceparent", Value: []byte(e.TraceParent)})
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	err = client.ProduceSync(ctx, record).FirstErr()
	switch broker := (*kerr.Error)(nil); {
	case err == nil:
		return outbox.Outcome{Result: outbox.ResultDelivered, Exchange: fmt.Sprintf("%s:%d:%d", record.Topic, record.Partition, record.Offset)}
	case errors.Is(err, kerr.MessageTooLarge):
		return outbox.Outcome{Result: outbox.ResultDead, Reason: "too_large"}
	case errors.As(err, &broker):
		return outbox.Outcome{Result: outbox.ResultRetry, Reason: "kafka_" + strings.ToLower(broker.Message), CountsAgainst: true}
	}
	return outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer", CountsAgainst: true}
}

// made makes the client when the first event comes; it connects by itself.
func (s *Sink) made() (*kgo.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		client, err := kgo.NewClient(s.options...)
		if err != nil {
			return nil, fmt.Errorf("making a Kafka client: %w", err)
		}
		s.client = client
	}
	return s.client, nil
}

// Close lets go of the connections; the sink takes nothing any more.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client != nil {
		s.client.Close()
	}
	return nil
}
