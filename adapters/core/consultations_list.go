package core

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

func (a *API) listConsultations(w http.ResponseWriter, r *http.Request) {
	filter, after, limit, err := listQueryOf(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	page, err := a.o.Procedure.List(r.Context(), a.o.Pool, filter, after, limit)
	if errors.Is(err, consultation.ErrBadCursor) {
		err = badParameter("?after", "position", "This is not a place in this list.")
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, page)
}

// listQueryOf reads the query strictly: a misspelt filter would show more than
// was asked for. All faults are named at once.
func listQueryOf(raw string) (f consultation.Filter, after string, limit int, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return f, "", 0, badParameter("?", "parameter", "The query cannot be read.")
	}
	limit = defaultLimit
	var found []web.FieldError
	add := func(name, code, message string) {
		found = append(found, web.FieldError{Path: "?" + name, Code: code, Message: message})
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			add(name, "parameter", "The parameter may come once.")
			continue
		}
		switch s := values[name][0]; name {
		case "case_reference":
			f.CaseReference = s
		case "type":
			f.Type = s
		case "state":
			f.State = consultation.RoundState(s)
		case "outcome":
			f.Outcome = consultation.Outcome(s)
		case "authority":
			f.Authority = s
		case "leg_state":
			f.LegState = consultation.LegState(s)
		case "due_before":
			if f.DueBefore, err = time.Parse(time.RFC3339, s); err != nil {
				add(name, "type", "A date-time is needed.")
			}
		case "after":
			after = s
		case "limit":
			n, err := strconv.Atoi(s)
			if limit = n; err != nil || n < 1 || n > maxLimit {
				add(name, "range", "A whole number from 1 to "+strconv.Itoa(maxLimit)+" is needed.")
			}
		default:
			add(name, "parameter", "There is no such parameter.")
		}
	}
	if len(found) > 0 {
		return f, "", 0, &problemError{web.Problem{
			Type: typeParameter, Status: http.StatusBadRequest, Detail: "Parameters of the request are wrong.", Errors: found,
		}}
	}
	return f, after, limit, nil
}

func (a *API) timeline(w http.ResponseWriter, r *http.Request) {
	moments, err := a.o.Procedure.Timeline(r.Context(), a.o.Pool, r.PathValue("id"))
	a.show(w, r, map[string]any{"moments": moments}, err)
}

func (a *API) neutralProgress(w http.ResponseWriter, r *http.Request) {
	progress, err := a.o.Procedure.Neutral(r.Context(), a.o.Pool, r.PathValue("id"))
	a.show(w, r, progress, err)
}
