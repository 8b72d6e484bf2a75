// Package console is what operators see and do: one page that answers whether
// anything is wrong, where and since when; the same as a JSON API; metrics and
// health.
//
// The pages need no JavaScript. They show identifiers, counts and reasons, never
// a message's payload, so that watching the hub is no use of personal data; only
// who edits a dead message sees its body, and says why before.
// Every action (sending a dead message again, running a job) says who did it.
package console

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ristmik/adapters/web"
	"ristmik/outbox"
	"ristmik/schedules"
)

//go:embed page
var files embed.FS

// Title is a destination's name for people, in Estonian and English.
type Title struct{ ET, EN string }

func (t Title) in(l lang) string {
	if l == english && t.EN != "" || t.ET == "" {
		return t.EN
	}
	return t.ET
}

// Options are what a [Console] is made of. Pool is needed; the rest has
// defaults.
type Options struct {
	Pool *pgxpool.Pool
	// Runner runs jobs at once when asked to; without it, jobs are shown only.
	Runner *schedules.Runner
	// Registry is what /metrics shows; New adds the console's own metrics to it.
	// Without it, there is a registry of the console's own.
	Registry *prometheus.Registry
	// Tokens let operators in (see [web.Bearer]). Without any, everybody who
	// reaches the listener is let in, and only under a name of this machine.
	Tokens []web.Token
	// Titles are the destinations of the configuration, with their names for
	// people. All of them are shown, also while nothing is sent to them; metrics
	// have no other destinations.
	Titles map[string]Title
	// Gateway is the one of them that is our own Security Server: it has a breaker
	// and no messages.
	Gateway string
	// Uncounted are destinations that no metric tells of; nil: none.
	Uncounted func(destination string) bool
	Version   string
	Now       func() time.Time // the clock; time.Now by default
	// Ready tells what, beside the database's answer, keeps this process from
	// working; nil means nothing.
	Ready func(context.Context) error
	// Contracts tells how the registers' descriptions stand; without it nothing is
	// shown of them.
	Contracts Contracts
	// Check tells whether a message that has been edited could be sent; without it
	// only the time of a message can be edited. See [outbox.Edit].
	Check func(was, will outbox.Message) error
	Log   *slog.Logger // discards by default
}

// Console serves the operators. It is safe for concurrent use.
type Console struct {
	o    Options
	page map[lang]*template.Template
	zone *time.Location
}

// New makes a console and registers its metrics.
func New(o Options) (*Console, error) {
	if o.Pool == nil {
		return nil, errors.New("console: no database pool")
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Console{o: o, page: map[lang]*template.Template{}}
	var err error
	if c.zone, err = time.LoadLocation("Europe/Tallinn"); err != nil {
		return nil, fmt.Errorf("reading the time zone of the page: %w", err)
	}
	for _, l := range []lang{estonian, english} {
		c.page[l], err = template.New("page.html").Funcs(template.FuncMap{
			"t":       func(key string, args ...any) string { return say(l, key, args...) },
			"grouped": grouped,
			"int":     func(n int64) int { return int(n) },
		}).ParseFS(files, "page/*.html")
		if err != nil {
			return nil, fmt.Errorf("parsing the page: %w", err)
		}
	}
	if err := c.register(o.Registry); err != nil {
		return nil, fmt.Errorf("registering metrics: %w", err)
	}
	return c, nil
}

// Handler serves the page at /, the API below /api/v1/, /metrics, /livez and
// /readyz. Health is told to everybody, the rest to operators only; a page of
// another site cannot make an operator's browser do anything here.
func (c *Console) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.servePage)
	mux.HandleFunc("POST /dead/{id}/{action}", c.postDead)
	mux.HandleFunc("POST /jobs/{name}/run", c.postRun)
	mux.HandleFunc("POST /destinations/{name}/{action}", c.postDestination)
	mux.HandleFunc("POST /bulk", c.postBulk)
	mux.HandleFunc("GET /bulk/{id}", c.serveBulk)
	mux.HandleFunc("POST /bulk/{id}/{action}", c.postSteerBulk)
	mux.HandleFunc("POST /contracts/{register}/acknowledge", c.postAcknowledge)
	mux.HandleFunc("GET /console.css", file("page/console.css", "text/css; charset=utf-8"))
	mux.HandleFunc("GET /icon.svg", file("page/icon.svg", "image/svg+xml"))

	mux.HandleFunc("GET /api/v1/deliveries", c.getDeliveries)
	mux.HandleFunc("GET /api/v1/dead", c.getDead)
	mux.HandleFunc("POST /api/v1/dead/{id}/retry", c.apiSigned("sending a message again", c.apiRetried))
	mux.HandleFunc("POST /api/v1/dead/{id}/discard", c.apiSigned("discarding a message", c.apiDiscarded))
	mux.HandleFunc("POST /api/v1/dead/{id}/body", c.apiSigned("reading the body of a message", c.apiBody))
	mux.HandleFunc("POST /api/v1/dead/{id}/edit", c.apiEdit)
	mux.HandleFunc("GET /api/v1/downtimes", c.getDowntimes)
	mux.HandleFunc("POST /api/v1/downtimes/{id}/withdraw", c.apiWithdraw)
	mux.HandleFunc("POST /api/v1/destinations/{name}/downtimes", c.apiAnnounce)
	mux.HandleFunc("GET /api/v1/bulk", c.getBulks)
	mux.HandleFunc("POST /api/v1/bulk", c.apiBulk)
	mux.HandleFunc("GET /api/v1/bulk/selection", c.getSelection)
	mux.HandleFunc("GET /api/v1/bulk/{id}", c.getBulk)
	for _, action := range []string{"pause", "resume", "stop"} {
		mux.HandleFunc("POST /api/v1/bulk/{id}/"+action, c.apiSteerBulk(action))
	}
	for _, action := range []string{"pause", "resume", "trip", "reset"} {
		mux.HandleFunc("POST /api/v1/destinations/{name}/"+action, c.apiSteer(action))
	}
	mux.HandleFunc("GET /api/v1/breakers", c.getBreakers)
	mux.HandleFunc("GET /api/v1/destinations/{name}/retries", c.getRetries)
	mux.HandleFunc("POST /api/v1/destinations/{name}/retries", c.apiRetries)
	mux.HandleFunc("GET /api/v1/jobs", c.getJobs)
	mux.HandleFunc("POST /api/v1/jobs/{name}/run", c.apiRun)
	mux.HandleFunc("GET /api/v1/contracts", c.getContracts)
	mux.HandleFunc("POST /api/v1/contracts/{register}/acknowledge", c.apiAcknowledge)

	mux.Handle("GET /metrics", promhttp.HandlerFor(c.o.Registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(c.o.Log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError,
	}))
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		web.WriteProblem(w, web.Problem{Type: web.TypeNotFound, Title: "Nothing is here", Status: http.StatusNotFound})
	})

	operators := web.SameOrigin(mux)
	if len(c.o.Tokens) > 0 {
		operators = web.Bearer(c.o.Tokens, operators)
	} else {
		operators = web.LocalHost(operators)
	}
	outer := http.NewServeMux()
	outer.HandleFunc("GET /livez", c.serveLive)
	outer.HandleFunc("GET /readyz", c.serveReady)
	outer.Handle("/", operators)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		outer.ServeHTTP(w, r)
	})
}

// file serves one embedded file. It changes only with the program, yet a
// browser asks for it again after a while, because its name stays the same.
func file(name, contentType string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := files.ReadFile(name)
		if err != nil {
			web.WriteProblem(w, web.Problem{Type: web.TypeInternal, Status: http.StatusInternalServerError})
			return
		}
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "max-age=300")
		_, _ = w.Write(data) // a reader who has gone needs no answer
	}
}

// operator is who does something: the name of the token, else what the request
// says, else the console as such.
func operator(r *http.Request, said string) string {
	if name := web.Caller(r.Context()); name != "" {
		return name
	}
	if said != "" {
		return said
	}
	return "console"
}
