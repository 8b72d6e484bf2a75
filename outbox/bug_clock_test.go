package outbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/postgres"
	"ristmik/adapters/postgres/postgrestest"
	"ristmik/adapters/provetest"
)

// skewedClock puts the database's clock before or behind that of the processes.
const skewedClock = `
create schema clock;
create table clock.off (by interval not null);
insert into clock.off values ('0');
create function clock.now() returns timestamptz language plpgsql stable as 'begin return pg_catalog.now() + (select by from clock.off); end';
create function clock.clock_timestamp() returns timestamptz language plpgsql volatile as 'begin return pg_catalog.clock_timestamp() + (select by from clock.off); end';`

// The clocks of the database and of the processes differ by five minutes, or the database's jumps to and fro: only it
// decides. Where it stands still relative to the others nothing is sent twice; where it jumps leases end early, and
// still every message is recorded as delivered once, in the order of its lane.
func TestBug17OnlyTheDatabasesClockDecides(t *testing.T) {
	t.Parallel()
	for name, offsets := range map[string][]time.Duration{
		"the database is ahead": {5 * time.Minute}, "the database is behind": {-5 * time.Minute},
		"the database's clock jumps": {5 * time.Minute, -5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const lanes = 40
			messages := provetest.Count(400, 20_000)
			plain := postgrestest.Pool(t, postgres.MigrationSet{Name: "outbox", FS: Migrations})
			if _, err := plain.Exec(t.Context(), skewedClock); err != nil {
				t.Fatal(err)
			}
			set := func(by time.Duration) {
				if _, err := plain.Exec(context.WithoutCancel(t.Context()), `update clock.off set by = make_interval(secs => $1)`, by.Seconds()); err != nil {
					t.Error(err)
				}
			}
			set(offsets[0])
			cfg := plain.Config()
			cfg.ConnConfig.RuntimeParams["search_path"] = "clock, pg_catalog"
			pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(pool.Close)

			var mu sync.Mutex
			sends := map[string]int{}
			arrived := map[string][]string{}
			sender := SenderFunc(func(_ context.Context, d Delivery) Outcome {
				mu.Lock()
				defer mu.Unlock()
				if sends[d.Key]++; sends[d.Key] == 1 {
					arrived[d.Lane] = append(arrived[d.Lane], d.Key)
				}
				return Outcome{Result: ResultDelivered}
			})
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			for i := range 2 {
				r, err := NewRelay(pool, []Destination{{Name: "tax", Sender: sender, Policy: Policy{Idempotent: true, MaxAttempts: 1000}}},
					Options{Owner: fmt.Sprint(i), Poll: 20 * time.Millisecond})
				if err != nil {
					t.Fatal(err)
				}
				all.Go(func() {
					if err := r.Run(ctx); err != nil {
						t.Error(err)
					}
				})
			}
			jumping, land := context.WithCancel(ctx)
			if len(offsets) > 1 {
				all.Go(func() {
					for i := 0; pauseFor(jumping, 20*time.Millisecond); i++ {
						set(offsets[i%len(offsets)])
					}
					set(offsets[0] + time.Second) // later than anything it has been
				})
			}
			want := map[string][]string{}
			for n := range messages {
				m := Message{Destination: "tax", Lane: fmt.Sprint(n % lanes), Kind: "test", Key: fmt.Sprint(n)}
				if err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { return Publish(t.Context(), tx, m) }); err != nil {
					t.Fatal(err)
				}
				want[m.Lane] = append(want[m.Lane], m.Key)
			}
			land()
			limit := time.After(2 * time.Minute)
			for pending := -1; pending != 0; {
				if err := plain.QueryRow(t.Context(), `select (select count(*) from outbox.pending) + (select count(*) from outbox.untaken) + (select count(*) from outbox.taken)`).Scan(&pending); err != nil {
					t.Fatal(err)
				}
				select {
				case <-limit:
					t.Fatalf("%d messages are still pending", pending)
				case <-time.After(10 * time.Millisecond):
				}
			}
			stop()
			all.Wait()
			var once, more int
			err = plain.QueryRow(t.Context(), `
select count(*) filter (where n = 1), count(*) filter (where n > 1)
from (select count(*) as n from outbox.attempt where result = 'delivered' group by message) a`).Scan(&once, &more)
			if err != nil || once != messages || more != 0 {
				t.Errorf("%d messages were recorded as delivered once and %d more often, of %d, %v", once, more, messages, err)
			}
			twice := 0
			for _, n := range sends {
				twice += n - 1
			}
			if len(offsets) == 1 && twice > 0 {
				t.Errorf("%d messages were sent twice", twice)
			}
			for lane, keys := range want {
				if !slices.Equal(keys, arrived[lane]) {
					t.Errorf("lane %s:\n got %q\nwant %q", lane, arrived[lane], keys)
				}
			}
			t.Logf("%d messages, %d sent twice", messages, twice)
		})
	}
}
