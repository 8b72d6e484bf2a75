package core

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

// personPrefix begins the types of what happens to persons' data.
const personPrefix = "person."

// kindOf is the type of an event, "" where there is none; what else is wrong with
// the body is found by the schema.
func kindOf(body []byte) string {
	var e struct {
		Type string `json:"type"`
	}
	_ = json.Unmarshal(body, &e)
	return e.Type
}

// personEvent takes the fact that a person is known by another identity.
func (a *API) personEvent(body []byte) (effect, error) {
	tree, found, err := a.doc.bodies["PersonEvent"].check(body)
	if err != nil {
		return nil, err
	}
	data := child(tree, "data")
	before, after := personOf(child(data, "before")), personOf(child(data, "after"))
	meaning := momentOf(tree)
	meaning = append(meaning, a.o.Procedure.CheckIdentity("/data/before", before)...)
	meaning = append(meaning, a.o.Procedure.CheckIdentity("/data/after", after)...)
	if found = join(found, meaning); len(found) > 0 {
		return nil, invalid(found)
	}
	at, err := time.Parse(time.RFC3339, text(tree, "occurred_at"))
	if err != nil {
		return nil, err // momentOf has read it
	}
	f := fact{id: strings.ToLower(text(tree, "id")), kind: text(tree, "type"), at: at.UTC()}
	f.content = map[string]any{"type": f.kind, "occurred_at": f.at, "before": before, "after": after}
	return inTx(func(ctx context.Context, tx pgx.Tx) (answer, error) {
		return a.first(ctx, tx, f, func() error { return a.o.Procedure.PersonChanged(ctx, tx, f.id, before, after) })
	}), nil
}

// searchConsultations finds the consultations about a person.
func (a *API) searchConsultations(w http.ResponseWriter, r *http.Request) {
	body, problem := web.ReadJSON(w, r, a.o.MaxBody)
	if problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	tree, found, err := a.doc.bodies["PersonSearch"].check(body)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	who := personOf(child(tree, "person"))
	if found = join(found, a.o.Procedure.CheckIdentity("/person", who)); len(found) > 0 {
		a.fail(w, r, invalid(found))
		return
	}
	limit := defaultLimit
	if n, ok := child(tree, "limit").(json.Number); ok {
		if n, err := n.Int64(); err == nil { // the schema has bounded it
			limit = int(n)
		}
	}
	page, err := a.o.Procedure.List(r.Context(), a.o.Pool, consultation.Filter{Person: &who}, text(tree, "after"), limit)
	if errors.Is(err, consultation.ErrBadCursor) {
		err = invalid([]web.FieldError{{Path: "/after", Code: "position", Message: "This is not a place in this list."}})
	}
	a.show(w, r, page, err)
}
