package main

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	registry := prometheus.NewRegistry()
	m, err := newMeters(registry)
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for name, a := range cfg.Authorities {
		hidden := hiddenDestinationOf(name, a)
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
