//go:build !kafka

package main

import (
	"strings"
	"testing"

	"ristmik/configs"
)

// A broker that this program was not built for is refused with what to do.
func TestABrokerThatIsNotBuiltInIsRefused(t *testing.T) {
	t.Parallel()
	_, err := brokerSink(configs.Broker{Kind: configs.BrokerKafka, Servers: []string{"kafka.example:9093"}, Topic: "events"})
	if err == nil || !strings.Contains(err.Error(), "go build -tags kafka") {
		t.Errorf("%v", err)
	}
	nats := configs.Broker{Kind: configs.BrokerNATS, Servers: []string{"tls://nats.example:4222"}, Stream: "EVENTS", Subject: "hub.events"}
	if _, err := brokerSink(nats); err != nil {
		t.Error(err)
	}
	nats.Servers = []string{"nats://nats.example:4222"}
	if _, err := brokerSink(nats); err == nil || !strings.Contains(err.Error(), "plaintext") {
		t.Errorf("plain text is taken: %v", err)
	}
}
