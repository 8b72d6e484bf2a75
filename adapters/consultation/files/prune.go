package files

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// orphanAfter is for how long a file may be coming, or belong to nothing.
const orphanAfter = 24 * time.Hour

// Prune deletes files that have not come to their end and those that nothing is
// attached with any more, once nobody has touched them for a day; at most limit
// of those that the database knows, and says how many those were.
func (s *Store) Prune(ctx context.Context, now time.Time, limit int) (int, error) {
	rows, err := s.Pool.Query(ctx, `
		delete from consultation.file where id in (
			select id from consultation.file f
			where touched_at < $1 and not exists (select from consultation.attachment a where a.file_id = f.id)
			limit $2 for update skip locked)
		returning case when in_directory then sha256 end`, now.Add(-orphanAfter), limit)
	if err != nil {
		return 0, fmt.Errorf("deleting files that belong to nothing: %w", err)
	}
	gone, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return 0, fmt.Errorf("deleting files that belong to nothing: %w", err)
	}
	if s.Dir == "" {
		return len(gone), nil
	}
	for _, sum := range gone {
		if sum == nil {
			continue
		}
		if err := s.remove(ctx, sum); err != nil {
			return len(gone), err
		}
	}
	if len(gone) < limit { // once for each run
		err = s.sweep(ctx, time.Now().Add(-orphanAfter)) // by the machine's clock, as files are dated
	}
	return len(gone), err
}

// remove deletes the file of a content unless the database knows it, be it since a
// moment ago: who makes it so holds the same lock.
func (s *Store) remove(ctx context.Context, sum []byte) error {
	err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) error {
		if err := lock(ctx, tx, sum); err != nil {
			return err
		}
		var known bool
		if err := tx.QueryRow(ctx, `select exists (select from consultation.file where sha256 = $1 and in_directory)`, sum).Scan(&known); err != nil || known {
			return err
		}
		if err := os.Remove(s.path(sum)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return withoutPath(err)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("deleting a file that belongs to nothing: %w", err)
	}
	return nil
}

// sweep deletes what lies in the directory since before a moment and the database
// does not know: what a process left that died.
func (s *Store) sweep(ctx context.Context, before time.Time) error {
	folders, err := os.ReadDir(s.Dir)
	if err != nil {
		return fmt.Errorf("looking for files that belong to nothing: %w", withoutPath(err))
	}
	for _, folder := range folders {
		if !folder.IsDir() || folder.Name() != incoming && len(folder.Name()) != 2 {
			continue // not ours
		}
		old, err := oldFiles(filepath.Join(s.Dir, folder.Name()), before)
		if err != nil {
			return fmt.Errorf("looking for files that belong to nothing: %w", withoutPath(err))
		}
		if folder.Name() != incoming {
			if err := s.sweepFolder(ctx, old); err != nil {
				return err
			}
			continue
		}
		for _, name := range old {
			if err := os.Remove(filepath.Join(s.Dir, incoming, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("deleting a file that did not come to its end: %w", withoutPath(err))
			}
		}
	}
	return nil
}

// sweepFolder deletes those of the named files that the database does not know.
func (s *Store) sweepFolder(ctx context.Context, names []string) error {
	var sums [][]byte
	for _, name := range names {
		if sum, err := hex.DecodeString(name); err == nil && len(sum) == 32 {
			sums = append(sums, sum)
		}
	}
	if len(sums) == 0 {
		return nil
	}
	rows, err := s.Pool.Query(ctx, `
		select sum from unnest($1::bytea[]) as lies (sum)
		where not exists (select from consultation.file f where f.sha256 = sum and f.in_directory)`, sums)
	if err != nil {
		return fmt.Errorf("looking for files that belong to nothing: %w", err)
	}
	orphans, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil {
		return fmt.Errorf("looking for files that belong to nothing: %w", err)
	}
	for _, sum := range orphans {
		if err := s.remove(ctx, sum); err != nil {
			return err
		}
	}
	return nil
}

// oldFiles are the names of the files in a folder that were written before a
// moment.
func oldFiles(folder string, before time.Time) (names []string, err error) {
	list, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		info, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // meanwhile it has come to its end
		}
		if err != nil {
			return nil, err
		}
		if info.Mode().IsRegular() && info.ModTime().Before(before) {
			names = append(names, f.Name())
		}
	}
	return names, nil
}
