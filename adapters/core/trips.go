package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// statement is one with its arguments; without a text there is none.
type statement struct {
	sql  string
	args []any
}

// rollbackTimeout bounds how long a transaction that failed is undone before its
// connection is given up.
const rollbackTimeout = 5 * time.Second

// inOneTrip runs a transaction that is known before: begin, what the batch holds,
// and commit.
func inOneTrip(ctx context.Context, pool *pgxpool.Pool, work *pgx.Batch) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes it when it is still within a transaction
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.QueuedQueries = append(batch.QueuedQueries, work.QueuedQueries...)
	batch.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		// PostgreSQL ends a transaction in which something has failed so, without an error.
		if tag.String() == "ROLLBACK" {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		return errors.Join(err, barTx{conn.Conn()}.Rollback(after))
	}
	return nil
}

// inTwoTrips runs a transaction whose begin goes to the database together with
// its first statement, and whose commit together with its last one: under load
// every round trip waits for a processor on both sides. do is told how many rows
// the first statement has written, and gives the last one.
func inTwoTrips(ctx context.Context, pool *pgxpool.Pool, first statement, do func(tx pgx.Tx, rows int64) (last statement, err error)) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes it when it is still within a transaction
	tx := barTx{conn.Conn()}
	if err := tx.work(ctx, first, do); err != nil {
		after, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		return errors.Join(err, tx.Rollback(after))
	}
	return nil
}

func (tx barTx) work(ctx context.Context, first statement, do func(tx pgx.Tx, rows int64) (statement, error)) error {
	batch := &pgx.Batch{}
	batch.Queue("begin")
	batch.Queue(first.sql, first.args...)
	tags, err := tx.send(ctx, batch)
	if err != nil {
		return fmt.Errorf("beginning the transaction: %w", err)
	}
	last, err := do(tx, tags[1].RowsAffected())
	if err != nil {
		return err
	}
	batch = &pgx.Batch{}
	if last.sql != "" {
		batch.Queue(last.sql, last.args...)
	}
	batch.Queue("commit")
	if tags, err = tx.send(ctx, batch); err != nil {
		return fmt.Errorf("ending the transaction: %w", err)
	}
	// PostgreSQL ends a transaction in which something has failed so, without an error.
	if tags[len(tags)-1].String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return nil
}

// barTx is a connection within a transaction that somebody else begins and ends.
type barTx struct{ on *pgx.Conn }

var errNotYours = errors.New("this transaction ends by itself, and has none within")

func (tx barTx) send(ctx context.Context, batch *pgx.Batch) ([]pgconn.CommandTag, error) {
	results := tx.on.SendBatch(ctx, batch)
	tags := make([]pgconn.CommandTag, batch.Len())
	for i := range tags {
		var err error
		if tags[i], err = results.Exec(); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	return tags, results.Close()
}

// Begin implements [pgx.Tx].
func (tx barTx) Begin(context.Context) (pgx.Tx, error) { return nil, errNotYours }

// Commit implements [pgx.Tx].
func (tx barTx) Commit(context.Context) error { return errNotYours }

// Rollback implements [pgx.Tx]; of a connection that has gone nothing is left.
func (tx barTx) Rollback(ctx context.Context) error {
	if tx.on.IsClosed() {
		return nil
	}
	_, err := tx.on.Exec(ctx, "rollback")
	return err
}

// LargeObjects implements [pgx.Tx]; nobody has any here.
func (tx barTx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

// Conn implements [pgx.Tx].
func (tx barTx) Conn() *pgx.Conn { return tx.on }

// CopyFrom implements [pgx.Tx].
func (tx barTx) CopyFrom(ctx context.Context, table pgx.Identifier, columns []string, from pgx.CopyFromSource) (int64, error) {
	return tx.on.CopyFrom(ctx, table, columns, from)
}

// SendBatch implements [pgx.Tx].
func (tx barTx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	return tx.on.SendBatch(ctx, b)
}

// Prepare implements [pgx.Tx].
func (tx barTx) Prepare(ctx context.Context, name, sql string) (*pgconn.StatementDescription, error) {
	return tx.on.Prepare(ctx, name, sql)
}

// Exec implements [pgx.Tx].
func (tx barTx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return tx.on.Exec(ctx, sql, args...)
}

// Query implements [pgx.Tx].
func (tx barTx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return tx.on.Query(ctx, sql, args...)
}

// QueryRow implements [pgx.Tx].
func (tx barTx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return tx.on.QueryRow(ctx, sql, args...)
}
