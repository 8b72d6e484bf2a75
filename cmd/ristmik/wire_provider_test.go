package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/authority"
	"ristmik/configs"
	"ristmik/soap"
)

// Without a list all configured authorities may call a service, with one only
// those on it.
func TestCallersAreTheAuthoritiesUnlessListed(t *testing.T) {
	t.Parallel()
	cfg, err := configs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Listeners.XRoad.Services = map[string]configs.Service{"submitAnswer": {Allowed: []string{"EE/GOV/70000591/konsult"}}}
	got, err := callersOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	id := func(member, subsystem string) soap.ClientID {
		return soap.ClientID{Instance: "EE", Class: "GOV", Member: member, Subsystem: subsystem}
	}
	security := id("70000591", "konsult")
	want := map[string][]soap.ClientID{}
	for _, code := range append(authority.SOAPServices(), "konsult") {
		want[code] = []soap.ClientID{id("79990000", "jarelevalve"), security, id("70008747", "sirene"), id("70000349", "tor")}
	}
	want["submitAnswer"] = []soap.ClientID{security}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
