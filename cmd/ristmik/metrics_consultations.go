package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"ristmik/adapters/consultation"
)

// statisticsEvery is how often what waits is counted again, statisticsOf how far
// back answers count.
const (
	statisticsEvery = time.Minute
	statisticsOf    = 7 * 24 * time.Hour
)

// questionMeters show what waits for authorities and how they answer, by
// authority and type; hidden questions are not counted.
type questionMeters struct {
	open, overdue, nextWeek, median *prometheus.GaugeVec
}

func newQuestionMeters(reg prometheus.Registerer) (*questionMeters, error) {
	var first error
	gauge := func(name, help string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"authority", "type"})
		if err := reg.Register(g); err != nil && first == nil {
			first = err
		}
		return g
	}
	m := &questionMeters{
		open:     gauge("ristmik_consultation_questions_open", "Questions that wait for an end."),
		overdue:  gauge("ristmik_consultation_questions_overdue", "Of the open questions, those past their term."),
		nextWeek: gauge("ristmik_consultation_questions_due_next_week", "Of the open questions, those whose term ends in the next calendar week."),
		median:   gauge("ristmik_consultation_answer_seconds_median", "Median time from asking to answering, of the answers of the last seven days."),
	}
	return m, first
}

func (m *questionMeters) show(list []consultation.Statistics) {
	for _, g := range []*prometheus.GaugeVec{m.open, m.overdue, m.nextWeek, m.median} {
		g.Reset() // what is no more is not shown as it was
	}
	for _, s := range list {
		m.open.WithLabelValues(s.Authority, s.Type).Set(float64(s.Open))
		m.overdue.WithLabelValues(s.Authority, s.Type).Set(float64(s.Overdue))
		m.nextWeek.WithLabelValues(s.Authority, s.Type).Set(float64(s.DueNextWeek))
		if s.MedianSeconds != nil {
			m.median.WithLabelValues(s.Authority, s.Type).Set(float64(*s.MedianSeconds))
		}
	}
}

// watch counts until ctx is done.
func (m *questionMeters) watch(ctx context.Context, p *consultation.Procedure, pool *pgxpool.Pool, log *slog.Logger) {
	tick := time.NewTicker(statisticsEvery)
	defer tick.Stop()
	for {
		list, err := p.OpenStatistics(ctx, pool, time.Now().Add(-statisticsOf))
		if err == nil {
			m.show(list)
		} else if ctx.Err() == nil {
			log.ErrorContext(ctx, "questions of consultations could not be counted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
