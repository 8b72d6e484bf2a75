package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"time"
)

// Server returns a server for h whose limits keep slow or greedy callers from
// holding it: five seconds for the header of a request, 64 KiB of it, two
// minutes of idling. Bodies are bounded where they are read ([ReadJSON]);
// there is no limit on writing, because event streams last. What net/http has
// to say goes to log.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// LimitBodies gives a caller so long to send a body that nobody reads, as of a
// request that is refused for its head: the server reads on what is on the way
// before it answers, and would wait for ever. Whoever reads the body sets a
// deadline of its own ([ReadJSON]).
func LimitBodies(d time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d)) // not every writer has one (tests)
		}
		next.ServeHTTP(w, r)
	})
}

// Recover turns a panic of next into a problem with status 500, or, when the
// answer has begun, into a broken connection. The log gets the stack and the
// kind of the panic; its value only where the Go runtime made it, because any
// other may hold data of the request.
func Recover(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := record(w)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler {
				panic(v) // how a handler says "break the connection"
			}
			reason := fmt.Sprintf("%T", v)
			if err, ok := v.(runtime.Error); ok {
				reason = err.Error()
			}
			log.ErrorContext(r.Context(), "panic in handler", "route", route(r), "reason", reason, "stack", string(debug.Stack()))
			if rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			WriteProblem(rec, Problem{Type: TypeInternal, Status: http.StatusInternalServerError})
		}()
		next.ServeHTTP(rec, r)
	})
}

// LogRequests logs each request when it has been answered: listener, route,
// status, time and size. The route is the pattern that matched, so neither
// values in the path nor the query are ever written. Put it outside of the
// router; handlers between the two that copy the request must carry Pattern
// back, as those of this package do.
func LogRequests(log *slog.Logger, listener string, next http.Handler) http.Handler {
	log = log.With("listener", listener)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec, start := record(w), time.Now()
		defer func() {
			level := slog.LevelInfo
			if rec.status >= http.StatusInternalServerError {
				level = slog.LevelWarn
			}
			status := rec.status
			if status == 0 {
				status = http.StatusOK // what net/http sends for a handler that says nothing
			}
			ended := time.Now()
			handler := log.Handler()
			if !handler.Enabled(r.Context(), level) {
				return
			}
			// A record of its own does not look for the line of code that it comes from.
			one := slog.NewRecord(ended, level, "request", 0)
			one.AddAttrs(slog.String("method", method(r)), slog.String("route", route(r)), slog.Int("status", status),
				slog.Duration("duration", ended.Sub(start)), slog.Int64("bytes", rec.bytes))
			_ = handler.Handle(r.Context(), one) // there is nobody left to tell
		}()
		next.ServeHTTP(rec, r)
	})
}

// route is the matched pattern; a path that matched none is not logged.
func route(r *http.Request) string {
	if r.Pattern == "" {
		return "unmatched"
	}
	return r.Pattern
}

// method is the request's method, or OTHER: callers may write anything there.
func method(r *http.Request) string {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return r.Method
	default:
		return "OTHER"
	}
}

// recorder remembers what has been answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// record wraps w once, however many handlers ask.
func record(w http.ResponseWriter) *recorder {
	if rec, ok := w.(*recorder); ok {
		return rec
	}
	return &recorder{ResponseWriter: w}
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK { // 1xx may come before the answer
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// Flush implements http.Flusher, for event streams.
func (r *recorder) Flush() {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	_ = http.NewResponseController(r.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
