package simulated

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/web"
	"ristmik/mapping"
	"ristmik/soap"
)

// maxBody is the largest request that the inspectorate takes, in bytes.
const maxBody = 1 << 20

// eventTypes are the events of a permit that a register knows.
var eventTypes = []string{"permit.issued", "permit.extended", "permit.conditions_changed", "permit.revoked", "permit.expired"}

// restConsultation takes an authority's consultation (POST /consultations): 202
// with a receipt at once, the answer comes later by itself.
func (w *World) restConsultation(name string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) { w.takeREST(name, rw, r) }
}

func (w *World) takeREST(name string, rw http.ResponseWriter, r *http.Request) {
	var q struct {
		ConsultationID  string      `json:"consultation_id"`
		Round           int         `json:"round"`
		CaseReference   string      `json:"case_reference"`
		CaseType        string      `json:"case_type"`
		LegalBasis      string      `json:"legal_basis"`
		Purpose         string      `json:"purpose"`
		PersonalCode    string      `json:"personal_code"`
		GivenName       string      `json:"given_name"`
		Surname         string      `json:"surname"`
		BirthDate       string      `json:"birth_date"`
		Citizenship     string      `json:"citizenship"`
		DocumentNumber  string      `json:"document_number"`
		DocumentCountry string      `json:"document_country"`
		EmployerCode    string      `json:"employer_code"`
		Occupation      string      `json:"occupation"`
		Classification  string      `json:"classification"`
		Attachments     []reference `json:"attachments"`
	}
	from, ok := caller(rw, r)
	if !ok || !readJSON(rw, r, &q) {
		return
	}
	var faults []web.FieldError
	for _, f := range []struct{ name, value string }{
		{"consultation_id", q.ConsultationID}, {"case_reference", q.CaseReference}, {"case_type", q.CaseType}, {"legal_basis", q.LegalBasis},
		{"purpose", q.Purpose}, {"given_name", q.GivenName}, {"surname", q.Surname},
	} {
		faults = needed(faults, f.name, f.value)
	}
	if q.Round < 1 {
		faults = append(faults, web.FieldError{Path: "/round", Code: "range", Message: "is 1 or more"})
	}
	if q.PersonalCode != "" || q.BirthDate == "" {
		faults = checkedCode(faults, q.PersonalCode)
	}
	if refused(rw, faults) {
		return
	}
	w.acknowledge(name, rw, http.StatusAccepted, func() (string, bool, error) {
		return w.consult(name, consultationRecord{ID: q.ConsultationID, Round: q.Round, From: from.String(), Case: q.CaseReference, Files: named(q.Attachments)})
	})
}

// restDescription gives the description of what a partner's REST service takes.
func (w *World) restDescription(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/yaml")
	_, _ = rw.Write(w.contracts.partner) // a caller who has gone needs no answer
}

// restNotice takes a permit notice (POST /permit-notices).
func (w *World) restNotice(rw http.ResponseWriter, r *http.Request) {
	var n Notice
	if _, ok := caller(rw, r); !ok || !readJSON(rw, r, &n) {
		return
	}
	faults := needed(needed(nil, "event_id", n.EventID), "permit_id", n.PermitID)
	if !slices.Contains(eventTypes, n.EventType) {
		faults = append(faults, web.FieldError{Path: "/event_type", Code: "enum", Message: "is one of " + strings.Join(eventTypes, ", ")})
	}
	if _, err := time.Parse(time.RFC3339, n.OccurredAt); err != nil {
		faults = append(faults, web.FieldError{Path: "/occurred_at", Code: "format", Message: "is a moment (RFC 3339)"})
	}
	if refused(rw, checkedCode(faults, n.PersonalCode)) {
		return
	}
	w.acknowledge(LabourInspectorate, rw, http.StatusOK, func() (string, bool, error) {
		receipt, duplicate, t, err := w.take(LabourInspectorate, n)
		if err == nil {
			err = t.Wait()
		}
		return receipt, duplicate, err
	})
}

// consultationRequest answers an authority's consultationRequest.
func (w *World) consultationRequest(name string) operate {
	return func(_ context.Context, req *soap.Message, request map[string]any) (map[string]any, error) {
		id, _ := request["consultationId"].(string)
		code, _ := request["personalCode"].(string)
		reference, _ := request["caseReference"].(string)
		var round int
		if _, err := fmt.Sscan(fmt.Sprint(request["round"]), &round); err != nil || round < 1 || id == "" {
			return nil, &businessFault{"consultation.key", "consultationId või round puudub"}
		}
		_, born := request["birthDate"]
		if fault := mapping.CheckPersonalCode(code); fault != "" && (code != "" || !born) {
			return nil, &businessFault{fault, "isikukood ei ole õige"}
		}
		receipt, duplicate, err := w.consult(name, consultationRecord{ID: id, Round: round, From: req.Header.Client.String(), Case: reference, Files: filesOf(request)})
		if err != nil {
			return nil, err
		}
		return map[string]any{"receiptId": receipt, "duplicate": duplicate}, nil
	}
}

// caller is the subsystem that the Security Server vouches for.
func caller(rw http.ResponseWriter, r *http.Request) (soap.ClientID, bool) {
	id, err := soap.ParseClientID(r.Header.Get("X-Road-Client"))
	if err != nil {
		web.WriteProblem(rw, web.Problem{Status: http.StatusBadRequest, Detail: "X-Road-Client is missing or is no identifier."})
		return id, false
	}
	return id, true
}

// readJSON reads the body into v; a field that v does not have is refused.
func readJSON(rw http.ResponseWriter, r *http.Request, v any) bool {
	data, problem := web.ReadJSON(rw, r, maxBody)
	if problem != nil {
		web.WriteProblem(rw, *problem)
		return false
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		web.WriteProblem(rw, web.Problem{Status: http.StatusBadRequest, Detail: "The body does not have the form of this request."})
		return false
	}
	return true
}

func needed(faults []web.FieldError, name, value string) []web.FieldError {
	if value == "" {
		return append(faults, web.FieldError{Path: "/" + name, Code: "required", Message: "is required"})
	}
	return faults
}

func checkedCode(faults []web.FieldError, code string) []web.FieldError {
	if fault := mapping.CheckPersonalCode(code); fault != "" {
		return append(faults, web.FieldError{Path: "/personal_code", Code: fault, Message: "is no personal code"})
	}
	return faults
}

func refused(rw http.ResponseWriter, faults []web.FieldError) bool {
	if len(faults) == 0 {
		return false
	}
	web.WriteProblem(rw, web.Problem{Status: http.StatusBadRequest, Detail: "The request does not fit.", Errors: faults})
	return true
}

// acknowledge answers with a receipt once what came is on the disk.
func (w *World) acknowledge(name string, rw http.ResponseWriter, status int, keep func() (receipt string, duplicate bool, err error)) {
	receipt, duplicate, err := keep()
	if err != nil {
		w.o.Log.Error("remembering what came", "system", name, "error", err)
		web.WriteProblem(rw, web.Problem{Status: http.StatusInternalServerError})
		return
	}
	web.WriteJSON(rw, status, map[string]any{"receipt_id": receipt, "duplicate": duplicate})
}
