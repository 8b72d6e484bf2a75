//go:build kafka

package main

import (
	"crypto/x509"

	"ristmik/adapters/core/kafka"
	"ristmik/adapters/core/subscriber"
	"ristmik/configs"
)

func init() {
	brokers[configs.BrokerKafka] = func(b configs.Broker, roots *x509.CertPool) (subscriber.Sink, error) {
		return kafka.New(kafka.Options{
			Servers: b.Servers, Topic: b.Topic, CredentialsFile: b.CredentialsFile, Roots: roots, Plaintext: b.Plaintext, Timeout: b.Timeout,
		})
	}
}
