package console

import (
	"context"
	"net/http"
	"time"

	"ristmik/adapters/web"
)

// readyTimeout bounds the checks of /readyz: an answer that comes after the
// balancer has stopped waiting is no answer.
const readyTimeout = 3 * time.Second

// health is the JSON of /livez and /readyz.
type health struct {
	Status  string           `json:"status"` // "ok" or "failing"
	Version string           `json:"version,omitempty"`
	Checks  map[string]check `json:"checks,omitempty"`
}

type check struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
}

// serveLive answers as long as the process can answer at all. It asks nobody
// else: a database that is down is no reason to restart the hub.
func (c *Console) serveLive(w http.ResponseWriter, _ *http.Request) {
	web.WriteJSON(w, http.StatusOK, health{Status: "ok", Version: c.o.Version})
}

// serveReady tells whether work can be given to this process: the database
// answers, and what the program waits for at its start (migrations) is done.
func (c *Console) serveReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	h := health{Status: "ok", Version: c.o.Version, Checks: map[string]check{}}
	status := http.StatusOK
	note := func(name string, err error, detail string) {
		if err == nil {
			h.Checks[name] = check{OK: true}
			return
		}
		// What the driver says may name hosts and users; the log has it.
		c.o.Log.WarnContext(ctx, "not ready", "check", name, "error", err)
		h.Checks[name] = check{Detail: detail}
		h.Status, status = "failing", http.StatusServiceUnavailable
	}
	err := c.o.Pool.Ping(ctx)
	note("database", err, "the database does not answer")
	if c.o.Ready != nil && err == nil {
		note("migrations", c.o.Ready(ctx), "the database is not as this version needs it, or the start is not over")
	}
	web.WriteJSON(w, status, h)
}
