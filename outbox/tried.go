package outbox

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// What attempts say of the destinations behind a gateway is kept in rows, since each process sends to some of them only. A
// row is written when it says something new, and now and then while the destination is tried, so that it costs nothing that
// is felt.

// retold is after how long a row is written that says nothing new.
const retold = latelyTried / 4

// try is what the last attempt at a destination said of it.
type try struct {
	at     time.Time
	failed bool
	told   time.Time // when its row was written last; zero: it says something new
}

// note takes note of what an attempt at a destination said of it, and tells whether that is new.
func (g *gateway) note(d *destination, failed bool) (news bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, known := g.tried[d.Name]
	now := try{at: time.Now(), failed: failed, told: was.told}
	if news = !known || was.failed != failed || now.at.Sub(was.at) > latelyTried; news {
		now.told = time.Time{}
	}
	g.tried[d.Name] = now
	return news
}

// allFail says whether all that were tried lately have failed, so that it may be the gateway. Its caller has locked.
func (g *gateway) allFail() bool {
	failing := 0
	for _, list := range []map[string]try{g.tried, g.others} {
		for name, t := range list {
			if own, ok := g.tried[name]; ok && own.at.After(t.at) {
				continue // of a destination that this process sends to now
			}
			switch {
			case time.Since(t.at) > latelyTried:
			case !t.failed:
				return false
			default:
				failing++
			}
		}
	}
	return failing >= fewestToFail && g.opened == 0
}

// exchangeTries tells other processes what this one's attempts have said, and, while any of them fails, hears what theirs
// have.
func (r *Relay) exchangeTries(ctx context.Context, g *gateway) error {
	var names []string
	var ages []float64
	var failed []bool
	failing := false
	g.mu.Lock()
	now := time.Now()
	for name, t := range g.tried {
		failing = failing || t.failed && now.Sub(t.at) <= latelyTried
		if t.told.IsZero() || t.at.After(t.told) && now.Sub(t.told) > retold {
			names, ages, failed = append(names, name), append(ages, now.Sub(t.at).Seconds()), append(failed, t.failed)
			t.told = now
			g.tried[name] = t
		}
	}
	g.mu.Unlock()
	if len(names) > 0 {
		_, err := r.pool.Exec(ctx, `
insert into outbox.tried (destination, gateway, at, failed)
select w.name, $1, clock_timestamp() - make_interval(secs => w.age), w.failed from unnest($2::text[], $3::float8[], $4::bool[]) as w(name, age, failed)
order by w.name collate "C"
on conflict (destination) do update set gateway = excluded.gateway, at = excluded.at, failed = excluded.failed where excluded.at > tried.at`,
			g.Name, names, ages, failed)
		if err != nil {
			g.mu.Lock()
			for _, name := range names {
				t := g.tried[name]
				t.told = time.Time{}
				g.tried[name] = t
			}
			g.mu.Unlock()
			return fmt.Errorf("telling who fails behind %s: %w", g.Name, err)
		}
	}
	if !failing {
		return nil
	}
	rows, err := r.pool.Query(ctx, `
select destination, failed, extract(epoch from clock_timestamp() - at)::float8 from outbox.tried
where gateway = $1 and at > clock_timestamp() - make_interval(secs => $2)`, g.Name, latelyTried.Seconds())
	if err != nil {
		return fmt.Errorf("looking who fails behind %s: %w", g.Name, err)
	}
	others := map[string]try{}
	var name string
	var bad bool
	var age float64
	now = time.Now()
	_, err = pgx.ForEachRow(rows, []any{&name, &bad, &age}, func() error {
		others[name] = try{at: now.Add(-seconds(age)), failed: bad}
		return nil
	})
	if err != nil {
		return fmt.Errorf("looking who fails behind %s: %w", g.Name, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.others = others
	return nil
}
