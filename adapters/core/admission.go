package core

import (
	"context"
	"net/http"
	"time"

	"ristmik/adapters/web"
)

// admissionFor is how long a request waits while every connection to the
// database is in use. Waiting for longer would only make the queue longer: the
// caller hears at once that it should come back.
const admissionFor = 80 * time.Millisecond

// whileConnected refuses requests that would have to wait for a connection to the
// database; those that find one free lose no time.
func (a *API) whileConnected(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s := a.o.Pool.Stat(); s.AcquiredConns() >= s.MaxConns() {
			ctx, cancel := context.WithTimeout(r.Context(), admissionFor)
			c, err := a.o.Pool.Acquire(ctx)
			cancel()
			if err != nil {
				w.Header().Set("Retry-After", "1")
				web.WriteProblem(w, web.Problem{
					Type: web.TypeUnavailable, Status: http.StatusServiceUnavailable, Detail: "All connections to the database are in use; try again.",
				})
				return
			}
			c.Release()
		}
		next.ServeHTTP(w, r)
	})
}
