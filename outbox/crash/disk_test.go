package crash_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"ristmik/adapters/provetest"
	"ristmik/outbox"
)

// The disk that holds the outbox is full. Publishing is refused with an error that says so, and leaves nothing half;
// what is being delivered waits; and when there is room again all goes on by itself.
func TestBug24AFullDiskIsWaitedFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may mount a small disk")
	}
	t.Parallel()
	const disk, spare = 96 << 20, 24 << 20
	f := newFleet(t)
	dir := filepath.Join(filepath.Dir(f.dir), "small")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", disk)); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	space := filepath.Join(dir, "space")
	if err := os.Mkdir(space, 0o700); err != nil {
		t.Fatal(err)
	}
	owner, err := os.Stat(filepath.Join(f.dir, "data"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(space, int(owner.Sys().(*syscall.Stat_t).Uid), int(owner.Sys().(*syscall.Stat_t).Gid)); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"create tablespace small location '" + space + "'",
		"alter table all in tablespace pg_default set tablespace small",
		"alter index all in tablespace pg_default set tablespace small",
	} {
		if _, err := f.pool.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	filler := filepath.Join(dir, "filler")
	for round := range provetest.Count(1, 5) {
		// As many messages as may be in flight are with the receiver when the disk becomes full.
		answer := make(chan struct{})
		var asked atomic.Int64
		f.receiver.hold = func(context.Context, string, string) int {
			asked.Add(1)
			<-answer
			return 0
		}
		p := f.spawn(task{Lease: 10 * time.Minute}) // the disk takes its time to become full
		for i := range inFlight {
			f.publish(message(fmt.Sprint("held", i), fmt.Sprint(round, "-held", i)))
		}
		f.eventually("the receiver has messages", func() bool { return asked.Load() == inFlight })
		if err := os.WriteFile(filler, make([]byte, spare), 0o600); err != nil {
			t.Fatal(err)
		}
		n := 0
		var full error
		for payload := []byte(strings.Repeat("x", 8000)); full == nil; n++ {
			m := message(fmt.Sprint(n%lanes), fmt.Sprint(round, "-", n))
			m.Payload = append([]byte(fmt.Sprint(n)), payload...)
			m.Payload = incompressible(m.Payload, n)
			full = pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error { return outbox.Publish(t.Context(), tx, m) })
			if full == nil {
				f.receiver.mu.Lock()
				f.receiver.acked[m.Key] = true
				f.receiver.mu.Unlock()
			}
		}
		if pe, ok := errors.AsType[*pgconn.PgError](full); !ok || pe.Code != "53100" {
			t.Fatalf("the full disk is told as %v", full)
		}
		close(answer)
		f.eventually("the receiver has answered", func() bool { effects, _, _ := f.receiver.count(); return effects >= inFlight })
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		f.settled()
		f.rest(p)
		t.Logf("the disk was full after %d messages; all of them were delivered when there was room", n)
	}
	if _, duplicates, _ := f.receiver.count(); duplicates != 0 {
		t.Errorf("%d messages were sent twice", duplicates)
	}
	f.judge()
}

// incompressible fills a payload with what the database cannot make smaller.
func incompressible(b []byte, seed int) []byte {
	x := uint64(seed)*2862933555777941757 + 3037000493
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}
