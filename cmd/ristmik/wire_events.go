package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/core"
	"ristmik/adapters/core/jetstream"
	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/core/webhook"
	"ristmik/configs"
	"ristmik/outbox"
)

// webhookAttempts and webhookCap give a receiver about five days before a
// message of it is dead.
const (
	webhookAttempts = 500
	webhookCap      = 15 * time.Minute
)

// newSubscribers makes the receivers of events that do not read the feed.
func newSubscribers(cfg *configs.Config, pool *pgxpool.Pool, log *slog.Logger) (*subscriber.Hub, error) {
	var subs []subscriber.Subscription
	for _, name := range slices.Sorted(maps.Keys(cfg.Events.Webhooks)) {
		w := cfg.Events.Webhooks[name]
		o, err := webhookOptions(w)
		if err != nil {
			return nil, usage(fmt.Errorf("events.webhooks.%s: %w", name, err))
		}
		sink, err := webhook.New(o)
		if err != nil {
			return nil, usage(fmt.Errorf("events.webhooks.%s: %w", name, err))
		}
		s := subscriber.Subscription{Name: name, Types: w.Types, From: subscriber.Start(w.From), DisableAfter: w.DisableAfter, Sink: sink}
		if len(cfg.Events.Clients) > 0 {
			s.Rights = cfg.Events.Clients[w.Client].Types
			s.Neutral = cfg.Events.Clients[w.Client].Consultations != configs.SightWhole
		}
		subs = append(subs, s)
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Events.Brokers)) {
		b := cfg.Events.Brokers[name]
		sink, err := brokerSink(b)
		if err != nil {
			return nil, usage(fmt.Errorf("events.brokers.%s: %w", name, err))
		}
		s := subscriber.Subscription{Name: name, Types: b.Types, From: subscriber.Start(b.From), DisableAfter: b.DisableAfter, Sink: sink}
		if len(cfg.Events.Clients) > 0 {
			s.Rights = cfg.Events.Clients[b.Client].Types
		}
		subs = append(subs, s)
	}
	return subscriber.New(subscriber.Options{Pool: pool, Log: log, Now: time.Now, NewID: uuid.NewString}, subs...)
}

// webhookOptions reads what a receiver's configuration names.
func webhookOptions(w configs.Webhook) (webhook.Options, error) {
	o := webhook.Options{
		URL: w.URL, Plaintext: w.Plaintext, Timeout: w.Timeout, Now: time.Now,
		Secrets: func() ([]webhook.Secret, error) { return webhook.ReadSecrets(w.SecretFiles) },
	}
	var err error
	if o.Allow, err = prefixes(w.AllowAddresses); err != nil {
		return o, err
	}
	o.Roots, err = rootsOf(w.CertificateFile)
	return o, err
}

// rootsOf reads whose certificates are trusted; nil means the system's.
func rootsOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading certificate_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New("certificate_file holds no certificate")
	}
	return roots, nil
}

// brokers make sinks, by the kind of broker: those that this program was built
// with.
var brokers = map[configs.BrokerKind]func(configs.Broker, *x509.CertPool) (subscriber.Sink, error){configs.BrokerNATS: natsSink}

// brokerSink makes the sink of a broker's configuration.
func brokerSink(b configs.Broker) (subscriber.Sink, error) {
	roots, err := rootsOf(b.CertificateFile)
	if err != nil {
		return nil, err
	}
	sink, ok := brokers[b.Kind]
	if !ok {
		return nil, fmt.Errorf("this program was built without %s (go build -tags %s)", b.Kind, b.Kind)
	}
	return sink(b, roots)
}

func natsSink(b configs.Broker, roots *x509.CertPool) (subscriber.Sink, error) {
	return jetstream.New(jetstream.Options{
		Servers: b.Servers, Stream: b.Stream, Subject: b.Subject, CredentialsFile: b.CredentialsFile, Roots: roots, Plaintext: b.Plaintext, Timeout: b.Timeout,
	})
}

// policyOfSubscription is the pace of a receiver of events: days of patience,
// unless the configuration says something else.
func policyOfSubscription(cfg *configs.Config) func(destination string) outbox.Policy {
	return func(destination string) outbox.Policy {
		p, own := policyOf(cfg, destination), cfg.Delivery.Destinations[destination]
		if own.Attempts == 0 {
			p.MaxAttempts = webhookAttempts
		}
		if own.Cap == 0 {
			p.Cap = max(webhookCap, p.Base)
		}
		return p
	}
}

// questionsOf are the clients that may know who is asked in consultations; nil
// when the configuration leaves that open.
func questionsOf(cfg *configs.Config) map[string]bool {
	if len(cfg.Events.Clients) == 0 {
		return nil
	}
	sees := make(map[string]bool, len(cfg.Events.Clients))
	for name, c := range cfg.Events.Clients {
		sees[name] = c.Consultations == configs.SightWhole
	}
	return sees
}

// rightsOf are the event types that each client may read; nil when the
// configuration leaves that open.
func rightsOf(cfg *configs.Config) map[string]core.Types {
	if len(cfg.Events.Clients) == 0 {
		return nil
	}
	rights := make(map[string]core.Types, len(cfg.Events.Clients))
	for name, c := range cfg.Events.Clients {
		rights[name] = c.Types
	}
	return rights
}
