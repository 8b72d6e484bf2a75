package contractwatch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/outbox"
	"ristmik/soap/contract"
)

// store keeps what came of comparing a register, in the run's transaction, and
// tells the core where the verdict is another one; told says whether it did.
func (w *Watch) store(ctx context.Context, tx pgx.Tx, register string, at time.Time, c comparison) (told bool, err error) {
	var verdict contract.Verdict
	var fingerprint string
	err = tx.QueryRow(ctx, `
		insert into contract_watch.register as r (register, tried_at, error, verdict, fingerprint, pinned_hash, live_hash, breaking, harmless, differences)
		values ($1, $2, $3, '', '', '', '', 0, 0, '[]')
		on conflict (register) do update set tried_at = excluded.tried_at, error = excluded.error
		returning verdict, fingerprint`, register, at, c.err).Scan(&verdict, &fingerprint)
	if err != nil {
		return false, fmt.Errorf("noting a comparison: %w", err)
	}
	if c.err != "" {
		return false, nil
	}
	kept, err := json.Marshal(c.first(keptDifferences))
	if err != nil {
		return false, fmt.Errorf("writing the differences: %w", err)
	}
	_, err = tx.Exec(ctx, `
		update contract_watch.register
		set seen_at = $2, since = case when fingerprint = $4 then since else $2 end, verdict = $3, fingerprint = $4, pinned_hash = $5,
			live_hash = $6, breaking = $7, harmless = $8, differences = $9
		where register = $1`,
		register, at, c.verdict, c.fingerprint(), c.pinned, c.live, c.breaking, c.harmless, kept)
	if err != nil {
		return false, fmt.Errorf("keeping a comparison: %w", err)
	}
	if fingerprint == c.fingerprint() || verdict == "" && c.verdict == contract.Same {
		return false, nil
	}
	e, err := w.event(register, at, verdict, c)
	if err != nil {
		return false, err
	}
	return true, outbox.Append(ctx, tx, e)
}

// State is how a register's description stands.
type State struct {
	Register string
	// Verdict is "" before the first comparison and after the contract has been
	// pinned anew, until it is compared again.
	Verdict contract.Verdict
	// Since is when the verdict became what it is, Seen when it was found again,
	// Tried when the last comparison was tried, and Error why that could not be
	// made: the kind and code of a failure, or words. It is "" when it could.
	Since, Seen, Tried   time.Time
	Error                string
	PinnedHash, LiveHash string
	Breaking, Harmless   int
	// Differences are the first of them, those that break before the others.
	Differences []contract.Difference
	// Acknowledged says that somebody has taken note of the verdict as it is.
	Acknowledged   bool
	AcknowledgedAt time.Time
	AcknowledgedBy string
	Reason         string
}

// ErrUnknown is returned for a register that has not been compared, or is not
// watched.
var ErrUnknown = errors.New("no such register has been compared")

// States returns how every watched register stands, by name.
func (w *Watch) States(ctx context.Context) ([]State, error) {
	rows, err := w.o.Pool.Query(ctx, `
		select register, verdict, since, seen_at, tried_at, error, pinned_hash, live_hash, breaking, harmless, differences,
			acknowledged <> '' and acknowledged = fingerprint, acknowledged_at, acknowledged_by, acknowledged_reason
		from contract_watch.register`)
	if err != nil {
		return nil, fmt.Errorf("reading the watch: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (State, error) {
		var s State
		var since, seen, acknowledged *time.Time
		err := row.Scan(&s.Register, &s.Verdict, &since, &seen, &s.Tried, &s.Error, &s.PinnedHash, &s.LiveHash, &s.Breaking, &s.Harmless,
			&s.Differences, &s.Acknowledged, &acknowledged, &s.AcknowledgedBy, &s.Reason)
		for to, from := range map[*time.Time]*time.Time{&s.Since: since, &s.Seen: seen, &s.AcknowledgedAt: acknowledged} {
			if from != nil {
				*to = from.UTC()
			}
		}
		s.Tried = s.Tried.UTC()
		return s, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the watch: %w", err)
	}
	known := map[string]State{}
	for _, s := range list {
		known[s.Register] = s
	}
	out := make([]State, 0, len(w.registers))
	for _, r := range w.registers {
		s, has := known[r.Name]
		if !has || s.PinnedHash != "" && s.PinnedHash != r.pinned() {
			s = State{Register: r.Name, Tried: s.Tried, Error: s.Error, PinnedHash: r.pinned()}
		}
		out = append(out, s)
	}
	return out, nil
}

// Acknowledge takes note of a register's verdict as it is, on behalf of by and
// with a reason: nothing is shown of it until something else breaks.
func Acknowledge(ctx context.Context, pool *pgxpool.Pool, register, by, reason string) error {
	clean := func(s string) string { return strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "") }
	done, err := pool.Exec(ctx, `
		update contract_watch.register
		set acknowledged = fingerprint, acknowledged_at = now(), acknowledged_by = $2, acknowledged_reason = $3
		where register = $1 and verdict <> ''`, register, clean(by), clean(reason))
	if err != nil {
		return fmt.Errorf("taking note of %s: %w", register, err)
	}
	if done.RowsAffected() == 0 {
		return fmt.Errorf("%w: %q", ErrUnknown, register)
	}
	return nil
}
