package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

// change does something with the consultation of a request's path; tree is the
// body, which has been checked.
type change func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error)

// changes serves a POST whose body the schema describes.
func (a *API) changes(schema string, do change) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a.post(w, r, func(body []byte) (effect, error) {
			tree, found, err := a.doc.bodies[schema].check(body)
			if err != nil {
				return nil, err
			}
			if err := a.admit(r, tree); err != nil {
				return nil, err
			}
			if len(found) > 0 {
				return nil, invalid(found)
			}
			return inTx(func(ctx context.Context, tx pgx.Tx) (answer, error) {
				c, err := do(ctx, tx, r, tree)
				if err != nil {
					return answer{}, toldAs(err)
				}
				return answer{status: http.StatusOK, body: c}, nil
			}), nil
		})
	}
}

// toldAs turns what the procedure does not take into a problem.
func toldAs(err error) error {
	if errors.Is(err, consultation.ErrNotFound) {
		return &problemError{noConsultation}
	}
	refusal, ok := errors.AsType[*consultation.Refusal](err)
	if !ok {
		return fmt.Errorf("changing a consultation: %w", err)
	}
	found := join(nil, refusal.Violations)
	if refusal.Kind == consultation.RefusedConflict {
		return &problemError{web.Problem{
			Type: web.TypeConflict, Status: http.StatusConflict, Detail: "The consultation is not in a state in which this can be done.", Errors: found,
		}}
	}
	return invalid(found)
}

var noConsultation = web.Problem{Type: web.TypeNotFound, Status: http.StatusNotFound, Detail: "There is no such consultation."}

// bodySchemas are the bodies that requests have, by their names in the description.
var bodySchemas = []string{
	"ConsultationRequest", "Withdrawal", "Override", "Information", "ExtensionDecision", "Closing", "Confirmation", "Rerouting", "Readdressing", "Attaching",
	"PermitEvent", "PersonEvent", "PersonSearch",
}

func (a *API) changeRoutes() []route {
	p := a.o.Procedure
	decision := func(make func(tree any) consultation.Decision) change {
		return func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
			return p.Decide(ctx, tx, r.PathValue("id"), r.PathValue("leg"), make(tree))
		}
	}
	const one, leg = "/v1/consultations/{id}", "/v1/consultations/{id}/legs/{leg}"
	var routes []route
	for _, c := range []struct {
		path, schema string
		do           change
	}{
		{one + "/revisions", "ConsultationRequest", func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
			return p.Revise(ctx, tx, r.PathValue("id"), openRequestOf(tree))
		}},
		{one + "/withdrawal", "Withdrawal", func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
			return p.Withdraw(ctx, tx, r.PathValue("id"), text(tree, "reason"))
		}},
		{one + "/override", "Override", func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
			return p.Override(ctx, tx, r.PathValue("id"), text(tree, "reason"), text(tree, "official"))
		}},
		{leg + "/information", "Information", decision(func(tree any) consultation.Decision {
			return consultation.Decision{What: consultation.HappenedSupplied, Text: text(tree, "text"), Classification: consultation.Classification(text(tree, "classification"))}
		})},
		{leg + "/extension", "ExtensionDecision", decision(func(tree any) consultation.Decision {
			d := consultation.Decision{What: consultation.HappenedExtensionDenied, Reason: text(tree, "reason")}
			if child(tree, "granted") == true {
				d.What = consultation.HappenedExtensionGranted
			}
			return d
		})},
		{leg + "/closing", "Closing", decision(func(tree any) consultation.Decision {
			return consultation.Decision{What: consultation.HappenedClosed, Reason: text(tree, "reason"), Official: text(tree, "official")}
		})},
		{leg + "/rerouting", "Rerouting", decision(func(tree any) consultation.Decision {
			return consultation.Decision{What: consultation.HappenedRerouted, Reason: text(tree, "reason")}
		})},
		{leg + "/confirmation", "Confirmation", func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
			return p.Confirm(ctx, tx, r.PathValue("id"), r.PathValue("leg"), text(tree, "official"))
		}},
		{leg + "/readdressing", "Readdressing", func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
			return p.Readdress(ctx, tx, r.PathValue("id"), r.PathValue("leg"), text(tree, "authority"), text(tree, "reason"), text(tree, "official"))
		}},
	} {
		routes = append(routes, route{c.path, false, "POST", map[string]http.HandlerFunc{"POST": a.changes(c.schema, c.do)}})
	}
	return routes
}
