package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"ristmik/adapters/consultation"
)

func TestWhatWaitsForAuthoritiesIsAMetric(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	m, err := newQuestionMeters(reg)
	if err != nil {
		t.Fatal(err)
	}
	median := int64(3600)
	m.show([]consultation.Statistics{{Authority: "labour", Type: "LTR.TI", Open: 7, Overdue: 2}})
	m.show([]consultation.Statistics{
		{Authority: "labour", Type: "RP.WORK.TI", Open: 5, Overdue: 1, DueNextWeek: 3, MedianSeconds: &median},
	})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range families {
		for _, one := range f.GetMetric() {
			labels := ""
			for _, l := range one.GetLabel() {
				labels += " " + l.GetValue()
			}
			got = append(got, fmt.Sprint(strings.TrimPrefix(f.GetName(), "ristmik_consultation_"), labels, " ", one.GetGauge().GetValue()))
		}
	}
	want := "answer_seconds_median labour RP.WORK.TI 3600, questions_due_next_week labour RP.WORK.TI 3, " +
		"questions_open labour RP.WORK.TI 5, questions_overdue labour RP.WORK.TI 1"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s", strings.Join(got, ", "))
	}
}
