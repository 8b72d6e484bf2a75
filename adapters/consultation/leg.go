package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ristmik/adapters/consultation/calendar"
	"ristmik/outbox"
)

// lockedLeg is a leg whose round is locked: nobody else changes either before
// the transaction ends.
type lockedLeg struct {
	round      roundRef
	roundState RoundState
	id         string
	policy     LegPolicy
	progress   progress
	changes    int // how often it has changed
}

// keptProgress is what of a progress has no column of its own.
type keptProgress struct {
	Term      *calendar.Term `json:"term,omitempty"`
	DuePassed bool           `json:"due_passed,omitempty"`
	Asking    bool           `json:"asking,omitempty"`
	AskedTill time.Time      `json:"asked_till,omitzero"`
	Wanted    *Extension     `json:"wanted,omitempty"`
	Late      bool           `json:"late,omitempty"`
	Reminded  int            `json:"reminded,omitempty"`
	Down      bool           `json:"down,omitempty"`
}

func (p progress) kept() keptProgress {
	return keptProgress{p.Term, p.DuePassed, p.Asking, p.AskedTill, p.Wanted, p.Late, p.Reminded, p.Down}
}

// lockLeg locks the round of a leg and reads the leg; ErrNotFound when there is
// no such leg. The lock is always the first one taken: whatever happens to two
// legs of a round at the same moment happens one after the other, so the last
// answer sees all others and completes the round, exactly once.
func lockLeg(ctx context.Context, tx pgx.Tx, id string) (lockedLeg, error) {
	if !isUUID(id) {
		return lockedLeg{}, ErrNotFound
	}
	var r roundRef
	var state RoundState
	var legs []lockedLeg
	batch := &pgx.Batch{}
	batch.Queue(`
		select r.consultation_id, r.number, r.case_reference, r.type, r.state
		from consultation.round r
		where (r.consultation_id, r.number) = (select consultation_id, round from consultation.leg where id = $1)
		for update`, id).
		QueryRow(func(row pgx.Row) error { return row.Scan(&r.ID, &r.Number, &r.CaseReference, &r.Type, &state) })
	// A statement of its own: it sees what was committed while the lock was waited for.
	batch.Queue(selectLegs+"id = $1", id).Query(func(rows pgx.Rows) (err error) {
		legs, err = collectLegs(rows, r, state)
		return err
	})
	err := tx.SendBatch(ctx, batch).Close()
	if errors.Is(err, pgx.ErrNoRows) {
		return lockedLeg{}, ErrNotFound
	}
	if err != nil {
		return lockedLeg{}, fmt.Errorf("locking the round and reading the leg: %w", err)
	}
	return legs[0], nil
}

const (
	// selectLegs wants a condition, and orderedLegs behind it where there may be many.
	selectLegs = `
		select id, policy, state, delivered_at, coalesce(problem_reason, ''), answer_version, changes, progress
		from consultation.leg where `
	orderedLegs = ` order by position`
)

// readLegs reads the legs of a locked round that fit the condition, in their
// order.
func readLegs(ctx context.Context, tx pgx.Tx, r roundRef, state RoundState, where string, args ...any) ([]lockedLeg, error) {
	rows, err := tx.Query(ctx, selectLegs+where+orderedLegs, args...)
	if err != nil {
		return nil, fmt.Errorf("reading legs: %w", err)
	}
	return collectLegs(rows, r, state)
}

func collectLegs(rows pgx.Rows, r roundRef, state RoundState) ([]lockedLeg, error) {
	legs, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (lockedLeg, error) {
		l := lockedLeg{round: r, roundState: state}
		var delivered *time.Time
		var kept keptProgress
		err := row.Scan(&l.id, &l.policy, &l.progress.State, &delivered, &l.progress.Problem, &l.progress.Version, &l.changes, &kept)
		if delivered != nil {
			l.progress.Delivered = delivered.UTC()
		}
		l.progress.Term, l.progress.DuePassed, l.progress.Asking = kept.Term, kept.DuePassed, kept.Asking
		l.progress.AskedTill, l.progress.Wanted, l.progress.Late, l.progress.Reminded = kept.AskedTill, kept.Wanted, kept.Late, kept.Reminded
		l.progress.Down = kept.Down
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading legs: %w", err)
	}
	return legs, nil
}

// Who made something happen.
const (
	byCore      = "core"
	byAuthority = "authority"
	byClock     = "clock"
	byHub       = "hub"
)

// news is what is told of a change beside the change itself.
type news struct {
	actor, door string
	code        AnswerCode
	receipt     string // what the authority acknowledged with
	key         string // of the event; the leg and its change by default
}

// happen applies what happened to the leg: it steps the machine, writes the leg
// where it still is in the state it was read in, keeps the happening, sets the
// timers and tells the core. False means that it changed nothing. The error is a
// *[Refusal] when it cannot happen; nothing has been written then. The caller
// holds the round's lock and settles the round afterwards.
func (p *Procedure) happen(ctx context.Context, tx pgx.Tx, l *lockedLeg, e occurrence, n news) (bool, error) {
	if err := p.pass(ctx, tx, l, e.At); err != nil {
		return false, err
	}
	return p.apply(ctx, tx, l, e, n)
}

// pass lets happen what was due before the moment: whoever comes first, the
// timer or somebody else, the term ended when it ended.
func (p *Procedure) pass(ctx context.Context, tx pgx.Tx, l *lockedLeg, at time.Time) error {
	var w writes
	if err := p.passed(&w, l, at); err != nil {
		return err
	}
	return w.flush(ctx, tx)
}

func (p *Procedure) passed(w *writes, l *lockedLeg, at time.Time) error {
	for {
		t, ok := l.progress.overtaken(at)
		if !ok {
			return nil
		}
		if _, err := p.note(w, l, occurrence{What: t.What, At: t.At}, news{actor: byClock}); err != nil {
			return err
		}
	}
}

func (p *Procedure) apply(ctx context.Context, tx pgx.Tx, l *lockedLeg, e occurrence, n news) (bool, error) {
	var w writes
	changed, err := p.note(&w, l, e, n)
	if err == nil {
		err = w.flush(ctx, tx)
	}
	return changed, err
}

// writes is what has to be written about legs: it goes to the database at once,
// however many they are.
type writes struct {
	batch  pgx.Batch
	events []outbox.Event
	told   []outbox.Message // to authorities
}

func (w *writes) flush(ctx context.Context, tx pgx.Tx) error {
	if w.batch.Len() == 0 {
		return nil
	}
	if err := outbox.QueueEvents(&w.batch, w.events...); err != nil {
		return fmt.Errorf("telling what happened to legs: %w", err)
	}
	if err := outbox.Queue(&w.batch, w.told...); err != nil {
		return fmt.Errorf("telling authorities what happened to legs: %w", err)
	}
	if err := tx.SendBatch(ctx, &w.batch).Close(); err != nil {
		return fmt.Errorf("noting what happened to legs: %w", err)
	}
	return nil
}

// note is apply, but for the writing.
func (p *Procedure) note(w *writes, l *lockedLeg, e occurrence, n news) (bool, error) {
	after, row, violation := step(l.progress, l.policy, e)
	if violation != nil {
		return false, &Refusal{RefusedConflict, []Violation{*violation}}
	}
	if row == nil {
		return false, nil
	}
	before := l.progress.State
	now := p.clock()
	l.progress, l.changes = after, l.changes+1
	kept, err := json.Marshal(after.kept())
	if err != nil {
		return false, fmt.Errorf("writing down the leg: %w", err)
	}
	due, hasDue := after.due()
	batch := &w.batch
	batch.Queue(`
		update consultation.leg set state = $2, delivered_at = $3, problem_reason = nullif($4, ''), answer_version = $5, progress = $6,
			due_at = $7, changes = $8, receipt_id = coalesce(nullif($9, ''), receipt_id)
		where id = $1 and state = $10 and changes = $8 - 1`,
		l.id, after.State, orNull(after.Delivered, !after.Delivered.IsZero()), after.Problem, after.Version, kept,
		orNull(due, hasDue), l.changes, n.receipt, before).
		Exec(func(tag pgconn.CommandTag) error {
			if tag.RowsAffected() != 1 {
				return fmt.Errorf("%s: the leg has left state %s", e.What, before)
			}
			return nil
		})
	batch.Queue(`
		insert into consultation.happening (leg_id, number, what, at, recorded_at, from_state, to_state, actor, door, reason, until, due_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8, nullif($9, ''), nullif($10, ''), $11, $12)`,
		l.id, l.changes, e.What, e.At, now, before, after.State, n.actor, n.door, e.Reason, orNull(e.Until, !e.Until.IsZero()), orNull(due, hasDue))
	setTimers(batch, l.id, after)
	if n.actor != byAuthority && slices.Contains(noticed, e.What) {
		notice(batch, l.policy.Authority, l.id, e.What, e.At)
		if m, ok := l.told(e.What, e.At, strconv.Itoa(l.changes)); ok {
			w.told = append(w.told, m)
		}
	}
	if row.tell == "" {
		return true, nil
	}
	if n.key == "" {
		n.key = fmt.Sprintf("%s/%d", l.id, l.changes)
	}
	d := eventData{
		LegID: l.id, Authority: l.policy.Authority, LegState: after.State, AnswerCode: n.code, Door: n.door, Reason: after.Problem,
		Late: after.Late, Percent: e.Percent, Hidden: l.policy.Hidden,
	}
	if hasDue && !after.State.Final() {
		d.DueAt = &due
	}
	w.events = append(w.events, event(l.round, n.key, row.tell, e.At, d))
	return true, nil
}

// allTimers are those of the leg, the next reminder included.
func (p progress) allTimers() []timer {
	timers := p.timers()
	if at, _, ok := p.nextReminder(); ok {
		timers = append(timers, timer{HappenedReminded, at})
	}
	return timers
}

// setTimers makes the leg's timers those that its progress has.
func setTimers(batch *pgx.Batch, leg string, p progress) {
	timers := p.allTimers()
	what, at := make([]Happening, len(timers)), make([]time.Time, len(timers))
	for i, t := range timers {
		what[i], at[i] = t.What, t.At
	}
	batch.Queue(`delete from consultation.timer where leg_id = $1 and what <> all($2::text[])`, leg, what)
	if len(timers) > 0 {
		batch.Queue(`
			insert into consultation.timer (leg_id, what, due_at) select $1, * from unnest($2::text[], $3::timestamptz[])
			on conflict (leg_id, what) do update set due_at = excluded.due_at`, leg, what, at)
	}
}

func orNull(t time.Time, there bool) *time.Time {
	if !there {
		return nil
	}
	return &t
}

// delivered notes that the authority acknowledged the question. An
// acknowledgement that is late or comes again changes nothing: an answer has
// proven the delivery already.
func (p *Procedure) delivered(ctx context.Context, tx pgx.Tx, leg, receipt string) error {
	l, err := lockLeg(ctx, tx, leg)
	if err == nil {
		_, err = p.happen(ctx, tx, &l, occurrence{What: HappenedDelivered, At: p.clock()},
			news{actor: byAuthority, receipt: receipt, key: l.id})
	}
	if err == nil {
		err = p.settle(ctx, tx, l.round, l.roundState)
	}
	if err != nil {
		return fmt.Errorf("noting the delivery: %w", err)
	}
	return nil
}

// OnDead notes that the question to an authority cannot be delivered, and tells
// the core once; it is the hook of the outbox destinations that carry
// questions. A leg that has been delivered or answered all the same is left
// alone. When a person sends the message again, its success takes the leg out
// of DELIVERY_PROBLEM; another failure only renews the reason.
func (p *Procedure) OnDead(ctx context.Context, tx pgx.Tx, d outbox.Delivery, reason string) error {
	if d.Kind == KindTell {
		return nil // the question is with the authority; that it was not told, the dead letter says
	}
	l, err := lockLeg(ctx, tx, d.Key)
	if err == nil {
		_, err = p.happen(ctx, tx, &l, occurrence{What: HappenedUndeliverable, At: p.clock(), Reason: reason}, news{actor: byHub, key: l.id})
	}
	if err == nil && l.policy.Fallback && l.progress.State == LegDeliveryProblem {
		_, err = p.happen(ctx, tx, &l, occurrence{What: HappenedRerouted, At: p.clock(), Reason: reason}, news{actor: byHub})
	}
	if err == nil {
		err = p.settle(ctx, tx, l.round, l.roundState)
	}
	if err != nil {
		return fmt.Errorf("noting the delivery problem: %w", err)
	}
	return nil
}
