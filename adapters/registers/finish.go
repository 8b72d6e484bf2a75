package registers

import (
	"net/http"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// outcome is what came of a call and how it is told.
type outcome struct {
	exchange xroad.Exchange // for the record
	facts    *exchange      // for the headers
	write    func(http.ResponseWriter)
}

// finish asks the register, records how the exchange ended and answers the
// caller: the same way whatever protocol the register speaks.
func (a *API) finish(w http.ResponseWriter, r *http.Request, reg *served, operation string, started time.Time, rec *recording, ask func() (outcome, error)) {
	o, err := ask()
	if err != nil {
		rec.failed(r.Context(), err)
		a.observe(reg, operation, string(soap.KindOf(err)), started)
		a.fail(w, r, reg, operation, err)
		return
	}
	rec.answered(r.Context(), o.exchange)
	a.observe(reg, operation, "answered", started)
	o.facts.headers(w.Header())
	o.write(w)
}

// observe tells how a call that began at started has ended.
func (a *API) observe(reg *served, operation, what string, started time.Time) {
	a.o.Observe(Observation{Register: reg.Name, Operation: operation, Result: what, Took: a.o.Now().Sub(started)})
}
