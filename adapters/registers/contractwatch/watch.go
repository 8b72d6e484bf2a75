// Package contractwatch compares the description of every register as it is now with the
// one that the hub works by, the pinned one, and says what the differences break
// of what the hub uses. It is a scheduled job: what it finds are rows, a change of
// a verdict is an event of the core's feed, and what is not as it should be stays
// a notice for operators until the contract is pinned anew or somebody has taken
// note.
//
// Used are operations that have a mapping table or have been called, as the record
// of exchanges tells; of an operation with a table the fields that its rules name.
// A register without any table or call is used as a whole: nobody knows yet.
package contractwatch

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/xroad"
	"ristmik/mapping/table"
	"ristmik/outbox"
	"ristmik/schedules"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// Migrations are the schema "contract_watch".
//
//go:embed migrations/*.sql
var Migrations embed.FS

// Register is one that is watched.
type Register struct {
	// Name is its name in the configuration, and Provider who offers it.
	Name     string
	Provider soap.ClientID
	// Contract is the pinned description of a SOAP register, and Folder where its
	// schemas are. One of REST has REST and Service, its code, instead.
	Contract *contract.Contract
	Folder   fs.FS
	REST     *contract.REST
	Service  string
	// Tolerant says that answers with fields that the description does not have are
	// taken.
	Tolerant bool
	// RequireUser and RequireIssue say that every call has these headers.
	RequireUser, RequireIssue bool
	// Only are the codes of the operations that the hub calls, whatever else its
	// description has; nil where that is told by tables and calls.
	Only []string
	// Tables are the mapping tables of its operations.
	Tables []*table.Table
	// Reads are the JSON pointers into answers that are looked at beside the tables.
	Reads []string
}

// Source fetches descriptions; a [xroad.Client] is one.
type Source interface {
	ListMethods(ctx context.Context, provider soap.ClientID) ([]soap.ServiceID, error)
	WSDL(ctx context.Context, service soap.ServiceID) ([]byte, error)
	OpenAPI(ctx context.Context, service soap.ServiceID) (description []byte, contentType string, err error)
}

var _ Source = (*xroad.Client)(nil)

// Options are what a [Watch] is made of. All but Log are needed.
type Options struct {
	Pool      *pgxpool.Pool
	Source    Source
	Registers []Register
	// Called is how far back calls in the record count as use.
	Called time.Duration
	NewID  func() string
	Log    *slog.Logger // discards by default
}

// Watch is the job. It is safe for concurrent use.
type Watch struct {
	o         Options
	registers []Register // by name
}

// New makes the job for the registers.
func New(o Options) (*Watch, error) {
	if o.Pool == nil || o.Source == nil || o.NewID == nil {
		return nil, errors.New("contractwatch: a pool, a source and ids are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	w := &Watch{o: o, registers: slices.Clone(o.Registers)}
	slices.SortFunc(w.registers, func(a, b Register) int { return strings.Compare(a.Name, b.Name) })
	for i, r := range w.registers {
		if (r.Contract == nil) == (r.REST == nil) {
			return nil, fmt.Errorf("contractwatch: %s has no contract, or two", r.Name)
		}
		if i > 0 && w.registers[i-1].Name == r.Name {
			return nil, fmt.Errorf("contractwatch: %s stands twice", r.Name)
		}
	}
	return w, nil
}

// cursor is how far a run has come: a run that another process takes over goes on
// behind Done.
type cursor struct {
	Due    time.Time `json:"due"`
	Done   string    `json:"done"`
	Failed []string  `json:"failed,omitempty"`
}

// Run compares every register, one after the other; what becomes of each is a
// commit. One that cannot be compared keeps its verdict, stops no other, and makes
// the run fail at its end.
func (w *Watch) Run(ctx context.Context, run *schedules.Run) error {
	at := cursor{Due: run.Due}
	var last cursor
	if raw := run.Cursor(); len(raw) > 0 {
		if err := json.Unmarshal(raw, &last); err != nil {
			return fmt.Errorf("reading the cursor: %w", err)
		}
	}
	if last.Due.Equal(run.Due) {
		at = last
	}
	called, err := w.called(ctx, run.Now)
	if err != nil {
		return err
	}
	summary := map[string]int{"same": 0, "harmless": 0, "breaking": 0, "failed": 0, "events": 0}
	for i, r := range w.registers {
		run.Progress(i, len(w.registers))
		if r.Name <= at.Done {
			continue
		}
		found, err := w.compare(ctx, r, called[r.Name])
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		at.Done = r.Name
		if err != nil {
			at.Failed = append(at.Failed, r.Name)
			w.o.Log.WarnContext(ctx, "a register's description could not be compared", "register", r.Name, "error", err)
			found.err = reason(err)
		}
		told := false
		if err := run.Commit(ctx, at, func(tx pgx.Tx) error {
			told, err = w.store(ctx, tx, r.Name, run.Now, found)
			return err
		}); err != nil {
			return fmt.Errorf("storing what differs of %s: %w", r.Name, err)
		}
		if found.err != "" {
			summary["failed"]++
		} else {
			summary[string(found.verdict)]++
		}
		if told {
			summary["events"]++
		}
		run.Report(summary)
	}
	if err := w.forget(ctx, run, at); err != nil {
		return err
	}
	run.Progress(len(w.registers), len(w.registers))
	run.Report(summary)
	if len(at.Failed) > 0 {
		return fmt.Errorf("not compared: %s; ristmik contract watch says why", strings.Join(at.Failed, ", "))
	}
	return nil
}

// forget deletes the rows of registers that are not watched any more.
func (w *Watch) forget(ctx context.Context, run *schedules.Run, at cursor) error {
	names := []string{}
	for _, r := range w.registers {
		names = append(names, r.Name)
	}
	return run.Commit(ctx, at, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `delete from contract_watch.register where register <> all($1)`, names); err != nil {
			return fmt.Errorf("forgetting registers that are not watched: %w", err)
		}
		return nil
	})
}

// maxReason bounds what is kept of an error, in bytes.
const maxReason = 500

// reason is an error as a row keeps it: a failure by its kind and code, so that it
// can be explained.
func reason(err error) string {
	if f, ok := errors.AsType[*soap.Failure](err); ok {
		return strings.TrimSpace(string(f.Kind) + " " + f.Code)
	}
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "")
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// event is what the core is told when a verdict changes.
type event struct {
	Register    string                `json:"register"`
	Verdict     contract.Verdict      `json:"verdict"`
	Previous    contract.Verdict      `json:"previous_verdict"`
	PinnedHash  string                `json:"pinned_sha256"`
	LiveHash    string                `json:"live_sha256"`
	Breaking    int                   `json:"breaking"`
	Harmless    int                   `json:"harmless"`
	Differences []contract.Difference `json:"differences"`
}

// EventChanged is the type of the event, eventSource its source.
const (
	EventChanged = "contract.changed"
	eventSource  = "/registers/watch"
)

// toldDifferences is how many differences an event has, keptDifferences a row.
const (
	toldDifferences = 20
	keptDifferences = 200
)

func (w *Watch) event(register string, at time.Time, previous contract.Verdict, c comparison) (outbox.Event, error) {
	if previous == "" {
		previous = contract.Same
	}
	data, err := json.Marshal(event{
		Register: register, Verdict: c.verdict, Previous: previous, PinnedHash: c.pinned, LiveHash: c.live,
		Breaking: c.breaking, Harmless: c.harmless, Differences: c.first(toldDifferences),
	})
	if err != nil {
		return outbox.Event{}, fmt.Errorf("writing the event of %s: %w", register, err)
	}
	return outbox.Event{ID: w.o.NewID(), Type: EventChanged, Source: eventSource, Subject: "register:" + register, Time: at, Data: data}, nil
}
