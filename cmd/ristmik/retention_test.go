package main

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	attachments "ristmik/adapters/consultation/files"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/schedules"
)

// The retention job deletes what was delivered long ago and old keys, and
// nothing else.
func TestRetentionDeletesWhatHasServed(t *testing.T) {
	t.Parallel()
	pool := postgrestest.Pool(t, migrations()...)
	for _, sql := range []string{
		`insert into outbox.message (destination, lane, kind, key, payload, state, settled_at) values
		 ('d', 'l', 'k', 'old', '', 'delivered', now() - interval '40 days'),
		 ('d', 'l', 'k', 'new', '', 'delivered', now()),
		 ('d', 'l', 'k', 'dead', '', 'dead', now() - interval '40 days')`,
		`insert into core.idempotency_key (client, route, key, request_sha256, status, body, created_at) values
		 ('', 'r', 'old', sha256('x'), 202, '{}', now() - interval '40 days'),
		 ('', 'r', 'new', sha256('x'), 202, '{}', now())`,
		`insert into register.exchange (message_id, sent_at, register, operation, service, caller, user_id, issue, request_hash) values
		 ('old', now() - interval '70 days', '', '', '', '', '', '', ''), ('young', now() - interval '40 days', '', '', '', '', '', '', '')`,
		`insert into register.exchange_result (message_id, ended_at, result, code, stated_hash, request_id) values
		 ('old', now(), '', '', '', ''), ('young', now(), '', '', '', '')`,
	} {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan schedules.Observation, 1)
	runner, err := schedules.NewRunner(pool, []schedules.Job{{
		Name: jobRetention, Cron: "0 0 1 1 *", Zone: "UTC", CatchUp: "none", Timeout: time.Minute, Run: retention{pool, &attachments.Store{Pool: pool}, 30 * 24 * time.Hour, 60 * 24 * time.Hour}.run,
	}}, schedules.Options{Owner: "test", Observe: func(o schedules.Observation) { ended <- o }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	if _, err := runner.RunNow(ctx, jobRetention, "test"); err != nil {
		t.Fatal(err)
	}
	if o := <-ended; o.State != schedules.StateSucceeded {
		t.Errorf("the run ended as %s", o.State)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := list(t, pool, `select string_agg(key, ' ' order by key) from outbox.message`); got != "dead new" {
		t.Errorf("messages left: %s", got)
	}
	if got := list(t, pool, `select string_agg(key, ' ' order by key) from core.idempotency_key`); got != "new" {
		t.Errorf("keys left: %s", got)
	}
	if got := list(t, pool, `select string_agg(message_id, ' ') from register.exchange join register.exchange_result using (message_id)`); got != "young" {
		t.Errorf("exchanges left: %s", got)
	}
	if got := list(t, pool, `select count(*)::text from register.exchange_result`); got != "1" {
		t.Errorf("%s results left", got)
	}
}

func list(t *testing.T, pool *pgxpool.Pool, sql string) string {
	t.Helper()
	var out string
	if err := pool.QueryRow(t.Context(), sql).Scan(&out); err != nil {
		t.Fatal(err)
	}
	return out
}
