package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ristmik/adapters/web"
	"ristmik/soap/contract"
)

// Contract is how the description that a register gives of itself stands beside
// the one that the hub works by.
type Contract struct {
	Register string
	Title    Title
	// Verdict is "" before the first comparison.
	Verdict contract.Verdict
	// Since is when the verdict became what it is, Compared when it was found
	// last; Error why the last comparison could not be made, "" when it could.
	Since, Compared    time.Time
	Error              string
	Breaking, Harmless int
	// Differences are the first of them, those that break before the others.
	Differences []contract.Difference
	// Acknowledged says that somebody has taken note of it as it is.
	Acknowledged         bool
	AcknowledgedBy, Note string
}

// notable says whether people have to know of it: it is a notice until the
// contract is pinned anew or somebody has taken note.
func (c Contract) notable() bool {
	return c.Verdict != contract.Same && c.Verdict != "" && !c.Acknowledged
}

// ErrUnknownContract is what taking note of a register that is not watched gives.
var ErrUnknownContract = errors.New("no such register is watched")

// Contracts tells how the registers' descriptions stand.
type Contracts interface {
	Contracts(ctx context.Context) ([]Contract, error)
	// Acknowledge takes note of a verdict as it is; ErrUnknownContract for a
	// register that has none.
	Acknowledge(ctx context.Context, register, by, reason string) error
}

// contracts are those of the watch, none without one.
func (c *Console) contracts(ctx context.Context) ([]Contract, error) {
	if c.o.Contracts == nil {
		return nil, nil
	}
	return c.o.Contracts.Contracts(ctx)
}

// acknowledge takes note of a verdict; who did it and why is kept with it.
func (c *Console) acknowledge(ctx context.Context, register, by, reason string) error {
	reason = strings.TrimSpace(reason)
	if reason == "" || len(reason) > maxReason {
		return errNoReason
	}
	if c.o.Contracts == nil {
		return ErrUnknownContract
	}
	if err := c.o.Contracts.Acknowledge(ctx, register, by, reason); err != nil {
		return err
	}
	c.o.Log.InfoContext(ctx, "a register's changed description noted by an operator", "register", register, "by", by)
	return nil
}

// contractJSON is a contract of the API.
type contractJSON struct {
	Register       string                `json:"register"`
	Title          *titles               `json:"title,omitempty"`
	Verdict        contract.Verdict      `json:"verdict,omitempty"`
	Since          time.Time             `json:"since,omitzero"`
	Compared       time.Time             `json:"compared_at,omitzero"`
	Error          string                `json:"error,omitempty"`
	Breaking       int                   `json:"breaking"`
	Harmless       int                   `json:"harmless"`
	Differences    []contract.Difference `json:"differences"`
	Acknowledged   bool                  `json:"acknowledged"`
	AcknowledgedBy string                `json:"acknowledged_by,omitempty"`
	Note           string                `json:"note,omitempty"`
}

func (c *Console) getContracts(w http.ResponseWriter, r *http.Request) {
	found, err := c.contracts(r.Context())
	if err != nil {
		c.broken(w, r, "reading contracts", err)
		return
	}
	list := []contractJSON{}
	for _, k := range found {
		one := contractJSON{
			Register: k.Register, Verdict: k.Verdict, Since: k.Since, Compared: k.Compared, Error: k.Error, Breaking: k.Breaking, Harmless: k.Harmless,
			Differences: orEmpty(k.Differences), Acknowledged: k.Acknowledged,
		}
		if k.Acknowledged {
			one.AcknowledgedBy, one.Note = k.AcknowledgedBy, k.Note
		}
		if k.Title != (Title{}) {
			one.Title = &titles{ET: k.Title.ET, EN: k.Title.EN}
		}
		list = append(list, one)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"contracts": list})
}

// apiAcknowledge takes note of a verdict. The body has a reason and, where nobody
// has to say who they are, by.
func (c *Console) apiAcknowledge(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Reason *string `json:"reason"`
		By     *string `json:"by"`
	}
	if problem := readBody(w, r, &asked); problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	var reason, by string
	if asked.Reason != nil {
		reason = *asked.Reason
	}
	if asked.By != nil && len(*asked.By) <= 100 {
		by = *asked.By
	}
	register := r.PathValue("register")
	switch err := c.acknowledge(r.Context(), register, operator(r, by), reason); {
	case err == nil:
		web.WriteJSON(w, http.StatusOK, map[string]any{"register": register, "acknowledged": true})
	case errors.Is(err, errNoReason):
		web.WriteProblem(w, web.Problem{
			Type: web.TypeValidation, Title: "The request is not in order", Status: http.StatusUnprocessableEntity,
			Errors: []web.FieldError{{Path: "/reason", Code: "required", Message: "is needed, up to " + strconv.Itoa(maxReason) + " bytes"}},
		})
	case errors.Is(err, ErrUnknownContract):
		notFound(w, "There is no such register, or it has not been compared.")
	default:
		c.broken(w, r, "taking note of a contract", err)
	}
}

// postAcknowledge is the form of the page.
func (c *Console) postAcknowledge(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	register := r.PathValue("register")
	err := c.acknowledge(r.Context(), register, operator(r, ""), r.PostFormValue("reason"))
	c.done(w, r, ask{action: "note", of: register}, "contract-"+register, err)
}

// contractIssues are the notices of contracts, those that break apart.
func (c *Console) contractIssues(l lang, all []Contract, now time.Time) (severe, mild []issue) {
	for _, k := range all {
		if !k.notable() {
			continue
		}
		found := issue{
			Level: levelMild, Word: "mild", Where: k.name(l), What: say(l, "issue.contract.harmless", k.Harmless),
			Since: c.moment(l, k.Since, now), Anchor: "contract-" + k.Register,
		}
		if k.Verdict == contract.Breaking {
			found.Level, found.Word, found.What = levelSevere, "severe", say(l, "issue.contract.breaking", k.Breaking)
			severe = append(severe, found)
			continue
		}
		mild = append(mild, found)
	}
	return severe, mild
}

// name is the register's name for people.
func (k Contract) name(l lang) string {
	if t := k.Title.in(l); t != "" {
		return t
	}
	return k.Register
}

// shownDifferences is how many differences of a register the page shows.
const shownDifferences = 10

// contractRow is a register of the page.
type contractRow struct {
	Partner         partner
	Verdict         string // "" before the first comparison
	Since, Compared *moment
	Why             *why // why it was not compared
	Differences     []differenceRow
	More            int
	Known           string // who has taken note, and why
	Buttons         []button
	Form            *form
}

type differenceRow struct {
	Breaking                     bool
	Operation, Where, Path, What string
}

func (c *Console) contractRow(l lang, k Contract, now time.Time, a ask) contractRow {
	row := contractRow{
		Partner: partner{Name: k.Register, Title: k.Title.in(l)}, Verdict: string(k.Verdict),
		Since: c.moment(l, k.Since, now), Compared: c.moment(l, k.Compared, now), Why: explainError(l, k.Error),
		More: k.Breaking + k.Harmless,
	}
	if k.notable() {
		if row.Buttons = []button{opens(l, "note", k.Register, "contract-"+k.Register, k.Register)}; a.action == "note" && a.of == k.Register {
			row.Buttons, row.Form = nil, formOf(l, "note", "/contracts/"+url.PathEscape(k.Register)+"/acknowledge", "contract-"+k.Register)
		}
	}
	if k.Acknowledged && k.Verdict != contract.Same {
		row.Known = strings.TrimSuffix(k.AcknowledgedBy+": "+k.Note, ": ")
	}
	for _, d := range k.Differences[:min(len(k.Differences), shownDifferences)] {
		row.Differences = append(row.Differences, differenceRow{
			Breaking: d.Breaking, Operation: strings.TrimSuffix(d.Operation+"/"+d.Version, "/"), Where: say(l, "in."+string(d.Direction)),
			Path: d.Path, What: say(l, "change."+string(d.Change)),
		})
	}
	row.More -= len(row.Differences)
	return row
}
