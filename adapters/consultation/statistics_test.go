package consultation_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
)

// Statistics are what a recount of everything that was stored comes to, done in
// another way: leg by leg, from what happened.
func TestStatisticsAreWhatARecountComesTo(t *testing.T) {
	t.Parallel()
	leg := func(authority string, days int, silence consultation.Silence) consultation.LegPolicy {
		return consultation.LegPolicy{
			Authority: authority, Mandatory: silence == consultation.SilenceEscalate,
			Term: &calendar.Rule{Unit: calendar.WorkingDays, Length: days}, Silence: silence,
		}
	}
	w := newTimedWorld(t, map[string]consultation.TypePolicy{
		"a": {Legs: []consultation.LegPolicy{leg("labour", 5, consultation.SilenceEscalate), leg("security", 10, consultation.SilenceEscalate)}},
		"b": {Legs: []consultation.LegPolicy{leg("labour", 3, consultation.SilenceProceed), {Authority: "tax", Information: true, Binding: consultation.BindingFacts}}},
	})
	start := time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC)
	for i := range 40 {
		w.now = start.Add(time.Duration(i) * 7 * time.Hour)
		w.fireAll()
		c := w.open([]string{"a", "b"}[i%2])
		w.now = w.now.Add(time.Duration(i*i%50) * time.Hour)
		w.fireAll()
		authority := []string{"labour", "security"}[i%3%2]
		if i%5 != 4 && leg2(w.get(c.ID), authority) {
			w.mustReceive(answer(c, authority, "x", consultation.CodeNoObjection))
			correction := answer(c, authority, "y", consultation.CodeApproved)
			correction.Correction = "Vale nupp" // is no second answer
			w.mustReceive(correction)
		}
	}
	w.now = time.Date(2026, 3, 16, 10, 0, 0, 0, time.UTC)
	w.fireAll()
	since := start.AddDate(0, 0, 3)
	got, err := w.Statistics(context.Background(), w.pool, "", since)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(w.recount(since), got); diff != "" {
		t.Error(diff)
	}
	if len(got) != 3 || got[0].Answered == 0 || got[0].Overdue == 0 || got[1].Unanswered == 0 || got[2].DueNextWeek == 0 {
		t.Errorf("the test covers too little: %+v", got)
	}
	own, err := w.OwnStatistics(context.Background(), w.pool, labour, since)
	if err != nil || cmp.Diff(got[:2], own) != "" {
		t.Errorf("of the authority itself: %+v %v", own, err)
	}
	if none, err := w.OwnStatistics(context.Background(), w.pool, clientOf("nobody"), since); err != nil || len(none) != 0 {
		t.Errorf("of nobody: %+v %v", none, err)
	}
}

// Of a hidden question nothing is in the numbers that everybody may see, and
// nothing in the events of digests.
func TestHiddenQuestionsAreNotCountedForEverybody(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(5)))
	c := w.open("one")
	w.deliver(c)
	for hidden, want := range []int{1, 0} {
		if hidden == 1 {
			if err := w.in(func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `update consultation.leg set hidden = true`)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if list, err := w.OpenStatistics(context.Background(), w.pool, noon); err != nil || len(list) != want {
			t.Errorf("%+v %v", list, err)
		}
		if list, err := w.Statistics(context.Background(), w.pool, "", noon); err != nil || len(list) != 1 {
			t.Errorf("for the case owner: %+v %v", list, err)
		}
	}
	w.remind("2026-03-05 09:15:00", 1, 1)
	if list := w.digests(); len(list) != 1 {
		t.Errorf("%+v", list)
	}
	if got := w.types("authority/labour"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func (w *timedWorld) fireAll() {
	w.t.Helper()
	if _, err := w.FireTimers(context.Background(), w.pool); err != nil {
		w.t.Fatal(err)
	}
}

// leg2 tells whether the authority has an open question.
func leg2(c consultation.Consultation, authority string) bool {
	return slices.ContainsFunc(c.Legs, func(l consultation.Leg) bool { return l.Authority == authority && !l.State.Final() })
}

// recount counts leg by leg.
func (w *timedWorld) recount(since time.Time) []consultation.Statistics {
	w.t.Helper()
	rows, err := w.pool.Query(context.Background(), `
		select l.authority, l.type, l.state, l.due_at,
			(select n.at from consultation.notice n where n.leg_id = l.id and n.what = 'opened'),
			(select h.at from consultation.happening h where h.leg_id = l.id and h.what in ('answered', 'not_competent')),
			(select h.from_state = 'OVERDUE' from consultation.happening h where h.leg_id = l.id and h.what in ('answered', 'not_competent'))
		from consultation.leg l where l.policy->>'information' is null order by l.authority, l.type`)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rows.Close()
	var list []consultation.Statistics
	var took []time.Duration
	percentile := func(p float64) *int64 {
		if len(took) == 0 {
			return nil
		}
		slices.Sort(took)
		at := p * float64(len(took)-1)
		low := int(at)
		high := min(low+1, len(took)-1)
		v := took[low].Seconds() + (at-float64(low))*(took[high].Seconds()-took[low].Seconds())
		n := int64(v + 0.5)
		return &n
	}
	flush := func() {
		if len(list) > 0 {
			last := &list[len(list)-1]
			last.MedianSeconds, last.P90Seconds = percentile(0.5), percentile(0.9)
			took = nil
		}
	}
	today := calendar.DayOf(w.now)
	weekEnd := today
	for weekEnd.Weekday() != time.Sunday {
		weekEnd++
	}
	for rows.Next() {
		var authority, kind string
		var state consultation.LegState
		var due, asked, answered *time.Time
		var late *bool
		if err := rows.Scan(&authority, &kind, &state, &due, &asked, &answered, &late); err != nil {
			w.t.Fatal(err)
		}
		if n := len(list); n == 0 || list[n-1].Authority != authority || list[n-1].Type != kind {
			flush()
			list = append(list, consultation.Statistics{Authority: authority, Type: kind})
		}
		s := &list[len(list)-1]
		switch {
		case answered != nil:
			if answered.Before(since) {
				continue
			}
			s.Answered++
			if !*late {
				s.AnsweredInTime++
			}
			took = append(took, answered.Sub(*asked))
		case state == consultation.LegClosedNoAnswer:
			if !due.Before(since) {
				s.Unanswered++
			}
		case !state.Final():
			s.Open++
			switch {
			case due.Before(w.now):
				s.Overdue++
			case calendar.DayOf(*due) <= weekEnd:
				s.DueThisWeek++
			case calendar.DayOf(*due) <= weekEnd+7:
				s.DueNextWeek++
			}
		}
	}
	flush()
	return list
}
