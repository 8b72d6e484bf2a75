package core

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

// tryConsultation tells whom a request would ask, and changes nothing.
func (a *API) tryConsultation(w http.ResponseWriter, r *http.Request) {
	body, problem := web.ReadJSON(w, r, a.o.MaxBody)
	if problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	tree, found, err := a.doc.bodies["ConsultationRequest"].check(body)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	request := openRequestOf(tree)
	if found = join(found, a.o.Procedure.Check(request)); len(found) > 0 {
		a.fail(w, r, invalid(found))
		return
	}
	run, err := a.o.Procedure.Try(request)
	a.show(w, r, run, err)
}

func (a *API) choices(w http.ResponseWriter, r *http.Request) {
	list, err := a.o.Procedure.Choices(r.Context(), a.o.Pool, r.PathValue("id"))
	a.show(w, r, map[string]any{"choices": list}, err)
}

func (a *API) shadowReport(w http.ResponseWriter, r *http.Request) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, badParameter("?", "parameter", "The query cannot be read."))
		return
	}
	limit := defaultLimit
	for name, list := range values {
		switch name {
		case "case_type", "after":
		case "limit":
			limit, err = strconv.Atoi(list[0])
			if err != nil || limit < 1 || limit > maxLimit {
				a.fail(w, r, badParameter("?limit", "range", "A whole number from 1 to "+strconv.Itoa(maxLimit)+" is needed."))
				return
			}
		default:
			a.fail(w, r, badParameter("?"+name, "parameter", "There is no such parameter."))
			return
		}
		if len(list) > 1 {
			a.fail(w, r, badParameter("?"+name, "parameter", "The parameter may come once."))
			return
		}
	}
	report, err := a.o.Procedure.Shadow(r.Context(), a.o.Pool, values.Get("case_type"), values.Get("after"), limit)
	if errors.Is(err, consultation.ErrBadCursor) {
		err = badParameter("?after", "position", "This is not a place in this list.")
	}
	a.show(w, r, report, err)
}
