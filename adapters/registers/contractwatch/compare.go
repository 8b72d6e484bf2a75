package contractwatch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/registers/record"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// comparison is what came of comparing one register.
type comparison struct {
	err                string // why there is none
	verdict            contract.Verdict
	pinned, live       string // hashes
	breaking, harmless int
	differences        []contract.Difference // those that break first
}

// first are the first differences, never nil.
func (c comparison) first(n int) []contract.Difference {
	return append([]contract.Difference{}, c.differences[:min(len(c.differences), n)]...)
}

// fingerprint changes when something that people were not told of breaks.
func (c comparison) fingerprint() string {
	text, err := json.Marshal(c.differences[:c.breaking])
	if err != nil {
		panic(err) // differences are texts
	}
	return hashOf([]byte(c.verdict), text)
}

func hashOf(texts ...[]byte) string {
	h := sha256.New()
	for _, t := range texts {
		h.Write(t)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// pinned is the hash of the description that a register is called by.
func (r Register) pinned() string {
	if r.REST != nil {
		return hashOf(r.REST.Source())
	}
	return hashOf(r.Contract.Source())
}

// compare fetches a register's description and compares it with the pinned one.
func (w *Watch) compare(ctx context.Context, r Register, called map[service]bool) (comparison, error) {
	use := r.uses(called)
	c := comparison{pinned: r.pinned()}
	var found []contract.Difference
	if r.REST != nil {
		text, _, err := w.o.Source.OpenAPI(ctx, soap.ServiceID{Provider: r.Provider, Code: r.Service})
		if err != nil {
			return c, fmt.Errorf("asking for the description of %s: %w", r.Service, err)
		}
		within, end := context.WithTimeout(ctx, compileTime)
		defer end()
		live, err := contract.ParseRESTContext(within, text)
		if err != nil {
			return c, fmt.Errorf("reading the description of %s: %w", r.Service, err)
		}
		c.live, found = hashOf(text), contract.CompareRESTUsed(r.REST, live, use)
	} else {
		live, texts, err := w.fetch(ctx, r, use)
		if err != nil {
			return c, err
		}
		c.live, found = hashOf(texts...), contract.CompareUsed(r.Contract, live, use)
	}
	slices.SortStableFunc(found, func(a, b contract.Difference) int {
		if a.Breaking == b.Breaking {
			return 0
		}
		if a.Breaking {
			return -1
		}
		return 1
	})
	c.verdict, c.differences = contract.VerdictOf(found), found
	for _, d := range found {
		if d.Breaking {
			c.breaking++
		}
	}
	c.harmless = len(found) - c.breaking
	return c, nil
}

// fetch asks for descriptions until every operation that the provider offers has
// been found, those that are used first: the pinned description may stand for
// several. The schemas beside the pinned one serve the live ones too.
func (w *Watch) fetch(ctx context.Context, r Register, use func(code, version string) *contract.Use) (*contract.Contract, [][]byte, error) {
	offered, err := w.o.Source.ListMethods(ctx, r.Provider)
	if err != nil {
		return nil, nil, fmt.Errorf("asking %s what it offers: %w", r.Provider, err)
	}
	var live []*contract.Contract
	var texts [][]byte
	operations := r.Contract.Operations()
	slices.SortStableFunc(operations, func(a, b *contract.Operation) int {
		x, y := use(a.Code, a.Version) != nil, use(b.Code, b.Version) != nil
		switch {
		case x == y:
			return 0
		case x:
			return -1
		}
		return 1
	})
	for _, op := range operations {
		id := soap.ServiceID{Provider: r.Provider, Code: op.Code, Version: op.Version}
		known := slices.ContainsFunc(live, func(c *contract.Contract) bool { _, has := c.Operation(op.Code, op.Version); return has })
		if known || op.Unsupported != nil || !slices.Contains(offered, id) {
			continue
		}
		text, err := w.o.Source.WSDL(ctx, id)
		if err != nil {
			return nil, nil, fmt.Errorf("asking for the description of %s: %w", id, err)
		}
		if slices.ContainsFunc(texts, func(t []byte) bool { return bytes.Equal(t, text) }) {
			continue // listed, and not described
		}
		c, err := compiled(ctx, overlay{r.Folder, r.Contract.Name(), text}, r.Contract.Name())
		if err != nil {
			return nil, nil, fmt.Errorf("reading the description of %s: %w", id, err)
		}
		live, texts = append(live, c), append(texts, text)
	}
	return contract.Join(live...), texts, nil
}

// compileTime is how long one live description may take to compile. It comes from
// elsewhere, and must not keep the job from the other registers.
const compileTime = 10 * time.Second

func compiled(ctx context.Context, fsys fs.FS, name string) (*contract.Contract, error) {
	within, end := context.WithTimeout(ctx, compileTime)
	defer end()
	return contract.LoadContext(within, fsys, name)
}

// service is an operation with its version, which those of REST have not.
type service struct{ code, version string }

// called reads from the record which operations of which register have been
// called.
func (w *Watch) called(ctx context.Context, now time.Time) (map[string]map[service]bool, error) {
	list, err := record.Called(ctx, w.o.Pool, now.Add(-w.o.Called))
	if err != nil {
		return nil, err
	}
	out := map[string]map[service]bool{}
	for _, c := range list {
		if out[c.Register] == nil {
			out[c.Register] = map[service]bool{}
		}
		s := service{code: c.Operation}
		if id, err := soap.ParseServiceID(c.Service); err == nil && id.Code == c.Operation {
			s.version = id.Version
		}
		out[c.Register][s] = true
	}
	return out, nil
}

// uses says what of each operation is used.
func (r Register) uses(called map[service]bool) func(code, version string) *contract.Use {
	mapped := map[service]*contract.Use{}
	for _, t := range r.Tables {
		u := t.Uses()
		use := &contract.Use{Request: u.Request, Answer: u.Answer, Filled: u.Filled}
		key := service{}
		if op := t.REST(); op != nil {
			key.code = op.Code
			for i, p := range use.Answer {
				use.Answer[i] = strings.TrimPrefix(p, "/body") // of an answer there is nothing else
			}
		} else {
			key = service{t.Operation().Code, t.Operation().Version}
		}
		if use.Answer != nil {
			use.Answer = append(use.Answer, r.Reads...)
		}
		mapped[key] = use
	}
	everything := len(mapped) == 0 && len(called) == 0
	return func(code, version string) *contract.Use {
		key := service{code, version}
		use := mapped[key]
		switch {
		case r.Only != nil && !slices.Contains(r.Only, code):
			return nil
		case r.Only == nil && use == nil && !everything && !called[key]:
			return nil
		case use == nil:
			use = &contract.Use{}
		}
		out := *use
		out.Strict = !r.Tolerant
		for header, always := range map[string]bool{"X-Road-UserId": r.RequireUser, "X-Road-Issue": r.RequireIssue} {
			if always && r.REST != nil {
				out.Filled = append(slices.Clone(out.Filled), "/header/"+header)
			}
		}
		return &out
	}
}
