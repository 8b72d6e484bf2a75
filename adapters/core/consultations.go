package core

import (
	"context"
	"errors"
	"net/http"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

func (a *API) openConsultation(w http.ResponseWriter, r *http.Request) {
	a.post(w, r, func(body []byte) (effect, error) {
		tree, found, err := a.doc.bodies["ConsultationRequest"].check(body)
		if err != nil {
			return nil, err
		}
		if err := a.admit(r, tree); err != nil {
			return nil, err
		}
		request := openRequestOf(tree)
		if found = join(found, a.o.Procedure.Check(request)); len(found) > 0 {
			return nil, invalid(found)
		}
		opened := func(c consultation.Consultation, err error) (answer, error) {
			if err != nil {
				return answer{}, toldAs(err)
			}
			return answer{status: http.StatusAccepted, location: "/v1/consultations/" + c.ID, body: c}, nil
		}
		if len(request.Attachments) == 0 {
			return planned(func(batch *pgx.Batch) (answer, error) { return opened(a.o.Procedure.QueueOpen(batch, request)) }), nil
		}
		return inTx(func(ctx context.Context, tx pgx.Tx) (answer, error) {
			return opened(a.o.Procedure.Open(ctx, tx, request))
		}), nil
	})
}

// openRequestOf reads what is there; what is missing or of another type has
// been found by the schema.
func openRequestOf(tree any) consultation.OpenRequest {
	r := consultation.OpenRequest{
		CaseReference: text(tree, "case_reference"), Type: text(tree, "type"),
		LegalBasis: text(tree, "legal_basis"), Purpose: text(tree, "purpose"),
		Person:     personOf(child(tree, "person")),
		Occupation: text(tree, "occupation"), Official: text(tree, "official"), Classification: consultation.Classification(text(tree, "classification")),
		Hidden: texts(tree, "hidden"), Attachments: texts(tree, "attachments"),
	}
	if has(tree, "employer") {
		r.Employer = &consultation.Employer{RegistryCode: text(tree, "employer", "registry_code")}
	}
	r.Facts, _ = child(tree, "facts").(map[string]any)
	types, _ := child(tree, "types").([]any)
	for _, t := range types {
		name, _ := t.(string)
		r.Types = append(r.Types, name)
	}
	return r
}

// personOf reads what is there of a person.
func personOf(tree any) consultation.Person {
	who := consultation.Person{
		PersonalCode: text(tree, "personal_code"), GivenName: text(tree, "given_name"), Surname: text(tree, "surname"),
		BirthDate: text(tree, "birth_date"), Citizenship: text(tree, "citizenship"),
	}
	if has(tree, "document") {
		who.Document = &consultation.Document{Number: text(tree, "document", "number"), Country: text(tree, "document", "country")}
	}
	return who
}

// admit refuses a body that says that it is too secret, before anything else is
// found in it: all that is told is this.
func (a *API) admit(r *http.Request, tree any) error {
	err := a.o.Procedure.Admit(consultation.Classification(text(tree, "classification")), "core", web.Caller(r.Context()))
	if err != nil {
		return toldAs(err)
	}
	return nil
}

func (a *API) getConsultation(w http.ResponseWriter, r *http.Request) {
	c, err := a.o.Procedure.Get(r.Context(), a.o.Pool, r.PathValue("id"))
	a.show(w, r, c, err)
}

// sees tells whether the caller may know who is asked.
func (a *API) sees(r *http.Request) bool {
	return a.o.Questions == nil || len(a.o.Tokens) == 0 || a.o.Questions[web.Caller(r.Context())]
}

// entitled lets only those through who may know who is asked. Everybody else
// gets one answer, whatever there is.
func (a *API) entitled(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.sees(r) {
			web.WriteProblem(w, web.Problem{
				Type: typeForbidden, Status: http.StatusForbidden, Detail: "Your token may read how far a consultation is, at /v1/consultations/{id}/progress, and no more.",
			})
			return
		}
		next(w, r)
	}
}

func (a *API) showSent(w http.ResponseWriter, r *http.Request) {
	list, err := consultation.SentTo(r.Context(), a.o.Pool, r.PathValue("id"), r.PathValue("leg"))
	a.show(w, r, map[string]any{"messages": list}, err)
}

func (a *API) explainDeadline(w http.ResponseWriter, r *http.Request) {
	d, err := a.o.Procedure.Explain(r.Context(), a.o.Pool, r.PathValue("id"), r.PathValue("leg"))
	a.show(w, r, d, err)
}

// show answers a request to read something of a consultation.
func (a *API) show(w http.ResponseWriter, r *http.Request, what any, err error) {
	if errors.Is(err, consultation.ErrNotFound) {
		web.WriteProblem(w, noConsultation)
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, what)
}
