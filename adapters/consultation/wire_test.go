package consultation_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

var hub = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}

// client calls a Security Server that is the handler.
func client(t *testing.T, h http.HandlerFunc) *xroad.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	c, err := xroad.New(xroad.Options{SecurityServer: server.URL, Client: hub, Transport: transport, NewID: func() string { return "message-1" }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func question() consultation.Question {
	return consultation.Question{
		LegID: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", Round: 1, CaseReference: "ELT-2026/004711", CaseType: "residence_permit.employment",
		LegalBasis: "VMS § 176", Purpose: "Elamisloa andmine & <kontroll>", PersonalCode: "71506150007", GivenName: "Mai", Surname: "Õun",
		EmployerCode: "10000024", Official: "EE81506150008",
	}
}

func operation(t *testing.T) *contract.Operation {
	t.Helper()
	c, err := contract.Load(configs.Contracts(), "consultation-request.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	op, ok := c.Operation("consultationRequest", "v1")
	if !ok {
		t.Fatal("no consultationRequest/v1")
	}
	return op
}

// soapPeer answers SOAP requests with the response that it is given, as a
// Security Server hands it on.
func soapPeer(t *testing.T, op *contract.Operation, seen *map[string]any, header *soap.Header, respond func() *etree.Element) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		req, err := soap.ReadRequest(data, soap.DefaultLimits())
		if err != nil {
			t.Error(err)
			return
		}
		*header = req.Header
		if *seen, err = mapping.Decode(op.Input, req.Body()); err != nil {
			t.Error(err)
		}
		answer, err := soap.BuildAnswer(req, respond())
		if err != nil {
			t.Error(err)
			return
		}
		hash := fmt.Sprintf(`<h:requestHash xmlns:h=%q algorithmId=%q>%s</h:requestHash>`, soap.NSXRoad, soap.HashAlgorithm, soap.HashOf(data))
		at := strings.Index(string(answer), ":Header>")      // the end of the opening tag
		end := strings.LastIndex(string(answer), ":Header>") // of the closing tag
		end = strings.LastIndex(string(answer[:end]), "</")
		if at < 0 || end < at {
			t.Error("no header in the answer")
		}
		w.Header().Set("Content-Type", soap.ContentType)
		fmt.Fprint(w, string(answer[:end])+hash+string(answer[end:]))
	}
}

func respond(t *testing.T, op *contract.Operation, response map[string]any) func() *etree.Element {
	return func() *etree.Element {
		el, err := mapping.Encode(op.Output, map[string]any{"response": response})
		if err != nil {
			t.Error(err)
		}
		return el
	}
}

func TestTheSOAPWireAsksByTheContract(t *testing.T) {
	t.Parallel()
	op := operation(t)
	var seen map[string]any
	var header soap.Header
	service := soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}
	c := client(t, soapPeer(t, op, &seen, &header, respond(t, op, map[string]any{"receiptId": "R-1", "duplicate": true})))
	reply, err := consultation.NewSOAPWire(c, service, op, consultation.Enclosed{}).Ask(context.Background(), question())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(consultation.Reply{ReceiptID: "R-1", MessageID: "message-1"}, reply); diff != "" {
		t.Error(diff)
	}
	want := map[string]any{"request": map[string]any{
		"consultationId": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "round": json.Number("1"), "caseReference": "ELT-2026/004711",
		"caseType": "residence_permit.employment", "legalBasis": "VMS § 176", "purpose": "Elamisloa andmine & <kontroll>",
		"personalCode": "71506150007", "givenName": "Mai", "surname": "Õun", "employerCode": "10000024", "attachment": []any{},
	}}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("the question:\n%s", diff)
	}
	if header.UserID != "EE81506150008" || header.Issue != "ELT-2026/004711" || header.Service != service || header.Client != hub {
		t.Errorf("header %+v", header)
	}
}

func TestARefusalInTheSOAPBodyIsABusinessFailureWithoutItsText(t *testing.T) {
	t.Parallel()
	op := operation(t)
	for code, want := range map[string]string{
		"UNKNOWN_CASE_TYPE": "business.UNKNOWN_CASE_TYPE", "71506150007": "business", "a b": "business",
	} {
		var seen map[string]any
		var header soap.Header
		c := client(t, soapPeer(t, op, &seen, &header, respond(t, op, map[string]any{"faultCode": code, "faultString": "Isik 71506150007 on tundmatu"})))
		reply, err := consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, op, consultation.Enclosed{}).
			Ask(context.Background(), question())
		failureIs(t, err, soap.KindBusiness, want)
		if reply.MessageID != "message-1" {
			t.Errorf("message id %q", reply.MessageID)
		}
	}
}

func TestAFaultOfTheSecurityServerKeepsItsKind(t *testing.T) {
	t.Parallel()
	op := operation(t)
	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", soap.ContentType)
		_, _ = w.Write(soap.BuildFault(soap.Fault{Code: "Server.ServerProxy.AccessDenied", String: "no right"}))
	})
	_, err := consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, op, consultation.Enclosed{}).
		Ask(context.Background(), question())
	failureIs(t, err, soap.KindFixRights, "server.serverproxy.access_denied")
}

func TestAQuestionThatBreaksTheContractIsNotSent(t *testing.T) {
	t.Parallel()
	op := operation(t)
	c := client(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	q := question()
	q.Surname = "a\x01b"
	_, err := consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, op, consultation.Enclosed{}).
		Ask(context.Background(), q)
	failureIs(t, err, soap.KindFixData, "question.contract")
}

// restPeer answers with a status and a body, with the headers that a Security
// Server adds.
func restPeer(status int, contentType, body string, seen *http.Request, sent *string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		*seen, *sent = *r, string(data)
		h := w.Header()
		h.Set("X-Road-Id", r.Header.Get("X-Road-Id"))
		h.Set("X-Road-Client", r.Header.Get("X-Road-Client"))
		h.Set("X-Road-Service", "EE/GOV/79990000/jarelevalve/konsult")
		h.Set("X-Road-Request-Hash", "aGFzaA==")
		h.Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestTheRESTWireAsks(t *testing.T) {
	t.Parallel()
	var seen http.Request
	var sent string
	service := soap.ServiceID{Provider: labour, Code: "konsult"}
	for _, status := range []int{200, 202} {
		c := client(t, restPeer(status, "application/json; charset=utf-8", `{"receipt_id":"R-2","duplicate":false,"queue":7}`, &seen, &sent))
		reply, err := consultation.NewRESTWire(c, service).Ask(context.Background(), question())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(consultation.Reply{ReceiptID: "R-2", MessageID: "message-1"}, reply); diff != "" {
			t.Error(diff)
		}
	}
	if seen.Method != "POST" || seen.URL.Path != "/r1/EE/GOV/79990000/jarelevalve/konsult/consultations" {
		t.Errorf("%s %s", seen.Method, seen.URL.Path)
	}
	for name, want := range map[string]string{
		"X-Road-Client": "EE/GOV/70008747/ristmik", "X-Road-Userid": "EE81506150008", "X-Road-Issue": "ELT-2026/004711",
	} {
		if got := seen.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(sent), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"consultation_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "round": 1.0, "case_reference": "ELT-2026/004711",
		"case_type": "residence_permit.employment", "legal_basis": "VMS § 176", "purpose": "Elamisloa andmine & <kontroll>",
		"personal_code": "71506150007", "given_name": "Mai", "surname": "Õun", "employer_code": "10000024",
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("the question:\n%s", diff)
	}
}

func TestWhatARESTAuthoritySaysInsteadOfAReceipt(t *testing.T) {
	t.Parallel()
	const jsonType = "application/json"
	for _, c := range []struct {
		status            int
		contentType, body string
		kind              soap.Kind
		code              string
	}{
		{400, jsonType, `{}`, soap.KindFixData, "http.400"},
		{422, "application/problem+json", `{"detail":"71506150007"}`, soap.KindFixData, "http.422"},
		{404, "text/html", "no", soap.KindFixData, "http.404"},
		{409, jsonType, `{}`, soap.KindBusiness, "http.409"},
		{403, jsonType, `{}`, soap.KindFixRights, "http.403"},
		{429, jsonType, `{}`, soap.KindRetryLater, "http.429"},
		{500, jsonType, `{}`, soap.KindPartnerDown, "http.500"},
		{503, "text/html", "down", soap.KindPartnerDown, "http.503"},
		{302, jsonType, `{}`, soap.KindUnknownResult, "http.302"},
		{204, jsonType, ``, soap.KindUnknownResult, "http.204"},
		{200, "text/html", `{"receipt_id":"R"}`, soap.KindUnknownResult, "answer.contract"},
		{202, jsonType, `{"receipt_id":7}`, soap.KindUnknownResult, "answer.contract"},
		{202, jsonType, `{}`, soap.KindUnknownResult, "answer.contract"},
		{202, jsonType, `{"receipt_id":"` + strings.Repeat("x", 300) + `"}`, soap.KindUnknownResult, "answer.contract"},
		{202, jsonType, `{"receipt_id":"R"} more`, soap.KindUnknownResult, "answer.contract"},
	} {
		var seen http.Request
		var sent string
		peer := client(t, restPeer(c.status, c.contentType, c.body, &seen, &sent))
		_, err := consultation.NewRESTWire(peer, soap.ServiceID{Provider: labour, Code: "konsult"}).Ask(context.Background(), question())
		failureIs(t, err, c.kind, c.code)
	}
}

func failureIs(t *testing.T, err error, kind soap.Kind, code string) {
	t.Helper()
	f, ok := errors.AsType[*soap.Failure](err)
	if !ok || f.Kind != kind || f.Code != code || f.MessageID == "" && kind != soap.KindFixData {
		t.Errorf("got %#v (%v), want %s %s", f, err, kind, code)
	}
	if err != nil && strings.Contains(err.Error(), "71506150007") {
		t.Errorf("the error names the person: %v", err)
	}
}
