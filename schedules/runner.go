package schedules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// defaultTimeout ends runs of jobs that do not say how long they may last.
const defaultTimeout = time.Hour

// Runner runs the jobs of one process. Make it with [NewRunner].
type Runner struct {
	pool  *pgxpool.Pool
	jobs  map[string]*job
	names []string
	o     Options
	log   *slog.Logger
	wake  chan struct{}
}

// job is a Job with its parsed schedule.
type job struct {
	Job
	schedule Schedule
}

var jobName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// NewRunner checks the jobs and returns a runner for them; the error names
// everything that is wrong with them. It does not touch the database.
func NewRunner(pool *pgxpool.Pool, jobs []Job, o Options) (*Runner, error) {
	if o.Poll <= 0 {
		o.Poll = 2 * time.Second
	}
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	r := &Runner{pool: pool, jobs: make(map[string]*job, len(jobs)), o: o, log: o.Log, wake: make(chan struct{}, 1)}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Owner == "" {
		errs = append(errs, errors.New("the runner has no owner"))
	}
	for _, j := range jobs {
		schedule, err := ParseCron(j.Cron, j.Zone)
		if err != nil {
			errs = append(errs, fmt.Errorf("job %s: %w", j.Name, err))
		}
		if !jobName.MatchString(j.Name) {
			errs = append(errs, fmt.Errorf("job name %q is not made of lower-case letters, digits and hyphens", j.Name))
		}
		if r.jobs[j.Name] != nil {
			errs = append(errs, fmt.Errorf("job %s is there twice", j.Name))
		}
		if j.CatchUp == "" {
			j.CatchUp = CatchUpLast
		}
		if !slices.Contains([]CatchUp{CatchUpNone, CatchUpLast, CatchUpAll}, j.CatchUp) {
			errs = append(errs, fmt.Errorf("job %s: catch-up %q is not none, last or all", j.Name, j.CatchUp))
		}
		if j.Timeout < 0 || j.Run == nil {
			errs = append(errs, fmt.Errorf("job %s has no Run or a negative time-out", j.Name))
		}
		if j.Timeout == 0 {
			j.Timeout = defaultTimeout
		}
		if j.Zone == "" {
			j.Zone = "UTC"
		}
		r.jobs[j.Name] = &job{Job: j, schedule: schedule}
		r.names = append(r.names, j.Name)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return r, nil
}

// now is the clock by which jobs become due, given the database's.
func (r *Runner) now(database time.Time) time.Time {
	if r.o.Now != nil {
		return r.o.Now().UTC()
	}
	return database.UTC()
}

// Run runs jobs as they become due until ctx ends. Then it tells those that
// run to stop, waits for them, hands what they have not finished to other
// processes or the next start, and returns nil. Troubles with the database are
// logged, once each time they begin, and waited out.
func (r *Runner) Run(ctx context.Context) error {
	var (
		working    sync.WaitGroup
		mu         sync.Mutex
		busy       = make(map[string]bool)
		registered bool
		trouble    bool
		poll       = time.NewTicker(r.o.Poll)
	)
	defer poll.Stop()
	defer working.Wait()
	look := func() error {
		if !registered {
			if err := r.register(ctx); err != nil {
				return err
			}
			registered = true
		}
		names, err := r.candidates(ctx)
		if err != nil {
			return err
		}
		for _, name := range names {
			mu.Lock()
			skip := busy[name]
			mu.Unlock()
			if skip {
				continue
			}
			run, err := r.claim(ctx, r.jobs[name])
			if err != nil {
				return err
			}
			if run == nil {
				continue
			}
			mu.Lock()
			busy[name] = true
			mu.Unlock()
			working.Go(func() {
				r.execute(ctx, r.jobs[name], run)
				mu.Lock()
				delete(busy, name)
				mu.Unlock()
				r.Wake() // more may be due: catching up, a request meanwhile
			})
		}
		return nil
	}
	for {
		err := look()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && !trouble {
			r.log.Error("schedules are out of order", "error", err)
		}
		if err == nil && trouble {
			r.log.Info("schedules are in order again")
		}
		trouble = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		case <-r.wake:
		}
	}
}

// Wake makes the runner look for due jobs at once, for example after its clock
// has been moved. It never blocks.
func (r *Runner) Wake() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// register writes the jobs' schedules down. A new expression counts from now
// on: the past holds no due times of it.
func (r *Runner) register(ctx context.Context) error {
	batch := &pgx.Batch{}
	for _, name := range r.names {
		j := r.jobs[name]
		batch.Queue(`
			insert into schedules.schedule as s (name, cron, zone, catch_up, since)
			values ($1, $2, $3, $4, coalesce($5::timestamptz, clock_timestamp()))
			on conflict (name) do update
			set cron = excluded.cron, zone = excluded.zone, catch_up = excluded.catch_up,
			    since = case when (s.cron, s.zone) = (excluded.cron, excluded.zone) then s.since else excluded.since end
			where (s.cron, s.zone, s.catch_up) <> (excluded.cron, excluded.zone, excluded.catch_up)`,
			j.Name, j.Cron, j.Zone, j.CatchUp, r.since())
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := r.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("register jobs: %w", err)
	}
	return nil
}

// since is the clock's time for new rows, nil for the database's own.
func (r *Runner) since() *time.Time {
	if r.o.Now == nil {
		return nil
	}
	t := r.o.Now()
	return &t
}
