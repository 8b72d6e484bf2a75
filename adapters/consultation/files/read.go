package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Reader reads a stored file from any place, a chunk at a time. It is for one
// goroutine and needs no closing.
type Reader struct {
	ctx    context.Context
	pool   *pgxpool.Pool
	file   File
	at     int64
	number int // of the chunk that is held, -1: none
	chunk  []byte
}

// Open reads the file f. What is read later fails when ctx ends.
func Open(ctx context.Context, pool *pgxpool.Pool, f File) *Reader {
	return &Reader{ctx: ctx, pool: pool, file: f, number: -1}
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.at >= r.file.Size {
		return 0, io.EOF
	}
	if number := int(r.at / chunkSize); number != r.number {
		err := r.pool.QueryRow(r.ctx, `select data from consultation.chunk where file_id = $1 and number = $2`, r.file.ID, number).Scan(&r.chunk)
		if errors.Is(err, pgx.ErrNoRows) {
			err = errors.New("it has been deleted")
		}
		if err != nil {
			r.number = -1
			return 0, fmt.Errorf("reading a file: %w", err)
		}
		r.number = number
	}
	offset := int(r.at % chunkSize)
	if offset >= len(r.chunk) {
		return 0, io.ErrUnexpectedEOF
	}
	n := copy(p, r.chunk[offset:])
	r.at += int64(n)
	return n, nil
}

// Seek implements io.Seeker.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.file.Size
	}
	if offset < 0 {
		return 0, errors.New("seeking before the beginning of a file")
	}
	r.at = offset
	return offset, nil
}

// Timeout is how long a caller has who sends or fetches a file of so many
// bytes: a slow line carries 64 KiB in a second.
func Timeout(size int64) time.Duration {
	return time.Minute + time.Duration(size/(64<<10))*time.Second
}
