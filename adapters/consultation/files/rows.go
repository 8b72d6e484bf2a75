package files

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// rows is a file that comes into the database, each piece in a transaction of its
// own, so that a slow sender holds nothing up.
type rows struct {
	store *Store
	id    string // "" while nothing has come
}

func (r *rows) add(ctx context.Context, f *File, number int, data []byte) error {
	batch := &pgx.Batch{}
	if number == 0 {
		r.id = f.ID
		batch.Queue(`insert into consultation.file (id, media_type, touched_at) values ($1, $2, $3)`, f.ID, f.MediaType, r.store.now())
	}
	batch.Queue(`insert into consultation.chunk (file_id, number, data) values ($1, $2, $3)`, f.ID, number, data)
	if number%64 == 63 {
		batch.Queue(`update consultation.file set touched_at = $2 where id = $1`, f.ID, r.store.now())
	}
	return r.store.Pool.SendBatch(ctx, batch).Close()
}

func (r *rows) written() error { return nil }

func (r *rows) settle(ctx context.Context, tx pgx.Tx, f *File) error {
	_, err := tx.Exec(ctx, `update consultation.file set sha256 = $2, size = $3, touched_at = $4 where id = $1`, f.ID, f.SHA256, f.Size, r.store.now())
	return err
}

// join deletes what came. Where the content is known to lie in a directory that
// this store does not have, or where it does not lie, the pieces take its place.
func (r *rows) join(ctx context.Context, tx pgx.Tx, f, known *File) error {
	if known.InDirectory && !r.store.has(f.SHA256, f.Size) {
		if _, err := tx.Exec(ctx, `update consultation.chunk set file_id = $2 where file_id = $1`, f.ID, known.ID); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `update consultation.file set in_directory = false where id = $1`, known.ID); err != nil {
			return err
		}
		known.InDirectory = false
	}
	_, err := tx.Exec(ctx, `delete from consultation.file where id = $1`, f.ID)
	return err
}

func (r *rows) drop(ctx context.Context) {
	if r.id != "" {
		_, _ = r.store.Pool.Exec(ctx, `delete from consultation.file where id = $1 and sha256 is null`, r.id) // or Prune does it
	}
}
