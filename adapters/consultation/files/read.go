package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reader reads a stored file from any place, a chunk at a time. It is for one
// goroutine and needs no closing.
type Reader struct {
	ctx    context.Context
	store  *Store
	file   File
	at     int64
	number int // of the chunk that is held, -1: none
	chunk  []byte
}

// Open reads the file f. What is read later fails when ctx ends.
func (s *Store) Open(ctx context.Context, f File) *Reader {
	return &Reader{ctx: ctx, store: s, file: f, number: -1}
}

// load reads one chunk.
func (r *Reader) load(number int) error {
	if r.file.InDirectory {
		return r.loadFile(number)
	}
	err := r.store.Pool.QueryRow(r.ctx, `select data from consultation.chunk where file_id = $1 and number = $2`, r.file.ID, number).Scan(&r.chunk)
	if errors.Is(err, pgx.ErrNoRows) {
		return errDeleted
	}
	return err
}

var errDeleted = errors.New("it has been deleted")

// loadFile reads one chunk out of the directory. The file is opened for each, which
// costs little beside reading it, so that a reader needs no closing.
func (r *Reader) loadFile(number int) error {
	if r.store.Dir == "" {
		return errors.New("it lies in a directory, and none is configured")
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	f, err := os.Open(r.store.path(r.file.SHA256))
	if errors.Is(err, fs.ErrNotExist) {
		return errDeleted
	}
	if err != nil {
		return withoutPath(err)
	}
	defer f.Close()
	if cap(r.chunk) < chunkSize {
		r.chunk = make([]byte, chunkSize)
	}
	n, err := f.ReadAt(r.chunk[:chunkSize], int64(number)*chunkSize)
	r.chunk = r.chunk[:n]
	if errors.Is(err, io.EOF) {
		return nil
	}
	return withoutPath(err)
}

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) {
	if r.at >= r.file.Size {
		return 0, io.EOF
	}
	if number := int(r.at / chunkSize); number != r.number {
		if err := r.load(number); err != nil {
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
