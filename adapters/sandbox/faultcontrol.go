package sandbox

import (
	"errors"
	"net/http"

	"ristmik/adapters/sandbox/trouble"
	"ristmik/adapters/web"
)

// getFaults tells what is armed and what came of it, how many calls have come,
// and what can be armed.
func (s *Sandbox) getFaults(w http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	for _, a := range s.troubles.List() {
		list = append(list, faultView(a))
	}
	web.WriteJSON(w, http.StatusOK, map[string]any{"faults": list, "calls": s.troubles.Calls(), "kinds": kindViews()})
}

// postFault arms a fault.
func (s *Sandbox) postFault(w http.ResponseWriter, r *http.Request) {
	data, problem := web.ReadJSON(w, r, maxControlBody)
	if problem != nil {
		web.WriteProblem(w, *problem)
		return
	}
	f, err := trouble.ParseFault(data)
	if wrongs, ok := errors.AsType[trouble.Wrongs](err); ok {
		p := web.Problem{Type: web.TypeMalformed, Status: http.StatusBadRequest, Detail: "The fault does not fit; GET /control/v1/faults lists what each kind takes."}
		for _, one := range wrongs {
			path := ""
			if one.Field != "" {
				path = "/" + one.Field
			}
			p.Errors = append(p.Errors, web.FieldError{Path: path, Code: "invalid", Message: one.Message})
		}
		web.WriteProblem(w, p)
		return
	}
	a, err := s.troubles.Arm(f)
	if err != nil {
		web.WriteProblem(w, web.Problem{Type: web.TypeConflict, Status: http.StatusConflict, Detail: err.Error()})
		return
	}
	w.Header().Set("Location", "/control/v1/faults/"+a.ID)
	web.WriteJSON(w, http.StatusCreated, faultView(a))
}

func (s *Sandbox) getFault(w http.ResponseWriter, r *http.Request) {
	for _, a := range s.troubles.List() {
		if a.ID == r.PathValue("id") {
			web.WriteJSON(w, http.StatusOK, faultView(a))
			return
		}
	}
	noFault(w)
}

func (s *Sandbox) deleteFault(w http.ResponseWriter, r *http.Request) {
	found, err := s.troubles.Disarm(r.PathValue("id"))
	switch {
	case err != nil:
		writeError(w, err)
	case !found:
		noFault(w)
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Sandbox) deleteFaults(w http.ResponseWriter, _ *http.Request) {
	if _, err := s.troubles.Disarm(""); err != nil {
		writeError(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func noFault(w http.ResponseWriter) {
	web.WriteProblem(w, web.Problem{Type: web.TypeNotFound, Status: http.StatusNotFound, Detail: "No fault of that id is armed."})
}

// faultView is a fault as it would be armed, with what became of it.
func faultView(a trouble.Armed) map[string]any {
	v := a.Fault.Parameters()
	v["id"], v["seen"], v["hit"], v["spent"] = a.ID, a.Seen, a.Hit, a.Spent
	return v
}

// kindViews lists what can be armed.
func kindViews() []map[string]any {
	var list []map[string]any
	for _, k := range trouble.Specs() {
		list = append(list, map[string]any{"kind": k.Kind, "does": k.Does, "needed": listed(k.Needed), "optional": listed(k.Takes())})
	}
	return list
}

// listed keeps a list that is empty from being none in JSON.
func listed(names []string) []string { return append([]string{}, names...) }
