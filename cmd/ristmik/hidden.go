package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"ristmik/adapters/consultation"
	"ristmik/configs"
	"ristmik/outbox"
)

// hiddenNames are the outbox destinations of questions of which nobody else may
// know: who knows every authority cannot tell whose a name is.
type hiddenNames struct {
	secret consultation.Secret
	known  map[string]bool // destinations that a relay has served before
}

func readHiddenNames(ctx context.Context, db outbox.DB) (hiddenNames, error) {
	secret, err := consultation.ReadSecret(ctx, db)
	if err != nil {
		return hiddenNames{}, err
	}
	served, err := outbox.Breakers(ctx, db)
	if err != nil {
		return hiddenNames{}, err
	}
	known := make(map[string]bool, len(served))
	for _, b := range served {
		known[b.Destination] = true
	}
	return hiddenNames{secret, known}, nil
}

// of names the destination of hidden questions to an authority.
func (h hiddenNames) of(authority string) string {
	return consultationsOf(hiddenPrefix + h.secret.Name("hidden", authority))
}

// destinationOf is that of questions to an authority; "" for one that cannot be
// asked so.
func (h hiddenNames) destinationOf(name string, a configs.Authority) string {
	if !a.Wire.Sends() || a.Wire == configs.WireEmploymentRegister {
		return ""
	}
	return h.of(name)
}

// served are the destinations from which hidden questions to an authority are
// sent: beside today's the one that hubs before this one published to, where
// there has been such a hub.
func (h hiddenNames) served(authority string) []string {
	names := []string{h.of(authority)}
	if old := guessableHidden(authority); h.known[old] {
		names = append(names, old)
	}
	return names
}

// guessableHidden is the name that hubs before this one gave: anybody could work
// it out for each authority, so nothing is published to it any more.
func guessableHidden(authority string) string {
	sum := sha256.Sum256([]byte("ristmik hidden " + authority))
	return consultationsOf(hiddenPrefix + hex.EncodeToString(sum[:4]))
}

const hiddenPrefix = "hidden-"

// isHidden tells whether what goes to a destination is to leave no trace that
// others see.
func isHidden(destination string) bool { return strings.HasPrefix(destination, hiddenPrefix) }
