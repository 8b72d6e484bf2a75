// Package core is the migration core's door to the hub: a JSON API to open and
// read consultations, to tell what happened to permits, and to read what the
// hub has to tell (CloudEvents by position, with long polling or as a stream).
//
// The API is described by one OpenAPI 3.1 document, embedded here. Its schemas
// are what requests are checked against, so the document cannot say one thing
// and the program do another; the page at / is rendered from it as well.
//
// Every POST may carry an Idempotency-Key, which is stored with the answer in
// the transaction of the effect: however often and however concurrently a
// request comes, there is one effect and one answer. The package owns the
// schema "core".
package core

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/web"
)

// Migrations holds the schema core.
//
//go:embed migrations/*.sql
var Migrations embed.FS

// defaultMaxBody bounds request bodies, in bytes.
const defaultMaxBody = 1 << 20

// Options are what an [API] is made of. Pool and Procedure are needed; the
// rest has defaults. Without Tokens everybody who reaches the listener from
// this machine is let in, so it must listen on loopback.
type Options struct {
	Pool      *pgxpool.Pool
	Procedure *consultation.Procedure
	Intake    []Intake // each is told of every fact of the core, in this order
	Tokens    []web.Token
	// Rights are the event types that each client, by the name of its token, may
	// read; a client that is not there reads none. Nil lets everybody read all.
	Rights map[string]Types
	// Questions are the clients, by the names of their tokens, that see and do
	// what there is of consultations. Every other one sees that a consultation
	// goes on or has ended, and nothing of who is asked: no questions, hidden or not,
	// so that nothing tells where one is hidden. Nil lets everybody see all.
	Questions map[string]bool
	// Files keeps attachments; without one they are kept with the defaults of
	// [files.Store].
	Files *files.Store
	// Heartbeat is how often a stream without events gives a sign of life, 15
	// seconds by default; WriteTimeout how long a reader of a stream may take to
	// read what it was sent, 10 seconds by default; MaxStreams how many streams
	// there may be at once, 100 by default.
	Heartbeat, WriteTimeout time.Duration
	MaxStreams              int
	// Stop, when closed, ends streams and what waits for events.
	Stop <-chan struct{}
	// Registers serves everything below /v1/registers; nil when there is none.
	Registers http.Handler
	// RegisterPages serves what people read about them, below /registers, to
	// everybody who reaches the listener, as the page at / is; nil when there is
	// none.
	RegisterPages http.Handler
	MaxBody       int64 // bytes; 1 MiB by default
	Now           func() time.Time
	NewID         func() string // ids of problems in the log; random UUIDs by default
	Log           *slog.Logger  // discards by default
}

// Intake is told of a fact of the core in the transaction that stores it; an
// error undoes both. It is told of an event id once.
type Intake func(ctx context.Context, tx pgx.Tx, e CoreEvent) error

// API is the core's API. It is safe for concurrent use.
type API struct {
	o       Options
	doc     *document
	page    func() ([]byte, error) // rendered when somebody wants to see it
	streams chan struct{}          // one token for each stream
	files   *files.Store
	uploads chan struct{} // one token for each file that comes
}

// New reads the embedded description and compiles its schemas.
func New(o Options) (*API, error) {
	if o.Pool == nil || o.Procedure == nil {
		return nil, errors.New("core API: the database pool and the consultation procedure are needed")
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.WriteTimeout <= 0 {
		o.WriteTimeout = 10 * time.Second
	}
	if o.MaxStreams <= 0 {
		o.MaxStreams = 100
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = uuid.NewString
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	doc, err := description()
	if err != nil {
		return nil, fmt.Errorf("core API: reading the description: %w", err)
	}
	a := &API{o: o, doc: doc, streams: make(chan struct{}, o.MaxStreams), uploads: make(chan struct{}, maxUploads), files: o.Files}
	if a.files == nil {
		a.files = &files.Store{Pool: o.Pool, Now: o.Now}
	}
	a.page = sync.OnceValues(func() ([]byte, error) { return renderPage(doc, o.RegisterPages != nil) })
	return a, nil
}

// route is one path with its methods.
type route struct {
	path    string
	open    bool // needs no token: holds nothing but the description
	allow   string
	methods map[string]http.HandlerFunc
}

func (a *API) routes() []route {
	return append(append(a.changeRoutes(), a.attachmentRoutes()...), []route{
		{"/v1/consultations", false, "GET, HEAD, POST", map[string]http.HandlerFunc{"GET": a.listConsultations, "POST": a.openConsultation}},
		{"/v1/consultations/dry-run", false, "POST", map[string]http.HandlerFunc{"POST": a.tryConsultation}},
		{"/v1/consultations/search", false, "POST", map[string]http.HandlerFunc{"POST": a.searchConsultations}},
		{"/v1/consultations/shadow", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.shadowReport}},
		{"/v1/consultations/statistics", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.statistics}},
		{"/v1/consultations/downtimes", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.downtimes}},
		{"/v1/consultations/{id}/receivers", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.choices}},
		{"/v1/consultations/{id}/timeline", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.timeline}},
		{"/v1/consultations/{id}/progress", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.neutralProgress}},
		{"/v1/consultations/{id}", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.getConsultation}},
		{"/v1/consultations/{id}/legs/{leg}/sent", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.showSent}},
		{"/v1/consultations/{id}/legs/{leg}/deadline", false, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.explainDeadline}},
		{"/v1/events", false, "GET, HEAD, POST", map[string]http.HandlerFunc{"GET": a.readEvents, "POST": a.takeEvent}},
		{"/v1/events/stream", false, "GET", map[string]http.HandlerFunc{"GET": a.streamEvents}},
		{"/openapi.json", true, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.serveDocument}},
		{"/style.css", true, "GET, HEAD", map[string]http.HandlerFunc{"GET": serveStyle}},
		{"/{$}", true, "GET, HEAD", map[string]http.HandlerFunc{"GET": a.servePage}},
	}...)
}

// Handler serves the API with its guards, its log of requests and a problem
// document for whatever goes wrong.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, r := range a.routes() {
		mux.Handle(r.path, a.methodsOf(r))
	}
	var registers http.Handler
	if a.o.Registers != nil {
		registers = a.whileConnected(a.o.Registers)
		if len(a.o.Tokens) > 0 {
			registers = web.Bearer(a.o.Tokens, registers)
		}
		mux.Handle("/v1/registers", registers)
		mux.Handle("/v1/registers/", registers)
	}
	if a.o.RegisterPages != nil {
		mux.Handle("/registers", a.o.RegisterPages)
		mux.Handle("/registers/", a.o.RegisterPages)
	}
	mux.HandleFunc("/", notFound)
	clean := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The router would redirect a path that is not clean: a client of an API
		// has a defect then, and should see it.
		if r.URL.Path != path.Clean(r.URL.Path) {
			notFound(w, r)
			return
		}
		// Calls of registers are most requests, and have a router of their own.
		if registers != nil && r.URL.RawPath == "" && strings.HasPrefix(r.URL.Path, "/v1/registers/") {
			registers.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
	guarded := web.SameOrigin(clean)
	if len(a.o.Tokens) == 0 {
		guarded = web.LocalHost(guarded)
	}
	return web.LogRequests(a.o.Log, "core", web.Recover(a.o.Log, guarded))
}

// methodsOf serves the methods of a path, HEAD with GET. The router is not told of
// them: it refuses a path such as /v1/consultations/{id} beside one that fits in
// when their methods differ.
func (a *API) methodsOf(r route) http.Handler {
	methods := map[string]http.Handler{}
	for method, h := range r.methods {
		var handler http.Handler = h
		if (strings.HasPrefix(r.path, "/v1/consultations") || strings.HasPrefix(r.path, "/v1/attachments")) && !strings.HasSuffix(r.path, "/progress") {
			handler = a.entitled(h)
		}
		if !r.open {
			handler = a.whileConnected(handler)
		}
		if !r.open && len(a.o.Tokens) > 0 {
			handler = web.Bearer(a.o.Tokens, handler)
		}
		methods[method] = handler
		if method == http.MethodGet && strings.Contains(r.allow, http.MethodHead) {
			methods[http.MethodHead] = handler
		}
	}
	refuse := notAllowed(r.allow)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if handler, ok := methods[req.Method]; ok {
			req.Pattern = strings.Replace(req.Method, http.MethodHead, http.MethodGet, 1) + " " + r.path // for the log
			handler.ServeHTTP(w, req)
			return
		}
		refuse(w, req)
	})
}

func notAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		web.WriteProblem(w, web.Problem{
			Type: typeMethod, Status: http.StatusMethodNotAllowed, Detail: "This path takes " + allow + ".",
		})
	}
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	web.WriteProblem(w, web.Problem{
		Type: web.TypeNotFound, Status: http.StatusNotFound, Detail: "Nothing is here; /openapi.json tells what is where.",
	})
}
