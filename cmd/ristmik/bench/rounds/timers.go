package rounds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// termHours is the length of the terms of what is open.
const termHours = 48

// fill opens many legs by copying: five in a round, delivered, with terms that
// end in a day or two.
func (w *world) fill(ctx context.Context) error {
	began := time.Now()
	rounds := (w.o.Open + len(asked) - 1) / len(asked)
	names := make([]string, len(asked))
	for i, a := range asked {
		names[i] = a.name
	}
	err := pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `
			insert into consultation.round (consultation_id, number, case_reference, type, legal_basis, purpose, state, opened_at)
			select gen_random_uuid(), 1, 'F-' || i, $2, 'VMS § 31', 'Täide', 'COLLECTING', now() from generate_series(1, $1::int) i`, rounds, kind)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into consultation.leg (id, consultation_id, round, position, authority, mandatory, binding, destination, state, asked_at, delivered_at, policy, progress, due_at)
			select gen_random_uuid(), f.consultation_id, 1, a.n - 1, a.name, true, 'advisory', a.name || '.consultations', 'DELIVERED', f.start, f.start,
				jsonb_build_object('authority', a.name, 'mandatory', true, 'binding', 'advisory', 'destination', a.name || '.consultations',
					'term', jsonb_build_object('unit', 'hours', 'length', $2::int), 'silence', 'escalate'),
				jsonb_build_object('term', jsonb_build_object('rule', jsonb_build_object('unit', 'hours', 'length', $2::int), 'start', f.start, 'start_event', 'delivered')),
				f.start + make_interval(hours => $2)
			from (select consultation_id, now() - random() * interval '23 hours' as start from consultation.round where case_reference like 'F-%') f
			cross join unnest($1::text[]) with ordinality a (name, n)`, names, termHours)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
			insert into consultation.timer (leg_id, what, due_at)
			select l.id, 'due', l.due_at from consultation.leg l join consultation.round r on r.consultation_id = l.consultation_id where r.case_reference like 'F-%'`)
		return err
	})
	if err != nil {
		return fmt.Errorf("opening legs: %w", err)
	}
	// Only these: the hub may be making tables for days to come, beside others.
	if _, err := w.pool.Exec(ctx, `analyze consultation.round, consultation.leg, consultation.timer`); err != nil {
		return fmt.Errorf("analyzing: %w", err)
	}
	fmt.Fprintf(w.o.Progress, "%d legs are open after %.1f s\n", rounds*len(asked), time.Since(began).Seconds())
	return nil
}

// timers lets terms of some of the open legs end within the next seconds, evenly,
// and sees how late the hub notes it.
func (w *world) timers(ctx context.Context, r *Result) error {
	const lead = 3                   // seconds
	spread := min(20, 1+w.o.Due/100) // a hundred or more in a second
	_, err := w.pool.Exec(ctx, `
		with chosen as (
			select l.id, now() + make_interval(secs => $2 + random() * $3) as due
			from consultation.leg l join consultation.round r on r.consultation_id = l.consultation_id
			where r.case_reference like 'F-%' and l.state = 'DELIVERED' order by random() limit $1
		), moved as (
			update consultation.leg l set due_at = c.due,
				progress = jsonb_set(l.progress, '{term,start}', to_jsonb(c.due - make_interval(hours => $4)))
			from chosen c where c.id = l.id returning l.id, l.due_at
		)
		update consultation.timer t set due_at = m.due_at from moved m where t.leg_id = m.id`, w.o.Due, lead, spread, termHours)
	if err != nil {
		return fmt.Errorf("moving terms: %w", err)
	}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		var n int
		if err := w.pool.QueryRow(ctx, `
			select count(*) from consultation.leg l join consultation.round r on r.consultation_id = l.consultation_id
			where r.case_reference like 'F-%' and l.state = 'OVERDUE'`).Scan(&n); err != nil {
			return err
		}
		if n >= w.o.Due {
			break
		}
		if time.Now().After(deadline) {
			return errors.New("timers that are due do not fire")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	rows, err := w.pool.Query(ctx, `
		select extract(epoch from h.recorded_at - h.at)::float8 from consultation.happening h
		join consultation.leg l on l.id = h.leg_id join consultation.round r on r.consultation_id = l.consultation_id
		where r.case_reference like 'F-%' and h.what = 'due' order by 1`)
	if err != nil {
		return err
	}
	seconds, err := pgx.CollectRows(rows, pgx.RowTo[float64])
	for _, s := range seconds {
		r.Late = append(r.Late, time.Duration(s*float64(time.Second)))
	}
	return err
}
