package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ristmik/adapters/postgres/postgrestest"
	"ristmik/configs"
	"ristmik/outbox"
)

// A hidden question goes by a destination whose name does not say whose it is,
// with the pace of the authority's own, and no metric counts it.
func TestNoMetricTellsOfHiddenQuestions(t *testing.T) {
	t.Parallel()
	cfg, err := configs.Load("")
	if err != nil {
		t.Fatal(err)
	}
	names, err := readHiddenNames(t.Context(), postgrestest.Pool(t, migrations()...))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	m, err := newMeters(registry)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for name, a := range cfg.Authorities {
		hidden := names.destinationOf(name, a)
		if hidden == "" {
			if a.Wire.Sends() && a.Wire != configs.WireEmploymentRegister {
				t.Errorf("%s cannot be hidden", name)
			}
			continue
		}
		if strings.Contains(hidden, name) || !isHidden(hidden) || isHidden(consultationsOf(name)) {
			t.Errorf("%s: %s", name, hidden)
		}
		m.delivery(outbox.Observation{Event: outbox.ObservedAttempt, Destination: hidden, Result: outbox.ResultDelivered, Took: time.Second})
		if !told {
			m.delivery(outbox.Observation{Event: outbox.ObservedAttempt, Destination: consultationsOf(name), Result: outbox.ResultDelivered, Took: time.Second})
			told = true
		}
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	for _, f := range families {
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if strings.Contains(l.GetValue(), "hidden") {
					t.Errorf("%s{%s=%q}", f.GetName(), l.GetName(), l.GetValue())
				}
			}
			if f.GetName() == "ristmik_delivery_attempts_total" {
				attempts += int(series.GetCounter().GetValue())
			}
		}
	}
	if attempts != 1 {
		t.Errorf("%d attempts are counted, of which one may be", attempts)
	}
}

// Who knows the list of authorities cannot work out whose a hidden destination
// is: another database has other names. What a hub published to the guessable
// names of before is still sent; where there was no such hub they are not there.
func TestNamesOfHiddenDestinationsCannotBeGuessed(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), postgrestest.Pool(t, migrations()...)
	read := func() hiddenNames {
		t.Helper()
		names, err := readHiddenNames(ctx, pool)
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	first := read()
	if again := read(); again.of("security") != first.of("security") || first.of("labour") == first.of("security") {
		t.Errorf("%s and %s", first.of("security"), again.of("security"))
	}
	if got := first.served("security"); len(got) != 1 || got[0] == guessableHidden("security") {
		t.Errorf("a new database serves %v", got)
	}
	if _, err := pool.Exec(ctx, `update consultation.secret set value = decode('00', 'hex') || value`); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(ctx, `insert into outbox.breaker (destination) values ($1)`, guessableHidden("security")); err != nil {
		t.Fatal(err)
	}
	second := read()
	if second.of("security") == first.of("security") {
		t.Error("the name does not depend on the secret")
	}
	if got := second.served("security"); len(got) != 2 || got[1] != guessableHidden("security") {
		t.Errorf("after an upgrade %v is served", got)
	}
	if got := second.served("labour"); len(got) != 1 {
		t.Errorf("%v is served, though nothing was ever sent there", got)
	}
}
