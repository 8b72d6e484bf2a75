package core

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/web"
)

// effectTimeout bounds an effect, waiting for another request with the same key
// included.
const effectTimeout = 30 * time.Second

// maxKey bounds an Idempotency-Key, in characters.
const maxKey = 255

// answer is what a request with an effect is answered with.
type answer struct {
	status   int
	location string
	body     any
}

// effect changes something in a transaction and says what to answer: an [inTx] or
// a [planned].
type effect interface {
	// have has the effect of a request, or finds the answer of the request that had it.
	have(ctx context.Context, pool *pgxpool.Pool, k usedKey, now time.Time) (given, error)
}

// inTx is an effect that reads before it writes.
type inTx func(ctx context.Context, tx pgx.Tx) (answer, error)

// planned is an effect that reads nothing: what it writes and what to answer are
// known before, and all of it goes to the database at once.
type planned func(batch *pgx.Batch) (answer, error)

// post reads the body, checks it and has its effect, once for each
// Idempotency-Key. check makes the effect out of the body; its error may be a
// *problemError, like that of the effect.
func (a *API) post(w http.ResponseWriter, r *http.Request, check func(body []byte) (effect, error)) {
	key, err := idempotencyKey(r.Header)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	body, problem := web.ReadJSON(w, r, a.o.MaxBody)
	if problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	k := usedKey{client: web.Caller(r.Context()), route: r.Method + " " + r.URL.Path, key: key, hash: sha256.Sum256(body)}
	ctx, cancel := context.WithTimeout(r.Context(), effectTimeout)
	defer cancel()
	given, err := a.once(ctx, k, func() (effect, error) { return check(body) })
	if err != nil {
		a.fail(w, r, err)
		return
	}
	given.write(w)
}

// idempotencyKey reads the header; "" when there is none.
func idempotencyKey(h http.Header) (string, error) {
	const name = "Idempotency-Key"
	values := h.Values(name)
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", badParameter(name, "parameter", "The header may come once.")
	}
	key := values[0]
	if key == "" || len(key) > maxKey {
		return "", badParameter(name, "length", fmt.Sprintf("The key needs 1 to %d characters.", maxKey))
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return "", badParameter(name, "character", "The key may hold visible ASCII characters only.")
		}
	}
	return key, nil
}

// usedKey is a request that has a name.
type usedKey struct {
	client, route, key string
	hash               [sha256.Size]byte
}

// given is an answer as bytes, so that a replay is the same to the byte.
type given struct {
	status   int
	location string
	body     []byte
	replay   bool
}

func (g given) write(w http.ResponseWriter) {
	if g.location != "" {
		w.Header().Set("Location", g.location)
	}
	if g.replay {
		w.Header().Set("Idempotent-Replay", "true")
	}
	web.WriteJSON(w, g.status, json.RawMessage(g.body))
}

// once has the effect of a request, or finds the answer of the request that had
// it. Of two at the same moment the second waits at the first one's row until
// its transaction ends.
func (a *API) once(ctx context.Context, k usedKey, check func() (effect, error)) (given, error) {
	do, wrong := check()
	if wrong == nil {
		return do.have(ctx, a.o.Pool, k, a.o.Now().UTC())
	}
	if k.key != "" {
		// What was taken once stays taken, whatever today's rules say.
		if g, found, err := k.find(ctx, a.o.Pool); err != nil || found {
			return g, err
		}
	}
	return given{}, wrong
}

func (do inTx) have(ctx context.Context, pool *pgxpool.Pool, k usedKey, now time.Time) (given, error) {
	var g given
	if k.key == "" {
		err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			out, err := do(ctx, tx)
			if err == nil {
				g, err = out.given()
			}
			return err
		})
		return g, err
	}
	err := inTwoTrips(ctx, pool, k.claim(now), func(tx pgx.Tx, claimed int64) (statement, error) {
		if claimed != 1 {
			var err error
			g, err = k.mustFind(ctx, tx)
			return statement{}, err
		}
		out, err := do(ctx, tx)
		if err == nil {
			g, err = out.given()
		}
		return k.keep(g), err
	})
	return g, err
}

func (do planned) have(ctx context.Context, pool *pgxpool.Pool, k usedKey, now time.Time) (given, error) {
	work := &pgx.Batch{}
	out, err := do(work)
	if err != nil {
		return given{}, err
	}
	g, err := out.given()
	if err != nil {
		return given{}, err
	}
	all := &pgx.Batch{}
	if k.key != "" {
		all.Queue(`
			insert into core.idempotency_key (client, route, key, request_sha256, status, location, body, created_at)
			values ($1, $2, $3, $4, $5, nullif($6, ''), $7, $8)`, k.client, k.route, k.key, k.hash[:], g.status, g.location, g.body, now)
	}
	all.QueuedQueries = append(all.QueuedQueries, work.QueuedQueries...)
	err = inOneTrip(ctx, pool, all)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "23505" && e.TableName == "idempotency_key" { // unique_violation
		return k.mustFind(ctx, pool)
	}
	if err != nil {
		return given{}, fmt.Errorf("writing what a request wants: %w", err)
	}
	return g, nil
}

// given is the answer as it is sent and kept.
func (out answer) given() (given, error) {
	g := given{status: out.status, location: out.location}
	var err error
	if g.body, err = json.Marshal(out.body); err != nil {
		return given{}, fmt.Errorf("writing the answer: %w", err)
	}
	return g, nil
}

// querier is what a pool and a transaction share here.
type querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// find looks for the answer that the key has got; a key that was used for
// another body is a problem.
func (k usedKey) find(ctx context.Context, db querier) (given, bool, error) {
	g := given{replay: true}
	var hash []byte
	err := db.QueryRow(ctx, `
		select request_sha256, status, coalesce(location, ''), body from core.idempotency_key
		where client = $1 and route = $2 and key = $3`, k.client, k.route, k.key).
		Scan(&hash, &g.status, &g.location, &g.body)
	if errors.Is(err, pgx.ErrNoRows) {
		return given{}, false, nil
	}
	if err != nil {
		return given{}, false, fmt.Errorf("looking for the idempotency key: %w", err)
	}
	if !bytes.Equal(hash, k.hash[:]) {
		return given{}, false, &problemError{web.Problem{
			Type: typeIdempotency, Status: http.StatusUnprocessableEntity,
			Detail: "This Idempotency-Key was used for another body.",
			Errors: []web.FieldError{{Path: "Idempotency-Key", Code: "idempotency_key.reused", Message: "The key was used for another body; a new request needs a new key."}},
		}}
	}
	return g, true, nil
}

// mustFind is find for a key that has been used.
func (k usedKey) mustFind(ctx context.Context, db querier) (given, error) {
	g, found, err := k.find(ctx, db)
	if err == nil && !found {
		err = errors.New("finding the answer of a used idempotency key: it has gone")
	}
	return g, err
}

// claim takes the key for its transaction, unless another had it first; keep
// fills in the answer.
func (k usedKey) claim(now time.Time) statement {
	return statement{`
		insert into core.idempotency_key (client, route, key, request_sha256, status, body, created_at)
		values ($1, $2, $3, $4, 0, '', $5) on conflict (client, route, key) do nothing`,
		[]any{k.client, k.route, k.key, k.hash[:], now}}
}

func (k usedKey) keep(g given) statement {
	return statement{`
		update core.idempotency_key set status = $4, location = nullif($5, ''), body = $6
		where client = $1 and route = $2 and key = $3`,
		[]any{k.client, k.route, k.key, g.status, g.location, g.body}}
}

// Prune forgets the answers of idempotency keys that were used before the given
// time, at most limit of them, and says how many. A request that is repeated
// after that is a new one.
func Prune(ctx context.Context, db *pgxpool.Pool, before time.Time, limit int) (int, error) {
	done, err := db.Exec(ctx, `
		delete from core.idempotency_key k
		using (
			select client, route, key from core.idempotency_key where created_at < $1
			order by created_at limit $2 for update skip locked) old
		where k.client = old.client and k.route = old.route and k.key = old.key`, before, limit)
	if err != nil {
		return 0, fmt.Errorf("forgetting old idempotency keys: %w", err)
	}
	return int(done.RowsAffected()), nil
}
