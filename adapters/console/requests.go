package console

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Requests measures how long requests take, over all listeners of a process.
// It is safe for concurrent use.
type Requests struct {
	duration *prometheus.HistogramVec
}

// NewRequests registers the histogram ristmik_http_request_duration_seconds
// with reg. It fails when reg has one already.
func NewRequests(reg prometheus.Registerer) (*Requests, error) {
	m := &Requests{duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "ristmik_http_request_duration_seconds",
		Help:    "Time from the head of a request to the end of its answer.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"listener", "route", "status"})}
	return m, reg.Register(m.duration)
}

// Wrap measures the requests to next. The route is the router's pattern and the
// listener comes from the wiring, so that no label grows with what is sent.
// Like [web.LogRequests], it stands outside of the router.
func (m *Requests) Wrap(listener string, next http.Handler) http.Handler {
	var known Observers[series]
	label := func(s series) prometheus.Observer {
		return m.duration.WithLabelValues(listener, s.route, strconv.Itoa(s.status))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		answered := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			route := r.Pattern
			if route == "" {
				route = "none"
			}
			known.Of(series{route, answered.status}, label).Observe(time.Since(started).Seconds())
		}()
		next.ServeHTTP(answered, r)
	})
}

// Observers are the measures of a vector by what tells them apart, found without
// hashing labels. Keys must come from a closed set. The zero value is ready, and
// may be used by many goroutines at once.
type Observers[K comparable] struct {
	mu    sync.RWMutex
	known map[K]prometheus.Observer
}

// Of returns the measure of that key, which label makes the first time.
func (o *Observers[K]) Of(key K, label func(K) prometheus.Observer) prometheus.Observer {
	o.mu.RLock()
	one := o.known[key]
	o.mu.RUnlock()
	if one != nil {
		return one
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[K]prometheus.Observer{}
	}
	one = label(key)
	o.known[key] = one
	return one
}

// series is what a measure of one listener is told apart by.
type series struct {
	route  string
	status int
}

// statusRecorder remembers the status of an answer.
type statusRecorder struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader keeps the first final status.
func (s *statusRecorder) WriteHeader(status int) {
	if !s.wrote && status >= http.StatusOK {
		s.status, s.wrote = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

// Write counts as status 200 when none was set.
func (s *statusRecorder) Write(p []byte) (int, error) {
	s.wrote = true
	return s.ResponseWriter.Write(p)
}

// Flush lets event streams through: their handlers look for it.
func (s *statusRecorder) Flush() { _ = http.NewResponseController(s.ResponseWriter).Flush() }

// Unwrap lets http.ResponseController find what the wrapped writer can do.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
