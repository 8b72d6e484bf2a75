package core

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
	"ristmik/mapping"
)

// CoreEvent is a fact of the core: something happened to a permit.
type CoreEvent struct {
	ID         string    `json:"id"` // the core's own, a UUID
	Type       string    `json:"type"`
	OccurredAt time.Time `json:"occurred_at"`
	Data       Permit    `json:"data"`
}

// Permit is what a fact says of the permit. Dates are YYYY-MM-DD; "" is unsaid.
type Permit struct {
	PermitID      string    `json:"permit_id"`
	Person        Person    `json:"person"`
	Employer      *Employer `json:"employer,omitempty"`
	ValidFrom     string    `json:"valid_from,omitempty"`
	ValidTo       string    `json:"valid_to,omitempty"`
	EffectiveFrom string    `json:"effective_from,omitempty"`
	GroundCode    string    `json:"ground_code,omitempty"`
}

// Person is the holder of the permit.
type Person struct {
	PersonalCode string `json:"personal_code"`
	GivenName    string `json:"given_name,omitempty"`
	Surname      string `json:"surname,omitempty"`
}

// Employer is the employer that the permit names.
type Employer struct {
	RegistryCode string `json:"registry_code"`
}

// EmployerCode is the registry code of the employer, "" when the permit names
// none.
func (p Permit) EmployerCode() string {
	if p.Employer == nil {
		return ""
	}
	return p.Employer.RegistryCode
}

func (a *API) takeEvent(w http.ResponseWriter, r *http.Request) {
	a.post(w, r, func(body []byte) (effect, error) {
		if kind := kindOf(body); strings.HasPrefix(kind, personPrefix) {
			return a.personEvent(body)
		}
		tree, found, err := a.doc.bodies["PermitEvent"].check(body)
		if err != nil {
			return nil, err
		}
		if found = join(found, meaningOf(tree)); len(found) > 0 {
			return nil, invalid(found)
		}
		var e CoreEvent
		if err := json.Unmarshal(body, &e); err != nil {
			return nil, fmt.Errorf("reading the event: %w", err)
		}
		return inTx(func(ctx context.Context, tx pgx.Tx) (answer, error) { return a.intake(ctx, tx, e) }), nil
	})
}

// meaningOf finds what a schema cannot say.
func meaningOf(tree any) []consultation.Violation {
	var found []consultation.Violation
	add := func(path, code, message string) {
		if code != "" {
			found = append(found, consultation.Violation{Path: path, Code: code, Message: message})
		}
	}
	found = momentOf(tree)
	data := child(tree, "data")
	add("/data/person/personal_code", mapping.CheckPersonalCode(text(data, "person", "personal_code")), "no Estonian personal code")
	if from, to := text(data, "valid_from"), text(data, "valid_to"); from != "" && to != "" && to < from {
		add("/data/valid_to", "order", "the end is before the beginning")
	}
	if has(data, "employer") {
		add("/data/employer/registry_code", mapping.CheckRegistryCode(text(data, "employer", "registry_code")), "no Estonian registry code")
	}
	return found
}

// momentOf finds what a schema cannot say of the moment of an event: its
// date-time knows leap seconds, which a clock does not, and years that no message
// can carry.
func momentOf(tree any) []consultation.Violation {
	at, err := time.Parse(time.RFC3339, text(tree, "occurred_at"))
	if err != nil {
		return []consultation.Violation{{Path: "/occurred_at", Code: "format", Message: "a moment is needed: RFC 3339 without leap seconds"}}
	}
	if y := at.UTC().Year(); y < 2000 || y > 9999 {
		return []consultation.Violation{{Path: "/occurred_at", Code: "range", Message: "a moment between the years 2000 and 9999 is needed"}}
	}
	return nil
}

// eventReceipt confirms an event of the core.
type eventReceipt struct {
	ID        string `json:"id"`
	Duplicate bool   `json:"duplicate"`
}

// intake stores the fact and tells whoever needs to know, in one transaction.
// The row of the event's id is what makes two at the same moment one.
func (a *API) intake(ctx context.Context, tx pgx.Tx, e CoreEvent) (answer, error) {
	// One spelling of what means the same.
	e.ID, e.OccurredAt = strings.ToLower(e.ID), e.OccurredAt.UTC()
	return a.first(ctx, tx, fact{e.ID, e.Type, e.OccurredAt, e}, func() error {
		for _, tell := range a.o.Intake {
			if err := tell(ctx, tx, e); err != nil {
				return err
			}
		}
		return nil
	})
}

// fact is what of an event tells it from others; content is all of it.
type fact struct {
	id, kind string
	at       time.Time
	content  any
}

// first stores a fact and acts on it, unless it is known.
func (a *API) first(ctx context.Context, tx pgx.Tx, f fact, act func() error) (answer, error) {
	content, err := json.Marshal(f.content)
	if err != nil {
		return answer{}, fmt.Errorf("writing down the event: %w", err)
	}
	hash := sha256.Sum256(content)
	done, err := tx.Exec(ctx, `
		insert into core.event_in (id, type, content_sha256, occurred_at, received_at) values ($1, $2, $3, $4, $5)
		on conflict (id) do nothing`, f.id, f.kind, hash[:], f.at, a.o.Now().UTC())
	if err != nil {
		return answer{}, fmt.Errorf("storing the event: %w", err)
	}
	if done.RowsAffected() == 0 {
		return known(ctx, tx, f.id, hash[:])
	}
	if err := act(); err != nil {
		return answer{}, fmt.Errorf("acting on an event %s: %w", f.kind, err)
	}
	return answer{status: http.StatusAccepted, body: eventReceipt{ID: f.id}}, nil
}

// known answers to an event whose id is there already.
func known(ctx context.Context, tx pgx.Tx, id string, hash []byte) (answer, error) {
	var before []byte
	if err := tx.QueryRow(ctx, `select content_sha256 from core.event_in where id = $1`, id).Scan(&before); err != nil {
		return answer{}, fmt.Errorf("reading the earlier event: %w", err)
	}
	if !bytes.Equal(before, hash) {
		return answer{}, &problemError{web.Problem{
			Type: web.TypeConflict, Status: http.StatusConflict, Detail: "Another event was told under this id.",
			Errors: []web.FieldError{{Path: "/id", Code: "event_id.reused", Message: "The id was used for another event."}},
		}}
	}
	return answer{status: http.StatusAccepted, body: eventReceipt{ID: id, Duplicate: true}}, nil
}
