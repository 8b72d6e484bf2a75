package sandbox_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"ristmik/adapters/sandbox"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// hubStub is a hub that takes answers: it notes what came and says what it is
// told to.
type hubStub struct {
	*httptest.Server
	mu      sync.Mutex
	answers []map[string]any // what came, REST form; SOAP as its text under "soap"
	refuse  bool             // answer as if something were broken
	t       *testing.T
}

func newHub(t *testing.T) *hubStub {
	h := &hubStub{t: t}
	h.Server = httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

// register tells the sandbox where the hub lives.
func (h *hubStub) register(s *sandbox.Sandbox) {
	for service, path := range map[string]string{hub.String() + "/submitAnswer/v1": "/soap", hub.String() + "/konsult": "/rest/v1"} {
		mustControl(h.t, s, "PUT", "registrations", map[string]string{"service": service, "url": h.URL + path}, nil)
	}
}

func (h *hubStub) serve(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	status := "accepted"
	if len(h.answers) > 0 {
		status = "duplicate"
	}
	if r.URL.Path == "/soap" {
		h.answers = append(h.answers, map[string]any{"soap": string(data)})
		req, err := soap.ReadRequest(data, soap.DefaultLimits())
		if err != nil {
			h.t.Error(err)
			return
		}
		contracttest.ValidateBody(h.t, contracttest.Shipped(h.t, "consultation-answer.wsdl"), bodyOf(h.t, req))
		w.Header().Set("Content-Type", "text/xml; charset=UTF-8")
		i := bytes.Index(data, []byte("<env:Body>"))
		io.WriteString(w, string(data[:i])+`<env:Body><a:submitAnswerResponse xmlns:a="http://ristmik.x-road.eu/consultation"><response><status>`+status+`</status><legState>ANSWERED</legState></response></a:submitAnswerResponse></env:Body></env:Envelope>`)
		return
	}
	answer := map[string]any{"path": r.URL.Path, "client": r.Header.Get("X-Road-Client")}
	if err := json.Unmarshal(data, &answer); err != nil {
		h.t.Error(err)
	}
	h.answers = append(h.answers, answer)
	json.NewEncoder(w).Encode(map[string]string{"status": status, "leg_state": "ANSWERED"})
}

func (h *hubStub) got() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]map[string]any(nil), h.answers...)
}

func (h *hubStub) setRefuse(v bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = v
}

// askREST sends a consultation to the inspectorate.
func askREST(t *testing.T, s *sandbox.Sandbox, id string) (status int, receipt string, duplicate bool) {
	t.Helper()
	body := `{"consultation_id":"` + id + `","round":1,"case_reference":"C-1","case_type":"residence_permit.employment","legal_basis":"VMS § 40","purpose":"check","personal_code":"71506150007","given_name":"Oriane","surname":"Näidis"}`
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"/r1/"+labour.String()+"/konsult/consultations", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Road-Client", hub.String())
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var out struct {
		ReceiptID string `json:"receipt_id"`
		Duplicate bool   `json:"duplicate"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, out.ReceiptID, out.Duplicate
}

// askSOAP sends a consultation to the security service.
func askSOAP(t *testing.T, s *sandbox.Sandbox, id string) (receipt, duplicate string) {
	t.Helper()
	service := soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}
	m := call(t, s, envelope(hub, service, "c-"+id, "<x:userId>EE71506150007</x:userId>", `<c:consultationRequest xmlns:c="http://ristmik.x-road.eu/consultation"><request><consultationId>`+id+`</consultationId><round>1</round><caseReference>C-1</caseReference><caseType>residence_permit.employment</caseType><legalBasis>VMS § 40</legalBasis><purpose>check</purpose><personalCode>71506150007</personalCode><givenName>Oriane</givenName><surname>Näidis</surname></request></c:consultationRequest>`))
	if m.Fault != nil {
		t.Fatalf("fault %s: %s", m.Fault.Code, m.Fault.String)
	}
	contracttest.ValidateBody(t, contracttest.Shipped(t, "consultation-request.wsdl"), bodyOf(t, m))
	response := soap.Child(m.Body(), "", "response")
	return soap.Child(response, "", "receiptId").Text(), soap.Child(response, "", "duplicate").Text()
}

func TestTheInspectorateAnswersByItselfThroughTheSecurityServer(t *testing.T) {
	t.Parallel()
	s, h := start(t, options(t, "")), newHub(t)
	h.register(s)
	mustControl(t, s, "PUT", "authorities/labour-inspectorate", map[string]any{"answer_code": "OPINION_NEGATIVE", "delay_ms": 0, "deliveries": 2}, nil)
	status, receipt, duplicate := askREST(t, s, "leg/1ä")
	if status != http.StatusAccepted || receipt == "" || duplicate {
		t.Fatalf("status %d, receipt %q, duplicate %v", status, receipt, duplicate)
	}
	eventually(t, "two deliveries", func() bool {
		c := receivedBy(t, s, "labour-inspectorate").Consultations
		return len(c) == 1 && c[0].DeliveriesDone == 2
	})
	got := h.got()
	if len(got) != 2 || got[0]["answer_id"] != got[1]["answer_id"] || got[0]["answer_id"] == "" {
		t.Fatalf("the hub got %v", got)
	}
	a := got[0]
	if a["path"] != "/rest/v1/consultations/leg/1ä/answers" || a["client"] != labour.String() || a["answer_code"] != "OPINION_NEGATIVE" || a["round"] != 1.0 ||
		a["legal_ground"] == nil || a["justification"] == nil {
		t.Errorf("the hub got %v", a)
	}
	c := receivedBy(t, s, "labour-inspectorate").Consultations[0]
	if !c.Answered || c.AnswerStatus != "duplicate" || c.AnswerCode != "OPINION_NEGATIVE" || c.TimesReceived != 1 {
		t.Errorf("the inspectorate remembers %+v", c)
	}
	if _, again, duplicate := askREST(t, s, "leg/1ä"); !duplicate || again != receipt {
		t.Errorf("asked again: receipt %s, duplicate %v; want %s and true", again, duplicate, receipt)
	}
	if n := len(h.got()); n != 2 {
		t.Errorf("%d answers after the same consultation came again", n)
	}
}

func TestTheSecurityServiceHoldsItsAnswerUntilItIsReleased(t *testing.T) {
	t.Parallel()
	s, h := start(t, options(t, "")), newHub(t)
	h.register(s)
	mustControl(t, s, "PUT", "authorities/security-service", map[string]any{"delay_ms": 0, "hold": true}, nil)
	receipt, duplicate := askSOAP(t, s, "leg-1")
	if receipt == "" || duplicate != "false" {
		t.Fatalf("receipt %q, duplicate %s", receipt, duplicate)
	}
	if again, duplicate := askSOAP(t, s, "leg-1"); again != receipt || duplicate != "true" {
		t.Errorf("asked again: receipt %q, duplicate %s", again, duplicate)
	}
	if c := receivedBy(t, s, "security-service").Consultations; len(c) != 1 || c[0].Answered || c[0].AnswerID != "" || c[0].TimesReceived != 2 {
		t.Errorf("held: %+v", c)
	}
	mustControl(t, s, "PUT", "authorities/security-service", map[string]any{"hold": false, "answer_code": "APPROVED_WITH_CONDITIONS"}, nil)
	eventually(t, "an answer", func() bool { return receivedBy(t, s, "security-service").Consultations[0].Answered })
	got := h.got()
	if len(got) != 1 || !strings.Contains(got[0]["soap"].(string), "<answerCode>APPROVED_WITH_CONDITIONS</answerCode>") || !strings.Contains(got[0]["soap"].(string), "<consultationId>leg-1</consultationId>") {
		t.Errorf("the hub got %v", got)
	}
}

func TestAnAnswerIsSentAgainUntilTheHubHasAcknowledgedIt(t *testing.T) {
	t.Parallel()
	s, h := start(t, options(t, "")), newHub(t)
	h.register(s)
	h.setRefuse(true)
	mustControl(t, s, "PUT", "authorities/security-service", map[string]any{"delay_ms": 0}, nil)
	askSOAP(t, s, "leg-1")
	lastError := func() string { return receivedBy(t, s, "security-service").Consultations[0].LastError }
	eventually(t, "a refused delivery", func() bool { return lastError() != "" })
	if got := lastError(); got != "refused: server.serverproxy.service_failed.http_error" {
		t.Errorf("last error %q", got)
	}
	h.setRefuse(false)
	eventually(t, "an acknowledged delivery", func() bool { return receivedBy(t, s, "security-service").Consultations[0].Answered })
}

func TestASystemThatIsDownRefusesConnectionsAndComesBack(t *testing.T) {
	t.Parallel()
	s, h := start(t, options(t, "")), newHub(t)
	h.register(s)
	mustControl(t, s, "PUT", "authorities/labour-inspectorate", map[string]any{"delay_ms": 0, "hold": true}, nil)
	askREST(t, s, "leg-1")
	for _, name := range []string{"labour-inspectorate", "employment-register"} {
		mustControl(t, s, "PUT", "services/"+name, map[string]bool{"down": true}, nil)
	}
	if code, _ := faultOf(t, s, envelope(hub, torikService, "m-1", "", torik("A", "71506150007", ""))); code != "server.serverproxy.service_failed.network_error" {
		t.Errorf("a register that is down: %s", code)
	}
	if status, _, _ := askREST(t, s, "leg-2"); status != http.StatusInternalServerError {
		t.Errorf("an authority that is down: status %d", status)
	}
	// One that is down answers nobody either.
	mustControl(t, s, "PUT", "authorities/labour-inspectorate", map[string]bool{"hold": false}, nil)
	if n := len(h.got()); n != 0 {
		t.Errorf("%d answers from an authority that is down", n)
	}
	for _, name := range []string{"labour-inspectorate", "employment-register"} {
		mustControl(t, s, "PUT", "services/"+name, map[string]bool{"down": false}, nil)
	}
	if m := call(t, s, envelope(hub, torikService, "m-1", "", torik("A", "71506150007", ""))); m.Fault != nil {
		t.Errorf("up again: %s", m.Fault.Code)
	}
	eventually(t, "the answer", func() bool { return len(h.got()) == 1 })

	var log struct {
		Exchanges []struct {
			MessageID string `json:"message_id"`
			Client    string `json:"client"`
			Service   string `json:"service"`
			Result    string `json:"result"`
		}
	}
	eventually(t, "the exchange in the list", func() bool {
		mustControl(t, s, "GET", "exchanges?limit=100", nil, &log)
		return len(log.Exchanges) == 5
	})
	results := map[string]int{}
	for _, e := range log.Exchanges {
		results[e.Service+" "+e.Result]++
	}
	if results["EE/GOV/70000349/tor/TORIK/v2 server.serverproxy.service_failed.network_error"] != 1 || results["EE/GOV/79990000/jarelevalve/konsult server.serverproxy.network_error"] != 1 || results[hub.String()+"/konsult ok"] != 1 {
		t.Errorf("exchanges %v", results)
	}
}

func TestTheControlAPISaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := start(t, options(t, ""))
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		says         string
	}{
		{"PUT", "services/nobody", map[string]bool{"down": true}, 404, "labour-inspectorate"},
		{"PUT", "services/tax-permits", map[string]any{}, 400, "/down"},
		{"PUT", "authorities/tax-permits", map[string]any{"hold": true}, 404, "security-service"},
		{"PUT", "authorities/security-service", map[string]any{"answer_code": "MAYBE", "delay_ms": -1}, 400, "/delay_ms"},
		{"PUT", "authorities/security-service", map[string]any{"mood": "bad"}, 400, "mood"},
		{"GET", "received/nobody", nil, 404, "tax-permits"},
		{"PUT", "registrations", map[string]any{"service": "EE/GOV/1/a/b", "url": "http://127.0.0.1:1"}, 404, "submitAnswer"},
		{"PUT", "registrations", map[string]any{"service": hub.String() + "/konsult", "url": "nowhere"}, 400, "/url"},
		{"PUT", "registrations", map[string]any{"service": "x", "url": "http://127.0.0.1:1"}, 400, "/service"},
		{"GET", "exchanges?limit=many", nil, 400, "/limit"},
		{"GET", "weather", nil, 404, "/control/v1/persons"},
	} {
		var out map[string]any
		status := control(t, s, c.method, c.path, c.body, &out)
		text, err := json.Marshal(out)
		if err != nil {
			t.Fatal(err)
		}
		if status != c.status || !strings.Contains(string(text), c.says) {
			t.Errorf("%s %s: status %d %s, want %d and %q", c.method, c.path, status, text, c.status, c.says)
		}
	}
}
