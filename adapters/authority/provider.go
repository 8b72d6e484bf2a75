// Package authority is how authorities reach the hub over X-Road: SOAP services
// and a REST service with the same operations, both called by the hub's own
// Security Server, and the descriptions of both. An authority answers its
// questions there, one or many at once, sees what is new, fetches, acknowledges,
// asks back and asks for more time.
//
// The two doors lead to one room: a message is read strictly, turned into a
// [consultation.Answer] or a [consultation.Deed] and handed to the procedure in
// one transaction. Nothing
// of a refused message is stored, and one log line tells that it was refused
// and why, without any of its content.
//
// Who calls is what the message says, because the Security Server vouches for
// it; the provider therefore takes messages from the Security Server only, which
// it knows by certificate or address (PR-REST 4.7).
package authority

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/web"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// Options are what a [Provider] is made of. Pool, Procedure, Contract, Self,
// RESTService and Callers are needed; the rest has defaults.
type Options struct {
	Pool      *pgxpool.Pool
	Procedure *consultation.Procedure
	// Contract describes the SOAP services that authorities call; it holds
	// those of [SOAPServices].
	Contract *contract.Contract
	// Self is the hub's own subsystem, the only provider whose services are
	// answered for.
	Self soap.ClientID
	// RESTService is the code under which the REST service is registered at the
	// Security Server. REST messages do not carry it (PR-REST 4.3); it stands in
	// the service's description.
	RESTService string
	// AllowFrom are the addresses of the Security Server; Pinned knows its
	// certificates. Who passes must satisfy what is set of the two; without
	// either, only loopback is let in.
	AllowFrom []netip.Prefix
	Pinned    *web.Certificates
	// Callers are the subsystems that may call a service, by its code: whatever
	// the Security Server's own rights say, nobody else is answered.
	Callers map[string][]soap.ClientID
	// BodyTimeout is how long a caller may take to send a SOAP message; 30
	// seconds by default.
	BodyTimeout time.Duration
	// RequireUserID refuses messages that name no end user. X-Road itself leaves
	// the field optional (PR-MESS 2.2); an authority whose system answers
	// without a person has none to name.
	RequireUserID bool
	// Files keeps attachments; without one they are kept with the defaults of
	// [files.Store].
	Files *files.Store
	// Offers are where authorities offer files that they name; by default nothing
	// is fetched.
	Offers Offers
	// Limits bound a SOAP message; its Bytes bounds a REST body as well. A
	// zero field means the one of [soap.DefaultLimits].
	Limits soap.Limits
	Now    func() time.Time // the clock; time.Now by default
	NewID  func() string    // correlation ids; random UUIDs by default
	Log    *slog.Logger     // discards by default
	// Observe is told of every message, after it has been answered. It may be
	// called from many goroutines at once.
	Observe func(Observation)
}

// Observation is what became of one message. Its texts come from closed sets,
// so that they can be metric labels.
type Observation struct {
	Door   string // "soap" or "rest"
	Result string // "accepted", "duplicate", "late", "read", "refused" or "failed"
	Took   time.Duration
}

// Provider answers the X-Road services of the hub. It is safe for concurrent
// use.
type Provider struct {
	o       Options
	wsdl    *wsdl
	openapi []byte
	schemas map[string]*jsonschema.Schema // of REST bodies, by their names in the description
	// operations are the ones beside submitAnswer, by the codes of their SOAP services.
	operations map[string]operation
	location   *time.Location
	files      *files.Store
	uploads    chan struct{} // one token for each file that comes
}

// New makes a provider. It fails when something needed is missing or when a
// description cannot be read.
func New(o Options) (*Provider, error) {
	switch {
	case o.Pool == nil:
		return nil, errors.New("authority provider: no database pool")
	case o.Procedure == nil:
		return nil, errors.New("authority provider: no consultation procedure")
	case o.Contract == nil:
		return nil, errors.New("authority provider: no contract")
	case o.Self == soap.ClientID{}:
		return nil, errors.New("authority provider: no own subsystem")
	case o.RESTService == "":
		return nil, errors.New("authority provider: no REST service code")
	case len(o.Callers) == 0:
		return nil, errors.New("authority provider: nobody may call")
	}
	if o.BodyTimeout <= 0 {
		o.BodyTimeout = 30 * time.Second
	}
	if o.Limits.Bytes <= 0 {
		o.Limits.Bytes = soap.DefaultLimits().Bytes
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
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	p := &Provider{o: o, operations: map[string]operation{}, files: o.Files, uploads: make(chan struct{}, maxUploads)}
	if p.files == nil {
		p.files = &files.Store{Pool: o.Pool, Now: o.Now}
	}
	for _, one := range operations {
		p.operations[one.code] = one
	}
	var err error
	if p.wsdl, err = newWSDL(o.Contract.Source()); err != nil {
		return nil, fmt.Errorf("reading the contract's description: %w", err)
	}
	if p.openapi, p.schemas, err = compileOpenAPI(o.RESTService); err != nil {
		return nil, fmt.Errorf("reading the description of the REST service: %w", err)
	}
	// A date-time without a zone is one of the place where it was written.
	if p.location, err = time.LoadLocation("Europe/Tallinn"); err != nil {
		return nil, fmt.Errorf("reading the time zone of answers: %w", err)
	}
	return p, nil
}

// Handler serves the SOAP door at /soap, the REST door below /rest, and a
// problem document everywhere else.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/soap", p.serveSOAP)
	mux.HandleFunc("/rest/openapi.json", p.guarded(p.serveOpenAPI))
	mux.HandleFunc("/rest/v1/consultations/{id}/answers", p.guarded(p.serveREST(http.MethodPost, "Answer", p.answerREST)))
	mux.HandleFunc("/rest/v1/consultations/{id}/attachments/{attachment}", p.guarded(p.serveAttachment))
	for _, o := range operations {
		if o.method == "" {
			continue
		}
		mux.HandleFunc("/rest/v1"+o.path, p.guarded(p.serveREST(o.method, o.schema, p.workREST(o))))
	}
	mux.HandleFunc("/", p.guarded(notFound))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// By the machine's clock, as the connection goes; not every writer has
		// one. It stays for a message that is refused before its end, because
		// the server reads on what the caller still sends.
		if r.ContentLength != 0 {
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(p.o.BodyTimeout))
		}
		switch {
		case len(r.RequestURI) > maxURI && r.URL.Path == "/soap":
			p.replySOAP(w, r, func() reply {
				return p.fault(r.Context(), nil, refuse(codeInvalidRequest, "the address is too long"))
			})
			return
		case len(r.RequestURI) > maxURI:
			p.guarded(tooLong)(w, r)
			return
		case r.URL.Path != "/" && r.URL.Path != path.Clean(r.URL.Path):
			// The router would redirect, and a Security Server does not follow
			// redirects; who decides by addresses wants them in one spelling.
			p.guarded(notStraight)(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// maxURI bounds an address, in bytes (PR-REST 4.2).
const maxURI = 2000

func tooLong(w http.ResponseWriter, _ *http.Request) {
	web.WriteProblem(w, web.Problem{Type: web.TypeTooLarge, Title: "The address is too long", Status: http.StatusRequestURITooLong})
}

func notStraight(w http.ResponseWriter, _ *http.Request) {
	web.WriteProblem(w, web.Problem{
		Type: web.TypeMalformed, Title: "The path is not in its shortest form", Status: http.StatusBadRequest,
		Detail: "A path has no empty segments, no segments . and .., and no slash at its end.",
	})
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	web.WriteProblem(w, web.Problem{
		Type: web.TypeNotFound, Title: "Nothing is here", Status: http.StatusNotFound,
		Detail: "The services are at /soap and /rest/v1; they are described at /soap?wsdl and /rest/openapi.json.",
	})
}
