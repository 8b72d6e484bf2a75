package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/simulated"
	"ristmik/adapters/web"
	"ristmik/mapping"
	"ristmik/soap"
)

// maxControlBody is the largest request to the control API, in bytes.
const maxControlBody = 64 << 10

// controlHandler is the control API: JSON, snake case, problems as RFC 9457.
func (s *Sandbox) controlHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /control/v1/persons", s.getPersons)
	mux.HandleFunc("POST /control/v1/employments/end", s.endEmployment)
	mux.HandleFunc("GET /control/v1/services", s.getServices)
	mux.HandleFunc("PUT /control/v1/services/{name}", s.putService)
	mux.HandleFunc("GET /control/v1/authorities/{name}", s.getAuthority)
	mux.HandleFunc("PUT /control/v1/authorities/{name}", s.putAuthority)
	mux.HandleFunc("POST /control/v1/authorities/{name}/downtimes", s.postDowntime)
	mux.HandleFunc("GET /control/v1/received/{name}", s.getReceived)
	mux.HandleFunc("PUT /control/v1/registrations", s.putRegistration)
	mux.HandleFunc("GET /control/v1/exchanges", s.getExchanges)
	mux.HandleFunc("GET /control/v1/clock", s.getClock)
	mux.HandleFunc("PUT /control/v1/clock", s.putClock)
	mux.HandleFunc("GET /control/v1/faults", s.getFaults)
	mux.HandleFunc("POST /control/v1/faults", s.postFault)
	mux.HandleFunc("DELETE /control/v1/faults", s.deleteFaults)
	mux.HandleFunc("GET /control/v1/faults/{id}", s.getFault)
	mux.HandleFunc("DELETE /control/v1/faults/{id}", s.deleteFault)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		web.WriteProblem(w, web.Problem{Type: web.TypeNotFound, Status: http.StatusNotFound,
			Detail: "The control API has /control/v1/persons, employments/end, services, services/{name}, authorities/{name}, authorities/{name}/downtimes, received/{name}, registrations, exchanges, clock, faults and faults/{id}."})
	})
	return mux
}

func (s *Sandbox) getPersons(w http.ResponseWriter, _ *http.Request) {
	type employment struct {
		ID           int64  `json:"toot_id"`
		EmployerCode string `json:"employer_code"`
		EmployerName string `json:"employer_name"`
		Start        string `json:"start"`
		End          string `json:"end,omitempty"`
		Occupation   string `json:"occupation"`
	}
	type person struct {
		PersonalCode string       `json:"personal_code"`
		GivenName    string       `json:"given_name"`
		Surname      string       `json:"surname"`
		Employments  []employment `json:"employments"`
	}
	list := []person{}
	for _, p := range s.world.Persons() {
		one := person{PersonalCode: p.PersonalCode, GivenName: p.GivenName, Surname: p.Surname, Employments: []employment{}}
		for _, e := range p.Employments {
			v := employment{ID: e.ID, EmployerCode: e.Employer.Code, EmployerName: e.Employer.Name, Start: e.Start.Format(time.DateOnly), Occupation: e.Occupation.Name}
			if !e.End.IsZero() {
				v.End = e.End.Format(time.DateOnly)
			}
			one.Employments = append(one.Employments, v)
		}
		list = append(list, one)
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"persons": list})
}

func (s *Sandbox) endEmployment(w http.ResponseWriter, r *http.Request) {
	var q struct {
		PersonalCode string `json:"personal_code"`
		ID           int64  `json:"toot_id"`
		End          string `json:"end"`
		GroundCode   string `json:"ground_code"`
	}
	if !readControl(w, r, &q) {
		return
	}
	var faults simulated.Faults
	if mapping.CheckPersonalCode(q.PersonalCode) != "" {
		faults = append(faults, simulated.Fault{Field: "personal_code", Message: "is a personal code of 11 digits"})
	}
	end, err := time.Parse(time.DateOnly, q.End)
	if err != nil {
		faults = append(faults, simulated.Fault{Field: "end", Message: "is a date, YYYY-MM-DD"})
	}
	if q.GroundCode == "" {
		faults = append(faults, simulated.Fault{Field: "ground_code", Message: "is the code of a ground, for example 79, 80, 85, 88 or 89"})
	}
	if len(faults) > 0 {
		writeError(w, faults)
		return
	}
	ids, err := s.world.End(q.PersonalCode, q.ID, end, q.GroundCode)
	if err != nil {
		writeError(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"ended": ids})
}

func (s *Sandbox) getServices(w http.ResponseWriter, _ *http.Request) {
	web.WriteJSON(w, http.StatusOK, map[string]any{"services": s.world.Systems()})
}

func (s *Sandbox) putService(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Down *bool `json:"down"`
	}
	if !readControl(w, r, &q) {
		return
	}
	if q.Down == nil {
		writeError(w, simulated.Faults{{Field: "down", Message: "is true or false"}})
		return
	}
	name := r.PathValue("name")
	if err := s.world.Switch(name, *q.Down); err != nil {
		writeError(w, err)
		return
	}
	for _, one := range s.world.Systems() {
		if one.Name == name {
			web.WriteJSON(w, http.StatusOK, one)
		}
	}
}

func (s *Sandbox) getAuthority(w http.ResponseWriter, r *http.Request) {
	c, err := s.world.CharacterOf(r.PathValue("name"))
	if err != nil {
		writeError(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, c)
}

func (s *Sandbox) putAuthority(w http.ResponseWriter, r *http.Request) {
	var q simulated.Change
	if !readControl(w, r, &q) {
		return
	}
	c, err := s.world.Characterise(r.PathValue("name"), q)
	if err != nil {
		writeError(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, c)
}

// postDowntime lets an authority announce a downtime and go through with it.
func (s *Sandbox) postDowntime(w http.ResponseWriter, r *http.Request) {
	var q struct {
		From  string `json:"from"`
		Until string `json:"until"`
	}
	if !readControl(w, r, &q) {
		return
	}
	var faults simulated.Faults
	at := func(field, text string) time.Time {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			faults = append(faults, simulated.Fault{Field: field, Message: "is a time, for example 2026-03-10T22:00:00Z"})
		}
		return t
	}
	from, until := at("from", q.From), at("until", q.Until)
	if len(faults) > 0 {
		writeError(w, faults)
		return
	}
	id, err := s.world.Plan(r.PathValue("name"), from, until)
	if err != nil {
		writeError(w, err)
		return
	}
	web.WriteJSON(w, http.StatusCreated, map[string]string{"downtime_id": id})
}

func (s *Sandbox) getReceived(w http.ResponseWriter, r *http.Request) {
	list, err := s.world.Received(r.PathValue("name"))
	if err != nil {
		writeError(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, list)
}

func (s *Sandbox) putRegistration(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Service string `json:"service"`
		URL     string `json:"url"`
	}
	if !readControl(w, r, &q) {
		return
	}
	id, err := soap.ParseServiceID(q.Service)
	if err != nil {
		writeError(w, simulated.Faults{{Field: "service", Message: err.Error()}})
		return
	}
	if err := s.SetService(id, q.URL); err != nil {
		if _, ok := errors.AsType[*securityserver.UnknownServiceError](err); !ok {
			err = simulated.Faults{{Field: "url", Message: err.Error()}}
		}
		writeError(w, err)
		return
	}
	web.WriteJSON(w, http.StatusOK, map[string]string{"service": id.String(), "url": q.URL})
}

func (s *Sandbox) getExchanges(w http.ResponseWriter, r *http.Request) {
	limit := 100
	if v := r.URL.Query().Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 1000 {
			writeError(w, simulated.Faults{{Field: "limit", Message: "is a number from 1 to 1000"}})
			return
		}
		limit = n
	}
	type exchange struct {
		MessageID string    `json:"message_id"`
		Client    string    `json:"client"`
		Service   string    `json:"service"`
		Result    string    `json:"result"`
		StartedAt time.Time `json:"started_at"`
		MS        float64   `json:"ms"`
	}
	list := []exchange{}
	for _, e := range s.server.Exchanges(limit) {
		list = append(list, exchange{e.MessageID, e.Client, e.Service, e.Result, e.Started, float64(e.Took.Microseconds()) / 1000})
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"exchanges": list})
}

// readControl reads the body into v; a field that v does not have is refused.
func readControl(w http.ResponseWriter, r *http.Request, v any) bool {
	data, problem := web.ReadJSON(w, r, maxControlBody)
	if problem != nil {
		web.WriteProblem(w, *problem)
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		web.WriteProblem(w, web.Problem{Type: web.TypeMalformed, Status: http.StatusBadRequest, Detail: err.Error()})
		return false
	}
	return true
}

// writeError says what went wrong: 404 for what is not there, 400 for what does
// not fit, 500 for what could not be remembered.
func writeError(w http.ResponseWriter, err error) {
	if faults, ok := errors.AsType[simulated.Faults](err); ok {
		p := web.Problem{Type: web.TypeMalformed, Status: http.StatusBadRequest, Detail: "The request does not fit."}
		for _, f := range faults {
			p.Errors = append(p.Errors, web.FieldError{Path: "/" + f.Field, Code: "invalid", Message: f.Message})
		}
		web.WriteProblem(w, p)
		return
	}
	_, noSystem := errors.AsType[*simulated.UnknownSystemError](err)
	_, noService := errors.AsType[*securityserver.UnknownServiceError](err)
	_, nothing := errors.AsType[*simulated.NotFoundError](err)
	if noSystem || noService || nothing {
		web.WriteProblem(w, web.Problem{Type: web.TypeNotFound, Status: http.StatusNotFound, Detail: err.Error()})
		return
	}
	web.WriteProblem(w, web.Problem{Type: web.TypeInternal, Status: http.StatusInternalServerError, Detail: err.Error()})
}
