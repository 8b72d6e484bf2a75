package sandbox_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// records asks the employment register and returns the ids of the records.
func records(t *testing.T, s *sandbox.Sandbox, kind, codes, more string) []string {
	t.Helper()
	m := call(t, s, envelope(hub, torikService, "r-1", "", torik(kind, codes, more)))
	if m.Fault != nil {
		t.Fatalf("fault %s: %s", m.Fault.Code, m.Fault.String)
	}
	response := soap.Child(m.Body(), "", "response")
	if f := soap.Child(response, "", "faultCode"); f != nil {
		t.Fatalf("business fault %s", f.Text())
	}
	var ids []string
	for _, k := range soap.Child(response, "", "kannete_jada").ChildElements() {
		ids = append(ids, soap.Child(k, "", "toot_id").Text())
	}
	if n := soap.Child(response, "", "leitud_kannete_arv").Text(); n != fmt.Sprint(len(ids)) {
		t.Errorf("leitud_kannete_arv is %s with %d records", n, len(ids))
	}
	return ids
}

func TestAnswersOfTheEmploymentRegisterFitTheRealDescription(t *testing.T) {
	t.Parallel()
	real := contracttest.RealTOR(t)
	s := start(t, options(t, ""))
	var all []string
	for _, p := range persons(t, s) {
		all = append(all, p.PersonalCode)
	}
	for _, message := range []string{
		torik("T", strings.Join(all, ","), ""),
		torik("A", "71506150007", ""),
		torik("TM", all[0], ""), // a business fault
	} {
		m := call(t, s, envelope(hub, torikService, "r-1", "", message))
		if m.Fault != nil {
			t.Fatalf("fault %s: %s", m.Fault.Code, m.Fault.String)
		}
		contracttest.ValidateBody(t, real, bodyOf(t, m))
	}
}

func TestEmploymentQueriesSelectByStateAndPeriod(t *testing.T) {
	t.Parallel()
	s := start(t, options(t, ""))
	list := persons(t, s)
	var active, all, ended []string
	var p person
	for _, one := range list {
		if len(one.Employments) == 3 && one.Employments[1].End != "" {
			p = one
		}
	}
	for _, e := range p.Employments {
		all = append(all, fmt.Sprint(e.ID))
		if e.End == "" {
			active = append(active, fmt.Sprint(e.ID))
		} else {
			ended = append(ended, fmt.Sprint(e.ID))
		}
	}
	first := p.Employments[1]
	period := func(from, until, name1, name2 string) string {
		return fmt.Sprintf("<%s>%s</%s><%s>%s</%s>", name1, from, name1, name2, until, name2)
	}
	for _, c := range []struct {
		name, kind, more string
		want             []string
	}{
		{"all", "T", "", all},
		{"active today", "A", "", active},
		{"active before any began", "P", period("2001-01-01", "2001-12-31", "toot_algus", "toot_lopp"), nil},
		{"active on the last day", "P", period(first.End, first.End, "toot_algus", "toot_lopp"), nil},
		{"changed before any was", "TM", period("2001-01-01", "2001-12-31", "muut_alg", "muut_lopp"), nil},
		{"changed ever", "TM", period("2001-01-01", "2100-12-31", "muut_alg", "muut_lopp"), all},
		{"changed ever and active", "AM", period("2001-01-01", "2100-12-31", "muut_alg", "muut_lopp"), active},
		{"worked ever and changed ever", "PM", period("2001-01-01", "2100-12-31", "toot_algus", "toot_lopp") + "<muut_alg>2001-01-01</muut_alg>", all},
	} {
		got := records(t, s, c.kind, p.PersonalCode, c.more)
		if c.name == "active on the last day" {
			// Which others overlap depends on the seed; the period includes its last day.
			if !strings.Contains(strings.Join(got, " "), fmt.Sprint(first.ID)) {
				t.Errorf("%s: %v lacks %d", c.name, got, first.ID)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
	if got := records(t, s, "T", "71506150007", ""); len(got) != 0 {
		t.Errorf("an unknown person has the records %v", got)
	}
	if len(ended) == 0 {
		t.Fatal("no ended employment to judge by")
	}
}

func TestAnEndedEmploymentIsAChangeOfToday(t *testing.T) {
	t.Parallel()
	o := options(t, "")
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	o.Now = func() time.Time { return now }
	s := start(t, o)
	p := persons(t, s)[3]
	today := "<muut_alg>2026-03-10</muut_alg><muut_lopp>2026-03-10</muut_lopp>"
	if got := records(t, s, "TM", p.PersonalCode, today); len(got) != 0 {
		t.Fatalf("already changed today: %v", got)
	}
	id := p.Employments[0].ID
	mustControl(t, s, "POST", "employments/end", map[string]any{"personal_code": p.PersonalCode, "toot_id": id, "end": "2026-03-09", "ground_code": "85"}, nil)
	if got := records(t, s, "TM", p.PersonalCode, today); cmp.Diff([]string{fmt.Sprint(id)}, got) != "" {
		t.Errorf("changed today: %v, want %d", got, id)
	}
	for _, bad := range []struct {
		body map[string]any
		want int
	}{
		{map[string]any{"personal_code": "71506150007", "end": "2026-03-09", "ground_code": "85"}, http.StatusNotFound},
		{map[string]any{"personal_code": p.PersonalCode, "toot_id": 1, "end": "2026-03-09", "ground_code": "85"}, http.StatusNotFound},
		{map[string]any{"personal_code": p.PersonalCode, "toot_id": id, "end": "1999-03-09", "ground_code": "85"}, http.StatusBadRequest},
		{map[string]any{"personal_code": "1", "end": "tomorrow"}, http.StatusBadRequest},
		{map[string]any{"personal_code": p.PersonalCode, "until": "2026-03-09"}, http.StatusBadRequest},
	} {
		if got := control(t, s, "POST", "employments/end", bad.body, nil); got != bad.want {
			t.Errorf("%v: status %d, want %d", bad.body, got, bad.want)
		}
	}
}

func notice(event, personalCode string) string {
	return `<p:permitNotice xmlns:p="http://ristmik.x-road.eu/permits"><request><eventId>` + event + `</eventId><eventType>permit.issued</eventType><occurredAt>2026-03-10T10:00:00Z</occurredAt><permitId>P-1</permitId><personalCode>` + personalCode + `</personalCode></request></p:permitNotice>`
}

var noticeService = soap.ServiceID{Provider: tor, Code: "permitNotice", Version: "v1"}

// sendNotice returns receipt and duplicate of the tax board's answer.
func sendNotice(t *testing.T, s *sandbox.Sandbox, event, personalCode string) (receipt, duplicate string) {
	t.Helper()
	m := call(t, s, envelope(hub, noticeService, "n-"+event, "", notice(event, personalCode)))
	if m.Fault != nil {
		t.Fatalf("fault %s: %s", m.Fault.Code, m.Fault.String)
	}
	contracttest.ValidateBody(t, contracttest.Shipped(t, "permit-notice.wsdl"), bodyOf(t, m))
	response := soap.Child(m.Body(), "", "response")
	return soap.Child(response, "", "receiptId").Text(), soap.Child(response, "", "duplicate").Text()
}

func TestANoticeThatComesAgainIsADuplicateWithTheSameReceipt(t *testing.T) {
	t.Parallel()
	s := start(t, options(t, ""))
	code := persons(t, s)[0].PersonalCode
	first, duplicate := sendNotice(t, s, "e-1", code)
	if duplicate != "false" {
		t.Errorf("the first is duplicate=%s", duplicate)
	}
	sendNotice(t, s, "e-2", code)
	again, duplicate := sendNotice(t, s, "e-1", code)
	if duplicate != "true" || again != first {
		t.Errorf("the second is duplicate=%s with receipt %s, want true and %s", duplicate, again, first)
	}
	got := receivedBy(t, s, "tax-permits").Notices
	if len(got) != 2 || got[0].EventID != "e-1" || got[0].TimesReceived != 2 || got[1].EventID != "e-2" || got[1].PersonalCode != code {
		t.Errorf("received %+v", got)
	}
}

func TestTheInspectorateTakesNoticesOverREST(t *testing.T) {
	t.Parallel()
	s := start(t, options(t, ""))
	code := persons(t, s)[0].PersonalCode
	send := func(body string) int {
		req, err := http.NewRequestWithContext(t.Context(), "POST", s.URL()+"/r1/"+labour.String()+"/konsult/permit-notices", bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Road-Client", hub.String())
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	good := `{"event_id":"e-1","event_type":"permit.revoked","occurred_at":"2026-03-10T10:00:00Z","permit_id":"P-1","personal_code":"` + code + `"}`
	for range 2 {
		if got := send(good); got != http.StatusOK {
			t.Fatalf("status %d", got)
		}
	}
	if got := send(`{"event_id":"e-2"}`); got != http.StatusBadRequest {
		t.Errorf("a notice without its fields: status %d", got)
	}
	if got := receivedBy(t, s, "labour-inspectorate").Notices; len(got) != 1 || got[0].TimesReceived != 2 {
		t.Errorf("received %+v", got)
	}
}
