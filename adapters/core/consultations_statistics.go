package core

import (
	"net/http"
	"net/url"
	"time"

	"ristmik/adapters/web"
)

// statisticsReach is how far back answers count when nothing is said.
const statisticsReach = 90 * 24 * time.Hour

func (a *API) statistics(w http.ResponseWriter, r *http.Request) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, badParameter("?", "parameter", "The query cannot be read."))
		return
	}
	since := a.o.Now().UTC().Add(-statisticsReach)
	for name, list := range values {
		switch {
		case name != "authority" && name != "since":
			err = badParameter("?"+name, "parameter", "There is no such parameter.")
		case len(list) > 1:
			err = badParameter("?"+name, "parameter", "The parameter may come once.")
		case name == "since":
			var moment time.Time
			if moment, err = time.Parse(time.RFC3339, list[0]); err != nil {
				err = badParameter("?since", "type", "A date-time is needed.")
			}
			since = moment.UTC()
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
	}
	list, err := a.o.Procedure.Statistics(r.Context(), a.o.Pool, values.Get("authority"), since)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"since": since, "statistics": list})
}

func (a *API) downtimes(w http.ResponseWriter, r *http.Request) {
	list, err := a.o.Procedure.Downtimes(r.Context(), a.o.Pool)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"downtimes": list})
}
