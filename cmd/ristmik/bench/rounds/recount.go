package rounds

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
)

// received is what an authority remembers.
type received struct {
	Consultations []struct {
		ID            string `json:"id"`
		Round         int    `json:"round"`
		TimesReceived int    `json:"times_received"`
		Answered      bool   `json:"answered"`
		AnswerID      string `json:"answer_id"`
		AnswerCode    string `json:"answer_code"`
	} `json:"consultations"`
}

func (w *world) received(system string) (received, error) {
	var r received
	err := post(http.MethodGet, w.box.ControlURL()+"/control/v1/received/"+system, nil, nil, &r)
	return r, err
}

// unanswered counts the questions whose answers the authorities have not seen
// taken.
func (w *world) unanswered() (int, error) {
	n := 0
	for _, a := range asked {
		r, err := w.received(a.system)
		if err != nil {
			return 0, err
		}
		for _, c := range r.Consultations {
			if !c.Answered {
				n++
			}
		}
	}
	return n, nil
}

// recounts are statements that must find nothing; they share no code with the
// hub. Each gives a text for each thing that is wrong.
var recounts = map[string]string{
	"rounds whose outcome is not what their answers come to": `
		with leg as (
			select l.consultation_id, l.round, l.binding, l.state, a.code
			from consultation.leg l left join consultation.answer a on a.leg_id = l.id and a.status = 'accepted'
		), worked_out as (
			select consultation_id, round, case
				when bool_or(state <> 'ANSWERED') then 'OPEN'
				when bool_or(code = 'PERMIT_DENIED' or code = 'OBJECTION' and binding = 'veto') then 'BLOCKED'
				when bool_or(code = 'OBJECTION' and binding = 'override') then 'OBJECTED_OVERRIDABLE'
				when bool_or(code in ('OPINION_NEGATIVE', 'OBJECTION')) then 'ADVERSE_OPINION'
				when bool_or(code = 'APPROVED_WITH_CONDITIONS') then 'CLEAR_WITH_CONDITIONS'
				else 'CLEAR' end as outcome
			from leg group by consultation_id, round
		)
		select format('%s is %s %s and comes to %s', r.consultation_id, r.state, r.outcome, w.outcome)
		from consultation.round r join worked_out w on w.consultation_id = r.consultation_id and w.round = r.number
		where r.case_reference like 'B-%' and (r.state <> 'COMPLETE' or r.outcome is distinct from w.outcome)`,
	"rounds without five legs": `
		select format('%s has %s', r.consultation_id, count(l.id)) from consultation.round r
		left join consultation.leg l on l.consultation_id = r.consultation_id and l.round = r.number
		where r.case_reference like 'B-%' group by r.consultation_id having count(l.id) <> 5`,
	"cases with more than one round": `
		select case_reference from consultation.round where case_reference like 'B-%' group by case_reference having count(*) > 1`,
	"legs without exactly one answer": `
		select l.id::text from consultation.leg l join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
		left join consultation.answer a on a.leg_id = l.id
		where r.case_reference like 'B-%' group by l.id having count(a.leg_id) <> 1`,
	"rounds that were not told as complete exactly once": `
		select r.consultation_id::text from consultation.round r
		left join outbox.event e on e.subject = r.consultation_id::text and e.type = 'consultation.round_completed'
		where r.case_reference like 'B-%' group by r.consultation_id having count(e.id) <> 1`,
	"legs that were not told as answered exactly once": `
		select l.id::text from consultation.leg l join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
		left join outbox.event e on e.type = 'consultation.answered' and e.subject = r.consultation_id::text and e.data->>'leg_id' = l.id::text
		where r.case_reference like 'B-%' group by l.id having count(e.id) <> 1`,
	"timers of legs that have ended": `
		select t.leg_id || ' ' || t.what from consultation.timer t join consultation.leg l on l.id = t.leg_id where l.state = 'ANSWERED'`,
	"questions that were given up": `select key from outbox.dead d join outbox.message m on m.id = d.id`,
}

// recount compares what the hub says with what its rows and the authorities
// say.
func (w *world) recount(ctx context.Context, r *Result) error {
	wrong := func(format string, args ...any) { r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...)) }
	var rounds int
	if err := w.pool.QueryRow(ctx, `select count(*) from consultation.round where case_reference like 'B-%'`).Scan(&rounds); err != nil {
		return err
	}
	if rounds != r.Opened {
		wrong("%d rounds were acknowledged, %d are there", r.Opened, rounds)
	}
	for what, statement := range recounts {
		rows, err := w.pool.Query(ctx, statement)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if len(found) > 0 {
			wrong("%d %s, such as %s", len(found), what, found[0])
		}
	}
	if err := w.compare(ctx, r, wrong); err != nil {
		return err
	}
	if w.o.Kills > 0 {
		return nil
	}
	rows, err := w.pool.Query(ctx, `
		select extract(epoch from max(l.delivered_at) - r.opened_at)::float8 from consultation.round r
		join consultation.leg l on l.consultation_id = r.consultation_id and l.round = r.number
		where r.case_reference like 'B-%' group by r.consultation_id, r.opened_at order by 1`)
	if err != nil {
		return err
	}
	seconds, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	for _, s := range seconds {
		r.FanOut = append(r.FanOut, time.Duration(s*float64(time.Second)))
	}
	return err
}

// compare looks at both sides of every question: what the hub asked has reached
// its authority as one question, and what that answered is what the hub has.
func (w *world) compare(ctx context.Context, r *Result, wrong func(string, ...any)) error {
	for _, a := range asked {
		rows, err := w.pool.Query(ctx, `
			select l.id::text, a.answer_id, a.code from consultation.leg l
			join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
			left join consultation.answer a on a.leg_id = l.id and a.status = 'accepted'
			where l.authority = $1 and r.case_reference like 'B-%'`, a.name)
		if err != nil {
			return err
		}
		type given struct{ id, code *string }
		legs := map[string]given{}
		var id string
		var g given
		if _, err := pgx.ForEachRow(rows, []any{&id, &g.id, &g.code}, func() error { legs[id] = g; return nil }); err != nil {
			return err
		}
		there, err := w.received(a.system)
		if err != nil {
			return err
		}
		seen := map[string]int{}
		for _, c := range there.Consultations {
			seen[c.ID]++
			g, ok := legs[c.ID]
			switch {
			case !ok:
				wrong("%s has a question that the hub does not know: %s", a.name, c.ID)
			case g.id == nil || *g.id != c.AnswerID || *g.code != c.AnswerCode:
				wrong("%s answered %s with %s, the hub has another answer", a.name, c.ID, c.AnswerCode)
			}
		}
		for id := range legs {
			if seen[id] != 1 {
				wrong("%s has %s %d times", a.name, id, seen[id])
			}
		}
	}
	return nil
}
