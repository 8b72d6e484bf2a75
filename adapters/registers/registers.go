// Package registers lets the migration core call any operation of any
// configured contract as JSON over HTTP, without a word of SOAP:
//
//	GET  /v1/registers                            what is there
//	GET  /v1/registers/{register}/openapi.json    one register, described (OpenAPI 3.1)
//	POST /v1/registers/{register}/{operation}     one call
//
// A register is a contract file (WSDL or OpenAPI) and a few lines of configuration; nothing is
// written or generated for it. The shape of JSON and every rule about it come
// from the contract (package mapping), or, for an operation that has one, from a
// mapping table between the core's shape and the register's (package
// mapping/table), so a request that would be refused is
// refused here, with every fault named, and the register is not asked.
package registers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/registers/record"
	"ristmik/adapters/web"
	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// defaultMaxBody bounds request bodies, in bytes.
const defaultMaxBody = 1 << 20

// Register is one configured register.
type Register struct {
	// Name is its name in paths: lower-case letters, digits and hyphens.
	Name string
	// Title is its name for people, in English; TitleET, in Estonian, may be "".
	Title, TitleET string
	// Provider is the subsystem whose services the contract describes.
	Provider soap.ClientID
	// Contract describes a SOAP register. One of REST has REST and Service, the
	// code of the one service that the description is of, instead.
	Contract *contract.Contract
	REST     *contract.REST
	Service  string
	// Unusable is why its description cannot be used at all; then it has neither
	// Contract nor REST, and every call is told why.
	Unusable error
	// RequireUser and RequireIssue refuse calls that name no person or no case
	// (the headers X-Road-UserId and X-Road-Issue), as the register demands.
	RequireUser, RequireIssue bool
	// RequirePurpose refuses calls that do not say what they are for (the header
	// X-Purpose). It is recorded with the exchange and never sent to the register.
	RequirePurpose bool
	// Tolerant takes answers with fields that the contract does not have.
	Tolerant bool
	// Refusals are JSON pointers into answers: a text there that is not empty
	// says that the register refused. What X-Road has for it (PR-MESS D.2) is
	// looked for in any case.
	Refusals []string
	// Errors are further places where answers say that something is wrong.
	Errors []ErrorField
	// AsOf is a JSON pointer into answers where the register says of when its
	// data are; "" where it does not.
	AsOf string
	// Tables are the mapping tables of operations of the contract: those take and
	// give the core's shape instead of the contract's.
	Tables []*table.Table
	// Timeout is the total time of one call; zero means that of the client.
	Timeout time.Duration
}

// Caller makes one X-Road call, SOAP or REST; a [xroad.Client] is one.
type Caller interface {
	Call(ctx context.Context, call xroad.Call) (*xroad.Answer, error)
	REST(ctx context.Context, call xroad.RESTCall) (*xroad.RESTAnswer, error)
}

// Options are what an [API] is made of. XRoad is needed; the rest has defaults.
type Options struct {
	XRoad     Caller
	Registers []Register
	MaxBody   int64            // bytes; 1 MiB by default
	Zone      *time.Location   // of the registers' local times; UTC by default
	Now       func() time.Time // the clock; time.Now by default
	Log       *slog.Logger     // discards by default
	// Record keeps durably which exchanges there were; nil means that nobody does.
	Record *record.Book
	// Observe is told of every call, after it has been answered; it may be called
	// from many goroutines at once.
	Observe func(Observation)
}

// Observation is what became of one call. Its texts come from closed sets, so
// that they can be metric labels.
type Observation struct {
	Register, Operation string
	// Result is "answered", "invalid" when the request was refused here, or a
	// kind of failure.
	Result string
	Took   time.Duration
}

// API serves the registers. It is safe for concurrent use.
type API struct {
	o         Options
	registers map[string]*served
	pages     pages
}

// served is a register with its description.
type served struct {
	Register
	openapi []byte
	zone    *time.Location
	places  *mapping.Places                // that answers are looked at
	newest  map[string]*contract.Operation // of each code of a SOAP register
	// The tables of those operations that have one.
	tables     map[*contract.Operation]*table.Table
	restTables map[*contract.RESTOperation]*table.Table
}

// New describes every register. It fails when two have one name or a contract
// has no operation that can be called.
func New(o Options) (*API, error) {
	if o.XRoad == nil {
		return nil, errors.New("registers: no X-Road client")
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(Observation) {}
	}
	a := &API{o: o, registers: map[string]*served{}}
	var err error
	if a.pages, err = newPages(); err != nil {
		return nil, err
	}
	for _, r := range o.Registers {
		if a.registers[r.Name] != nil {
			return nil, fmt.Errorf("registers: %s stands twice", r.Name)
		}
		if r.Unusable != nil && r.Contract == nil && r.REST == nil {
			o.Log.Error("a register cannot be called: its description is too much", "register", r.Name, "error", r.Unusable)
			a.registers[r.Name] = &served{Register: r, zone: o.Zone}
			continue
		}
		if (r.Contract == nil) == (r.REST == nil) {
			return nil, fmt.Errorf("registers: %s has no contract, or two", r.Name)
		}
		if !slices.ContainsFunc(operationsOf(r), func(op operation) bool { return op.Unusable == "" }) {
			return nil, fmt.Errorf("registers: no operation of %s can be called", r.Name)
		}
		s := &served{Register: r, zone: o.Zone}
		if r.REST != nil {
			s.Errors = slices.Concat(r.Errors, restFaults)
		}
		s.places = placesOf(r)
		if r.Contract != nil {
			s.newest = newestOf(r.Contract)
		}
		if err := s.takeTables(); err != nil {
			return nil, err
		}
		var described map[string]any
		if r.REST != nil {
			described = describeREST(s)
		} else {
			described = describe(s)
		}
		document, err := json.Marshal(described)
		if err != nil {
			return nil, fmt.Errorf("registers: describing %s: %w", r.Name, err)
		}
		s.openapi = document
		a.registers[r.Name] = s
	}
	return a, nil
}

// Handler serves the paths of the package comment. Who may come in is the
// business of the listener that it is mounted on.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/registers", only(http.MethodGet, a.list))
	mux.HandleFunc(callPattern, func(w http.ResponseWriter, r *http.Request) {
		a.operation(w, r, r.PathValue("register"), r.PathValue("operation"))
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Most requests are calls, which need no router.
		if rest, ok := strings.CutPrefix(r.URL.Path, "/v1/registers/"); ok && r.URL.RawPath == "" {
			register, operation, two := strings.Cut(rest, "/")
			if two && register != "" && operation != "" && strings.IndexByte(operation, '/') < 0 {
				r.Pattern = callPattern
				a.operation(w, r, register, operation)
				return
			}
		}
		mux.ServeHTTP(w, r)
	})
}

// callPattern is the path of a call, by which it is logged and counted.
const callPattern = "/v1/registers/{register}/{operation}"

// operation serves what has the path of one operation of a register.
func (a *API) operation(w http.ResponseWriter, r *http.Request, register, operation string) {
	document := operation == "openapi.json" // no name of an XML element
	switch {
	case document && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		a.serveDocument(w, register)
	case document:
		notAllowed(w, http.MethodGet)
	case r.Method == http.MethodPost:
		a.call(w, r, register, operation)
	default:
		notAllowed(w, http.MethodPost)
	}
}

// only lets requests of one method through, HEAD with GET.
func only(method string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == method || r.Method == http.MethodHead && method == http.MethodGet {
			next(w, r)
			return
		}
		notAllowed(w, method)
	}
}

// notAllowed answers to another method than that one, HEAD with GET.
func notAllowed(w http.ResponseWriter, method string) {
	if method == http.MethodGet {
		method = "GET, HEAD"
	}
	w.Header().Set("Allow", method)
	web.WriteProblem(w, web.Problem{Type: typeMethod, Status: http.StatusMethodNotAllowed, Detail: "This path takes " + method + "."})
}

func notFound(w http.ResponseWriter) {
	web.WriteProblem(w, web.Problem{
		Type: web.TypeNotFound, Status: http.StatusNotFound, Detail: "There is no such register or operation; /v1/registers tells what there is.",
	})
}

// operation is one operation in the list.
type operation struct {
	Code    string `json:"operation"`
	Version string `json:"version,omitempty"`
	Title   string `json:"title,omitempty"`
	// Unusable says why the operation cannot be called.
	Unusable string `json:"unusable,omitempty"`
}

// operationsOf lists what a register offers, of either kind.
func operationsOf(r Register) []operation {
	list := []operation{}
	add := func(one operation, unsupported error) {
		if unsupported != nil {
			one.Unusable = unsupported.Error()
		}
		list = append(list, one)
	}
	if r.Unusable != nil {
		return list
	}
	if r.REST != nil {
		for _, op := range r.REST.Operations {
			add(operation{Code: op.Code, Title: op.Title()}, op.Unsupported)
		}
		return list
	}
	for _, op := range r.Contract.Operations() {
		add(operation{Code: op.Code, Version: op.Version, Title: op.Title}, op.Unsupported)
	}
	return list
}

func (a *API) list(w http.ResponseWriter, _ *http.Request) {
	type register struct {
		Name        string      `json:"register"`
		Title       string      `json:"title"`
		Provider    string      `json:"provider"`
		Description string      `json:"description"`
		Operations  []operation `json:"operations"`
		// Unusable says why nothing of the register can be called.
		Unusable string `json:"unusable,omitempty"`
	}
	list := []register{}
	for _, r := range a.o.Registers {
		one := register{r.Name, r.Title, r.Provider.String(), "/v1/registers/" + r.Name + "/openapi.json", operationsOf(r), ""}
		if r.Unusable != nil {
			one.Unusable = r.Unusable.Error()
		}
		list = append(list, one)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"registers": list})
}

func (a *API) serveDocument(w http.ResponseWriter, register string) {
	s := a.registers[register]
	if s == nil {
		notFound(w)
		return
	}
	if s.Unusable != nil {
		web.WriteProblem(w, *unusable(s.Unusable))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	_, _ = w.Write(s.openapi) // a caller who has gone needs no answer
}
