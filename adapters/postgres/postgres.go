// Package postgres is how the hub reaches its only state: it opens the
// connection pool, runs the migrations of every room that keeps data, and
// starts the private PostgreSQL that stands in where no database is given (the
// demonstration, the tests, a small installation).
package postgres

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/web/sockets"
)

// applicationName is what the hub calls itself in pg_stat_activity.
const applicationName = "ristmik"

// maxConns is the size of a pool whose URL does not say: the requests and the
// jobs of one process fit, and with what its deliveries have for themselves
// three processes fit under PostgreSQL's default limit of 100 connections.
const maxConns = 20

// idleInTransaction is how long a session may hold a transaction open without
// saying anything. No transaction of the hub waits for anything but the
// database, so one that does belongs to a process that has stopped; what it has
// locked would stop the other processes too, as long as its connection lasts.
const idleInTransaction = "10s"

// pingTimeout is how long an idle connection may take to show that it is still
// good before another one is tried: after a failover all of them may be dead
// without a word, and each would hold its user, and the end of the process, up.
const pingTimeout = 5 * time.Second

// Open returns a pool of connections to the database that url names, after one
// of them has answered. Limits that the URL does not set get sane values: 20
// connections (pool_max_conns), one hour of life, ten seconds to connect, five
// to answer a ping, ten of silence in a transaction
// (idle_in_transaction_session_timeout).
// Sessions are named "ristmik" and count time in UTC. The error names server,
// database and user, never the password. Close the pool when done.
func Open(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("read database URL: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		cfg.MaxConns = maxConns
	}
	if !strings.Contains(url, "pool_max_conn_lifetime") {
		cfg.MaxConnLifetime = time.Hour
	}
	if !strings.Contains(url, "pool_max_conn_lifetime_jitter") {
		// Without it every connection of a process ends in the same second.
		cfg.MaxConnLifetimeJitter = 5 * time.Minute
	}
	if !strings.Contains(url, "pool_ping_timeout") {
		cfg.PingTimeout = pingTimeout
	}
	if cfg.ConnConfig.ConnectTimeout == 0 {
		cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	}
	dial := cfg.ConnConfig.DialFunc
	cfg.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return sockets.Quick(c), nil
	}
	params := cfg.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = applicationName
	}
	if params["timezone"] == "" {
		params["timezone"] = "UTC"
	}
	if params["idle_in_transaction_session_timeout"] == "" {
		params["idle_in_transaction_session_timeout"] = idleInTransaction
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database pool: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach database: %w", err)
	}
	return pool, nil
}
