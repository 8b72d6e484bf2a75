// Package files keeps what is attached to questions and answers in the
// database: streamed in chunks, once for each content, by its SHA-256. It holds
// one chunk of a file in memory, however large the file is.
package files

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// chunkSize is what one row of a file holds, in bytes.
const chunkSize = 256 << 10

// DefaultSize is how large a file may be without a limit of its own, in bytes.
const DefaultSize = 20 << 20

// DefaultTypes are the media types that are taken without a list of its own.
func DefaultTypes() []string {
	return []string{
		"application/pdf", "image/jpeg", "image/png", "image/tiff", "text/plain",
		ASiCE, ASiCS, odt, ods, docx, xlsx,
	}
}

// Problem is why a file is not taken; nothing of it is kept then. Code is one of
// the codes below, Message is for people and holds nothing of the file.
type Problem struct{ Code, Message string }

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Message }

// Codes of problems.
const (
	CodeTooLarge  = "attachment.too_large"
	CodeEmpty     = "attachment.empty"
	CodeType      = "attachment.media_type"
	CodeHash      = "attachment.sha256"
	CodeTruncated = "attachment.truncated"
)

// Store keeps files. Size bounds one in bytes, Types are the media types that
// are taken; both have defaults. It is safe for concurrent use.
type Store struct {
	Pool  *pgxpool.Pool
	Size  int64
	Types []string
	Now   func() time.Time
}

// File is a file that is there as a whole.
type File struct {
	ID        string
	SHA256    []byte
	Size      int64
	MediaType string // found by what it holds
}

// Put reads a file to its end and keeps it. declared is the media type that the
// sender says, "" when it says none; want is the SHA-256 that it must have, nil
// for any. The error is a *[Problem] when the file is not taken. What breaks off is
// not kept: its chunks are deleted at once, or by [Prune] when the process dies.
func (s *Store) Put(ctx context.Context, r io.Reader, declared string, want []byte) (_ File, err error) {
	limit := s.Limit()
	types := s.Types
	if len(types) == 0 {
		types = DefaultTypes()
	}
	f := File{}
	sum := sha256.New()
	buf := make([]byte, chunkSize)
	defer func() {
		if err != nil && f.ID != "" {
			// Also when ctx has ended, because its caller has gone.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			_, _ = s.Pool.Exec(ctx, `delete from consultation.file where id = $1 and sha256 is null`, f.ID) // or Prune does it
		}
	}()
	for number := 0; ; number++ {
		n, readErr := fill(r, buf)
		last := readErr == io.EOF
		if readErr != nil && !last {
			return File{}, &Problem{CodeTruncated, "the file ended before it was complete"}
		}
		data := buf[:n]
		if number == 0 {
			if n == 0 {
				return File{}, &Problem{CodeEmpty, "the file is empty"}
			}
			f.MediaType = Detect(data, declared)
			if !slices.Contains(types, f.MediaType) || declared != "" && !fits(declared, f.MediaType) {
				return File{}, &Problem{CodeType, "the file is not of a type that is taken, or not of the one that it is said to be; taken are " + strings.Join(types, ", ")}
			}
		}
		if f.Size += int64(n); f.Size > limit {
			return File{}, &Problem{CodeTooLarge, fmt.Sprintf("a file may have %d bytes", limit)}
		}
		if n > 0 {
			sum.Write(data)
			if err := s.add(ctx, &f, number, data); err != nil {
				return File{}, err
			}
		}
		if last {
			break
		}
	}
	f.SHA256 = sum.Sum(nil)
	if len(want) > 0 && !bytes.Equal(want, f.SHA256) {
		return File{}, &Problem{CodeHash, "the file is not the one of the SHA-256 that was given"}
	}
	whole, err := s.finish(ctx, f)
	if err != nil {
		return File{}, err
	}
	return whole, nil
}

// Limit is how large a file may be, in bytes.
func (s *Store) Limit() int64 {
	if s.Size <= 0 {
		return DefaultSize
	}
	return s.Size
}

// fill reads until buf is full or the file has ended, which only io.EOF says: a
// body that breaks off gives io.ErrUnexpectedEOF, as io.ReadFull would for the end.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// add stores one chunk, and before the first one the file.
func (s *Store) add(ctx context.Context, f *File, number int, data []byte) error {
	batch := &pgx.Batch{}
	if number == 0 {
		f.ID = uuid.NewString()
		batch.Queue(`insert into consultation.file (id, media_type, touched_at) values ($1, $2, $3)`, f.ID, f.MediaType, s.now())
	}
	batch.Queue(`insert into consultation.chunk (file_id, number, data) values ($1, $2, $3)`, f.ID, number, data)
	if number%64 == 63 {
		batch.Queue(`update consultation.file set touched_at = $2 where id = $1`, f.ID, s.now())
	}
	if err := s.Pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("storing a piece of a file: %w", err)
	}
	return nil
}

// finish makes the file one that is there. If its content is there already, that
// one is taken and this one deleted.
func (s *Store) finish(ctx context.Context, f File) (File, error) {
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		// Two senders of one content at once: the second waits here for the first.
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('consultation.file' || encode($1, 'hex'), 0))`, f.SHA256); err != nil {
			return err
		}
		var known string
		err := tx.QueryRow(ctx, `update consultation.file set touched_at = $2 where sha256 = $1 returning id`, f.SHA256, s.now()).Scan(&known)
		switch {
		case err == nil:
			_, err = tx.Exec(ctx, `delete from consultation.file where id = $1`, f.ID)
			f.ID = known
		case errors.Is(err, pgx.ErrNoRows):
			_, err = tx.Exec(ctx, `update consultation.file set sha256 = $2, size = $3, touched_at = $4 where id = $1`, f.ID, f.SHA256, f.Size, s.now())
		}
		return err
	})
	if err != nil {
		return File{}, fmt.Errorf("storing a file: %w", err)
	}
	return f, nil
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}

// orphanAfter is for how long a file may be coming, or belong to nothing.
const orphanAfter = 24 * time.Hour

// Prune deletes files that have not come to their end and those that nothing is
// attached with any more, once nobody has touched them for a day; at most limit, and
// says how many.
func Prune(ctx context.Context, pool *pgxpool.Pool, now time.Time, limit int) (int, error) {
	done, err := pool.Exec(ctx, `
		delete from consultation.file where id in (
			select id from consultation.file f
			where touched_at < $1 and not exists (select from consultation.attachment a where a.file_id = f.id)
			limit $2 for update skip locked)`, now.Add(-orphanAfter), limit)
	if err != nil {
		return 0, fmt.Errorf("deleting files that belong to nothing: %w", err)
	}
	return int(done.RowsAffected()), nil
}
