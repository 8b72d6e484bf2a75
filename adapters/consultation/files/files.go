// Package files keeps what is attached to questions and answers, in the database
// or in a directory: streamed in chunks, once for each content, by its SHA-256. It
// holds one chunk of a file in memory, however large the file is. Either way the
// database says which files there are.
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

// chunkSize is what is read and written at once, and what one row of a file holds,
// in bytes.
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
// are taken; both have defaults. It is safe for concurrent use, also by many
// processes.
type Store struct {
	Pool  *pgxpool.Pool
	Size  int64
	Types []string
	Now   func() time.Time
	// Dir is the directory of files, which all processes of the hub share; ""
	// where there is none. See [Prepare].
	Dir string
	// ToDirectory has new files go there. Those that are in the other place are
	// read as ever.
	ToDirectory bool
}

// File is a file that is there as a whole.
type File struct {
	ID          string
	SHA256      []byte
	Size        int64
	MediaType   string // found by what it holds
	InDirectory bool   // and not in the database
}

// coming is a file that comes.
type coming interface {
	// add writes its next piece; begun says that there was one before.
	add(ctx context.Context, f *File, number int, data []byte) error
	// written is called behind the last piece, before the file is there.
	written() error
	// settle makes it one that is there, in the transaction that holds the lock
	// of its content.
	settle(ctx context.Context, tx pgx.Tx, f *File) error
	// join throws it away, since the same content is there: known.
	join(ctx context.Context, tx pgx.Tx, f, known *File) error
	// drop throws it away before it is complete.
	drop(ctx context.Context)
}

// Put reads a file to its end and keeps it. declared is the media type that the
// sender says, "" when it says none; want is the SHA-256 that it must have, nil
// for any. The error is a *[Problem] when the file is not taken. What breaks off is
// not kept: it is deleted at once, or by [Store.Prune] when the process dies.
func (s *Store) Put(ctx context.Context, r io.Reader, declared string, want []byte) (_ File, err error) {
	limit := s.Limit()
	types := s.Types
	if len(types) == 0 {
		types = DefaultTypes()
	}
	f := File{ID: uuid.NewString(), InDirectory: s.ToDirectory}
	var in coming = &rows{store: s}
	if s.ToDirectory {
		in = &inDirectory{store: s}
	}
	sum := sha256.New()
	buf := make([]byte, chunkSize)
	defer func() {
		if err != nil {
			// Also when ctx has ended, because its caller has gone.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
			defer cancel()
			in.drop(ctx)
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
			if err := in.add(ctx, &f, number, data); err != nil {
				return File{}, fmt.Errorf("storing a piece of a file: %w", err)
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
	if err := in.written(); err != nil {
		return File{}, fmt.Errorf("storing a file: %w", err)
	}
	return s.finish(ctx, f, in)
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

// finish makes the file one that is there. If its content is there already, that
// one is taken and this one thrown away.
func (s *Store) finish(ctx context.Context, f File, in coming) (File, error) {
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := lock(ctx, tx, f.SHA256); err != nil {
			return err
		}
		var known File
		err := tx.QueryRow(ctx, `update consultation.file set touched_at = $2 where sha256 = $1 returning id, in_directory`, f.SHA256, s.now()).Scan(&known.ID, &known.InDirectory)
		switch {
		case err == nil:
			err = in.join(ctx, tx, &f, &known)
			f.ID, f.InDirectory = known.ID, known.InDirectory
		case errors.Is(err, pgx.ErrNoRows):
			err = in.settle(ctx, tx, &f)
		}
		return err
	})
	if err != nil {
		return File{}, fmt.Errorf("storing a file: %w", err)
	}
	return f, nil
}

// lock keeps everybody else from making or deleting the file of this content until
// tx ends.
func lock(ctx context.Context, tx pgx.Tx, sum []byte) error {
	_, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended('consultation.file' || encode($1, 'hex'), 0))`, sum)
	return err
}

func (s *Store) now() time.Time {
	if s.Now == nil {
		return time.Now()
	}
	return s.Now()
}
