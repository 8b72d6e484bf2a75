package record

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

const (
	insertSent = `
		insert into register.exchange (message_id, sent_at, register, operation, service, caller, user_id, issue, request_hash, purpose)
		select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
		on conflict do nothing`
	insertEnded = `
		insert into register.exchange_result (message_id, ended_at, result, code, stated_hash, request_id)
		select * from unnest($1::text[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[])
		on conflict do nothing`
)

// commit writes a page in one transaction and one round trip. Its parameters are
// written in the form of the wire: a page has few rows, and to find out how each of
// its values is to be encoded takes longer than to write it.
func (b *Book) commit(p *page) error {
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	conn, err := b.pool.Acquire(ctx)
	if err == nil {
		if err = insert(ctx, conn.Conn(), p); err != nil {
			// Whatever was the matter with it, such as a statement that somebody has
			// dropped, the next page gets another.
			_ = conn.Conn().Close(ctx)
		}
		conn.Release()
	}
	if err != nil {
		return fmt.Errorf("recording %d exchanges and %d results: %w", len(p.sent), len(p.ended), err)
	}
	return nil
}

func insert(ctx context.Context, conn *pgx.Conn, p *page) error {
	var batch pgconn.Batch
	add := func(name, sql string, a *arrays) error {
		statement, err := conn.Prepare(ctx, name, sql) // once a connection
		if err == nil {
			batch.ExecPrepared(statement.Name, a.all(), inBinary, nil)
		}
		return err
	}
	if n := len(p.sent); n > 0 {
		a := &arrays{}
		a.texts(n, func(i int) string { return p.sent[i].MessageID })
		a.times(n, func(i int) time.Time { return p.sent[i].At })
		a.texts(n, func(i int) string { return p.sent[i].Register })
		a.texts(n, func(i int) string { return p.sent[i].Operation })
		a.texts(n, func(i int) string { return p.sent[i].Service })
		a.texts(n, func(i int) string { return p.sent[i].Caller })
		a.texts(n, func(i int) string { return p.sent[i].UserID })
		a.texts(n, func(i int) string { return p.sent[i].Issue })
		a.texts(n, func(i int) string { return p.sent[i].RequestHash })
		a.texts(n, func(i int) string { return p.sent[i].Purpose })
		if err := add("register_sent", insertSent, a); err != nil {
			return err
		}
	}
	if n := len(p.ended); n > 0 {
		a := &arrays{}
		a.texts(n, func(i int) string { return p.ended[i].MessageID })
		a.times(n, func(i int) time.Time { return p.ended[i].At })
		a.texts(n, func(i int) string { return p.ended[i].Result })
		a.texts(n, func(i int) string { return p.ended[i].Code })
		a.texts(n, func(i int) string { return p.ended[i].StatedHash })
		a.texts(n, func(i int) string { return p.ended[i].RequestID })
		if err := add("register_ended", insertEnded, a); err != nil {
			return err
		}
	}
	return conn.PgConn().ExecBatch(ctx, &batch).Close()
}

// inBinary says of all parameters that they are in binary form.
var inBinary = []int16{pgtype.BinaryFormatCode}

// arrays are the parameters of a statement, arrays each, one behind the other.
type arrays struct {
	buf  []byte
	ends []int
}

func (a *arrays) begin(n int, element uint32) {
	for _, word := range [...]uint32{1, 0, element, uint32(n), 1} { // dimensions, nulls, type, length, first index
		a.buf = binary.BigEndian.AppendUint32(a.buf, word)
	}
}

func (a *arrays) texts(n int, text func(int) string) {
	a.begin(n, pgtype.TextOID)
	for i := range n {
		s := text(i)
		a.buf = append(binary.BigEndian.AppendUint32(a.buf, uint32(len(s))), s...)
	}
	a.ends = append(a.ends, len(a.buf))
}

// epoch is when PostgreSQL's microseconds begin.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

func (a *arrays) times(n int, at func(int) time.Time) {
	a.begin(n, pgtype.TimestamptzOID)
	for i := range n {
		a.buf = binary.BigEndian.AppendUint32(a.buf, 8)
		a.buf = binary.BigEndian.AppendUint64(a.buf, uint64(at(i).UnixMicro()-epoch))
	}
	a.ends = append(a.ends, len(a.buf))
}

// all are the parameters.
func (a *arrays) all() [][]byte {
	out, from := make([][]byte, len(a.ends)), 0
	for i, end := range a.ends {
		out[i], from = a.buf[from:end], end
	}
	return out
}
