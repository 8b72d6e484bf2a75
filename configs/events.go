package configs

import (
	"fmt"
	"net/netip"
	"time"
)

// Events says who is told what of the hub's events.
type Events struct {
	// Clients are the rights of client systems, by the names in the core
	// listener's tokens_file. Without any, every client reads every event; with
	// some, a client that is not there reads none.
	Clients map[string]EventClient `yaml:"clients"`
	// Webhooks are receivers that events are posted to.
	Webhooks map[string]Webhook `yaml:"webhooks"`
	// Brokers are streams and topics that events are published to.
	Brokers map[string]Broker `yaml:"brokers"`
}

// Broker is a stream of NATS JetStream or a topic of Kafka that events are
// published to. Client, Types, From, Timeout, DisableAfter, CertificateFile and
// Plaintext are those of a [Webhook].
type Broker struct {
	Kind    BrokerKind `yaml:"kind"`
	Servers []string   `yaml:"servers"`
	// Stream and Subject are NATS's: where events go, and what their subjects begin with.
	Stream  string `yaml:"stream"`
	Subject string `yaml:"subject"`
	// Topic is Kafka's.
	Topic string `yaml:"topic"`
	// CredentialsFile holds a user's token and key (NATS), or "user:password" (Kafka, SCRAM-SHA-512).
	CredentialsFile string        `yaml:"credentials_file"`
	CertificateFile string        `yaml:"certificate_file"`
	Plaintext       bool          `yaml:"plaintext"`
	Client          string        `yaml:"client"`
	Types           []string      `yaml:"types"`
	From            EventStart    `yaml:"from"`
	Timeout         time.Duration `yaml:"timeout"`
	DisableAfter    time.Duration `yaml:"disable_after"`
}

// BrokerKind is what kind of broker it is.
type BrokerKind string

// The kinds of brokers.
const (
	BrokerNATS  BrokerKind = "nats"
	BrokerKafka BrokerKind = "kafka"
)

// Allowed lists the values a file may hold.
func (BrokerKind) Allowed() []string { return []string{string(BrokerNATS), string(BrokerKafka)} }

// Webhook is a receiver that events are posted to, signed as Standard Webhooks
// has it. Client is whose rights bound what it is told; Types narrow that. The
// first of SecretFiles is the present secret; another one may stand beside it
// while the receiver changes. AllowAddresses are private addresses that may be
// dialled, Plaintext takes http://, CertificateFile holds whose certificates are
// trusted instead of the system's. From is where it begins when it is there for
// the first time. A receiver that takes nothing for DisableAfter is disabled.
type Webhook struct {
	URL             string        `yaml:"url"`
	Client          string        `yaml:"client"`
	Types           []string      `yaml:"types"`
	SecretFiles     []string      `yaml:"secret_files"`
	AllowAddresses  []string      `yaml:"allow_addresses"`
	Plaintext       bool          `yaml:"plaintext"`
	CertificateFile string        `yaml:"certificate_file"`
	From            EventStart    `yaml:"from"`
	Timeout         time.Duration `yaml:"timeout"`
	DisableAfter    time.Duration `yaml:"disable_after"`
}

// EventStart is where a receiver begins to be told.
type EventStart string

// Allowed lists the values a file may hold.
func (EventStart) Allowed() []string { return []string{"now", "beginning"} }

// EventClient is what one client system may read: event types, or the
// beginning of some and ".*", or "*"; and how much of consultations.
type EventClient struct {
	Types []string `yaml:"types"`
	// Consultations is what it may know of consultations; progress by default.
	Consultations Sight `yaml:"consultations"`
}

// Sight is how much a client may know of consultations: whether they go on or
// have ended, or everything, who is asked included.
type Sight string

// The sights.
const (
	SightProgress Sight = "progress"
	SightWhole    Sight = "whole"
)

// Allowed lists the values a file may hold.
func (Sight) Allowed() []string { return []string{string(SightProgress), string(SightWhole)} }

func (c *Config) checkEvents(at func(path, code, message string, allowed ...string)) {
	for _, name := range sorted(c.Events.Clients) {
		path := "events.clients." + name
		if len(c.Events.Clients[name].Types) == 0 {
			at(path+".types", "missing", "a client that may read nothing is left out", "consultation.answered", "consultation.*", "*")
		}
		if c.Listeners.Core.TokensFile == "" {
			at(path, "contradiction", "clients are known by their tokens; set listeners.core.tokens_file")
		}
	}
	for _, name := range sorted(c.Events.Brokers) {
		c.checkBroker(at, name)
	}
	for _, name := range sorted(c.Events.Webhooks) {
		w, path := c.Events.Webhooks[name], "events.webhooks."+name
		if !reName.MatchString(name) {
			at(path, "bad-name", "lower-case letters, digits and hyphens are allowed, a letter first", "ris")
		}
		if w.URL == "" {
			at(path+".url", "missing", "a value is needed")
		}
		if len(w.SecretFiles) == 0 {
			at(path+".secret_files", "missing", "a file with a secret is needed, whsec_ and 24 to 64 bytes in base64")
		}
		if w.Timeout < 0 || w.DisableAfter < 0 {
			at(path, "not-positive", "timeout and disable_after are above zero")
		}
		if _, ok := c.Events.Clients[w.Client]; len(c.Events.Clients) > 0 && !ok {
			at(path+".client", "unknown-client", "whose rights hold for it must be said: a client of events.clients", sorted(c.Events.Clients)...)
		}
		for i, a := range w.AllowAddresses {
			if _, err := netip.ParsePrefix(a); err != nil {
				if _, err := netip.ParseAddr(a); err != nil {
					at(fmt.Sprintf("%s.allow_addresses[%d]", path, i), "not-an-address", "an IP address or a prefix is needed", "10.1.2.3", "10.1.2.0/24")
				}
			}
		}
	}
}

func (c *Config) checkBroker(at func(path, code, message string, allowed ...string), name string) {
	b, path := c.Events.Brokers[name], "events.brokers."+name
	if !reName.MatchString(name) {
		at(path, "bad-name", "lower-case letters, digits and hyphens are allowed, a letter first", "bus")
	}
	if _, twice := c.Events.Webhooks[name]; twice {
		at(path, "contradiction", "a webhook has this name: each receiver has its own")
	}
	needed, foreign := map[string]string{"stream": b.Stream, "subject": b.Subject}, map[string]string{"topic": b.Topic}
	if b.Kind == BrokerKafka {
		needed, foreign = foreign, needed
	}
	if b.Kind == "" {
		at(path+".kind", "missing", "a value is needed", BrokerKind("").Allowed()...)
	}
	if len(b.Servers) == 0 {
		at(path+".servers", "missing", "an address is needed", "tls://nats.example:4222", "kafka.example:9093")
	}
	for _, key := range sorted(needed) {
		if b.Kind != "" && needed[key] == "" {
			at(path+"."+key, "missing", "a value is needed")
		}
	}
	for _, key := range sorted(foreign) {
		if b.Kind != "" && foreign[key] != "" {
			at(path+"."+key, "contradiction", "a broker of the kind "+string(b.Kind)+" has none")
		}
	}
	if b.Timeout < 0 || b.DisableAfter < 0 {
		at(path, "not-positive", "timeout and disable_after are above zero")
	}
	if _, ok := c.Events.Clients[b.Client]; len(c.Events.Clients) > 0 && !ok {
		at(path+".client", "unknown-client", "whose rights hold for it must be said: a client of events.clients", sorted(c.Events.Clients)...)
	}
}
