package postgres_test

import (
	"context"
	"fmt"
	"os"

	"ristmik/adapters/postgres"
)

// child is what the other process does; it returns its exit code.
func child(role, dir string) int {
	ctx := context.Background()
	fail := func(err error) int {
		fmt.Println("error:", err)
		return 1
	}
	p, err := postgres.StartPrivate(ctx, postgres.PrivateOptions{Dir: dir})
	if err != nil {
		return fail(err)
	}
	switch role {
	case "own": // a process that owns the cluster until it is killed
		pool, err := postgres.Open(ctx, p.URL(postgres.Database))
		if err != nil {
			return fail(err)
		}
		if _, err := pool.Exec(ctx, `create table survives (n int); insert into survives values (1), (2), (3)`); err != nil {
			return fail(err)
		}
		// Work that is still going on when the process is killed.
		if _, err := pool.Exec(ctx, `insert into survives select 4 from pg_sleep(0)`); err != nil {
			return fail(err)
		}
		tx, err := pool.Begin(ctx)
		if err != nil {
			return fail(err)
		}
		if _, err := tx.Exec(ctx, `insert into survives values (99)`); err != nil {
			return fail(err)
		}
		fmt.Println("ready")
		select {}
	case "whole": // start, work, stop
		pool, err := postgres.Open(ctx, p.URL(postgres.Database))
		if err != nil {
			return fail(err)
		}
		var user string
		if err := pool.QueryRow(ctx, `select current_user`).Scan(&user); err != nil {
			return fail(err)
		}
		pool.Close()
		if err := p.Stop(ctx); err != nil {
			return fail(err)
		}
		if _, err := os.Stat(p.Dir()); dir == "" && err == nil {
			return fail(fmt.Errorf("%s is still there", p.Dir()))
		}
		fmt.Println("done as uid", os.Geteuid())
		return 0
	default:
		return fail(fmt.Errorf("no role %q", role))
	}
}
