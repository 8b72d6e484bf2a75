package files

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"
)

// incoming is where files are while they come, below the directory; whole ones lie
// below the first two digits of their hash.
const incoming = "incoming"

// Prepare makes the directory of files, if it is not there, and sees that files can
// be written in it.
func Prepare(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, incoming), 0o700); err != nil {
		return fmt.Errorf("making the directory of attachments: %w", err)
	}
	f, err := os.CreateTemp(filepath.Join(dir, incoming), "start-")
	if err == nil {
		err = errors.Join(f.Close(), os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("writing to the directory of attachments: %w", err)
	}
	return nil
}

// path is where the file of a content lies.
func (s *Store) path(sum []byte) string {
	name := hex.EncodeToString(sum)
	return filepath.Join(s.Dir, name[:2], name)
}

// has says whether the directory has the file of a content.
func (s *Store) has(sum []byte, size int64) bool {
	if s.Dir == "" {
		return false
	}
	info, err := os.Stat(s.path(sum))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// inDirectory is a file that comes into the directory: under a name of its own
// until it is there, synced, and renamed before the transaction that says that it
// is there ends. A process that dies leaves what nothing knows, and Prune deletes.
type inDirectory struct {
	store *Store
	f     *os.File // nil while nothing has come
}

func (d *inDirectory) add(_ context.Context, f *File, number int, data []byte) (err error) {
	if number == 0 {
		if d.f, err = os.OpenFile(filepath.Join(d.store.Dir, incoming, f.ID), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return withoutPath(err)
		}
	}
	_, err = d.f.Write(data)
	return withoutPath(err)
}

func (d *inDirectory) written() error {
	return withoutPath(errors.Join(d.f.Sync(), d.f.Close()))
}

func (d *inDirectory) settle(ctx context.Context, tx pgx.Tx, f *File) error {
	if err := d.place(f); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `insert into consultation.file (id, sha256, size, media_type, touched_at, in_directory) values ($1, $2, $3, $4, $5, true)`,
		f.ID, f.SHA256, f.Size, f.MediaType, d.store.now())
	return err
}

// place renames the file to where it belongs, so that it is there after a crash.
func (d *inDirectory) place(f *File) error {
	to := d.store.path(f.SHA256)
	below := filepath.Dir(to)
	if err := os.Mkdir(below, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return withoutPath(err)
	}
	if err := syncDirectory(d.store.Dir); err != nil { // who made the folder may have died before
		return err
	}
	if err := os.Rename(d.f.Name(), to); err != nil {
		return withoutPath(err)
	}
	return syncDirectory(below)
}

// join deletes what came, or puts it where the known one has got lost.
func (d *inDirectory) join(_ context.Context, _ pgx.Tx, f, known *File) error {
	if known.InDirectory && !d.store.has(f.SHA256, f.Size) {
		return d.place(f)
	}
	return withoutPath(os.Remove(d.f.Name()))
}

func (d *inDirectory) drop(context.Context) {
	if d.f != nil {
		_ = d.f.Close() // it may be closed
		_ = os.Remove(d.f.Name())
	}
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err == nil {
		err = errors.Join(d.Sync(), d.Close())
	}
	return withoutPath(err)
}

// withoutPath is an error of the file system without the path, which says where
// the files of people lie.
func withoutPath(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%s in the directory of attachments: %w", p.Op, p.Err)
	}
	if l, ok := errors.AsType[*os.LinkError](err); ok {
		return fmt.Errorf("%s in the directory of attachments: %w", l.Op, l.Err)
	}
	return err
}
