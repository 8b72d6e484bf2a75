package schedules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
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

// job is a Job with what its times follow from.
type job struct {
	Job
	plan
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
		made, wrong := newJob(j)
		errs = append(errs, wrong...)
		if r.jobs[j.Name] != nil {
			errs = append(errs, fmt.Errorf("job %s is there twice", j.Name))
		}
		r.jobs[j.Name] = made
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
		busy       = stoppers{stop: make(map[string]context.CancelCauseFunc)}
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
		found, err := r.look(ctx)
		if err != nil {
			return err
		}
		for _, name := range found.cancelled {
			busy.cancel(name)
		}
		for _, name := range found.late {
			if err := r.noticeMissed(ctx, r.jobs[name]); err != nil {
				return err
			}
		}
		for _, name := range found.overlapping {
			if err := r.overlap(ctx, r.jobs[name]); err != nil {
				return err
			}
		}
		for _, name := range found.due {
			if busy.has(name) {
				continue
			}
			run, err := r.claim(ctx, r.jobs[name])
			if err != nil {
				return err
			}
			if run == nil {
				continue
			}
			running, stop := context.WithCancelCause(ctx)
			busy.add(name, stop)
			working.Go(func() {
				r.execute(ctx, running, stop, r.jobs[name], run)
				stop(nil)
				busy.remove(name)
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
			insert into schedules.schedule as s (name, cron, zone, since, catch_up, catch_up_within, overlap, jitter, grace)
			values ($1, $2, $3, coalesce($4::timestamptz, clock_timestamp()), $5, $6, $7, $8, $9)
			on conflict (name) do update
			set cron = excluded.cron, zone = excluded.zone, catch_up = excluded.catch_up, catch_up_within = excluded.catch_up_within,
			    overlap = excluded.overlap, jitter = excluded.jitter, grace = excluded.grace,
			    since = case when (s.cron, s.zone) = (excluded.cron, excluded.zone) then s.since else excluded.since end
			where (s.cron, s.zone, s.catch_up, s.catch_up_within, s.overlap, s.jitter, s.grace)
			   <> (excluded.cron, excluded.zone, excluded.catch_up, excluded.catch_up_within, excluded.overlap, excluded.jitter, excluded.grace)`,
			j.Name, j.Cron, j.Zone, r.since(), j.CatchUp, j.CatchUpWithin, j.Overlap, j.Jitter, j.Grace)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := r.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("register jobs: %w", err)
	}
	return nil
}

// stoppers are the runs of this process and what ends each before its time.
type stoppers struct {
	mu   sync.Mutex
	stop map[string]context.CancelCauseFunc
}

func (s *stoppers) add(name string, stop context.CancelCauseFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stop[name] = stop
}

func (s *stoppers) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.stop, name)
}

func (s *stoppers) has(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop[name] != nil
}

func (s *stoppers) cancel(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if stop := s.stop[name]; stop != nil {
		stop(ErrCancelled)
	}
}

// since is the clock's time for new rows, nil for the database's own.
func (r *Runner) since() *time.Time {
	if r.o.Now == nil {
		return nil
	}
	t := r.o.Now()
	return &t
}
