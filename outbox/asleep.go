package outbox

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// sleepers tells publishers which destinations nobody looks at for the moment, so that only those who wake somebody
// notify: a transaction that notifies holds a lock of the whole database server while it commits.
//
// A dispatcher that goes to sleep holds an advisory lock, in a session of this relay. A publisher of a new lane tries to
// share that lock until its transaction ends: if it cannot, somebody sleeps, and it notifies; if it can, the dispatcher
// cannot go to sleep before the publisher has committed, and so finds what it has published. A session that is lost
// loses its locks unnoticed; then it is the next poll that finds the messages, and that the session is not there any more.
type sleepers struct {
	connect func(ctx context.Context) (*pgx.Conn, error)

	mu      sync.Mutex
	conn    *pgx.Conn
	session int       // counts the sessions
	seen    time.Time // when this one was last heard of
}

// sleepFor bounds a statement on the locks, which never waits.
const sleepFor = 5 * time.Second

// lie says whether the dispatcher may go to sleep, and takes the lock if so, in the session named. Where it may not, a
// publisher has not committed yet, or another process sleeps.
func (s *sleepers) lie(ctx context.Context, destination string) (session int, ok bool) {
	return s.do(ctx, `select pg_try_advisory_lock(hashtextextended('outbox asleep ' || $1::text, 0))`, destination)
}

// lasts says whether a session is still there; it asks at most once in the given time.
func (s *sleepers) lasts(ctx context.Context, session int, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, sleepFor)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil && time.Since(s.seen) >= within {
		if s.seen = time.Now(); s.conn.Ping(ctx) != nil {
			_ = s.conn.Close(context.WithoutCancel(ctx))
			s.conn = nil
		}
	}
	return s.conn != nil && s.session == session
}

// rise lets go of the lock: publishers need not notify any more.
func (s *sleepers) rise(ctx context.Context, destination string) {
	s.do(ctx, `select pg_advisory_unlock(hashtextextended('outbox asleep ' || $1::text, 0))`, destination)
}

func (s *sleepers) do(ctx context.Context, sql, destination string) (session int, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, sleepFor)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil || s.conn.IsClosed() {
		conn, err := s.connect(ctx)
		if err != nil {
			return 0, false
		}
		s.conn = conn
		s.session++
	}
	if err := s.conn.QueryRow(ctx, sql, destination).Scan(&ok); err != nil {
		_ = s.conn.Close(context.WithoutCancel(ctx))
		s.conn = nil
		return 0, false
	}
	s.seen = time.Now()
	return s.session, ok
}

// close lets go of all locks.
func (s *sleepers) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close(ctx)
		s.conn = nil
	}
}
