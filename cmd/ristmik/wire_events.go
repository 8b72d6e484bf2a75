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
	if w.CertificateFile == "" {
		return o, nil
	}
	text, err := os.ReadFile(w.CertificateFile)
	if err != nil {
		return o, fmt.Errorf("reading certificate_file: %w", err)
	}
	o.Roots = x509.NewCertPool()
	if !o.Roots.AppendCertsFromPEM(text) {
		return o, errors.New("certificate_file holds no certificate")
	}
	return o, nil
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
