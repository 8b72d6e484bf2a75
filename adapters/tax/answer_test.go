package tax_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/uuid"

	"ristmik/adapters/tax"
	"ristmik/outbox"
	"ristmik/soap"
)

// answering is a way to the Security Server on which answers are changed.
func answering(t *testing.T, change func(answer []byte) []byte) func(securityServer string) string {
	return func(securityServer string) string {
		target, err := url.Parse(securityServer)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httptest.NewServer(&httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
			ModifyResponse: func(r *http.Response) error {
				data, err := io.ReadAll(r.Body)
				data = change(data)
				r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
				r.Header.Set("Content-Length", strconv.Itoa(len(data)))
				return err
			},
		})
		t.Cleanup(proxy.Close)
		return proxy.URL
	}
}

var responsePart = regexp.MustCompile(`(?s)<response>.*</response>`)

// says is an answer with another part "response".
func says(response string) func([]byte) []byte {
	return func(answer []byte) []byte {
		return responsePart.ReplaceAll(answer, []byte("<response>"+response+"</response>"))
	}
}

// A refusal is never "no employments", whichever half of it is there.
func TestRefusalByTheRegisterIsNoAnswer(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{
		"<faultCode>E7</faultCode>", "<faultString>71506150007 on keelatud</faultString>", "<faultCode>E7</faultCode><faultString>Mai</faultString>",
	} {
		w := newWorldThrough(t, answering(t, says(fault)))
		found, _, err := w.tax.Active(t.Context(), "71506150007", "EE71506150007", "TL-1")
		if soap.KindOf(err) != soap.KindBusiness {
			t.Errorf("%s: %d employments, error %v", fault, len(found), err)
		}
		if err != nil && regexp.MustCompile("71506150007|Mai").MatchString(err.Error()) {
			t.Errorf("the error names the person: %v", err)
		}
	}
}

// A receipt that cannot be read may stand for a notice that was taken.
func TestUnreadableReceiptIsAnUnknownResult(t *testing.T) {
	t.Parallel()
	w := newWorldThrough(t, answering(t, says("<receipt>1</receipt>")))
	payload, err := json.Marshal(tax.Notice{EventID: uuid.NewString(), EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL3", PersonalCode: "71506150007"})
	if err != nil {
		t.Fatal(err)
	}
	out := w.tax.Send(t.Context(), outbox.Delivery{Message: outbox.Message{Payload: payload}, Attempt: 1})
	if out.Result != outbox.ResultUnknown || out.Reason != "unknown_result answer.contract" || out.Exchange == "" {
		t.Errorf("outcome %+v", out)
	}
}

// What the register says and the table cannot tell is no "no employments".
func TestAnswerThatTheTableCannotTell(t *testing.T) {
	t.Parallel()
	w := newWorldThrough(t, answering(t, func(answer []byte) []byte {
		return regexp.MustCompile(`<tootamise_algus>[^<]*<`).ReplaceAll(answer, []byte("<tootamise_algus>12026-01-01<"))
	}))
	p, _ := w.employed(t)
	_, exchange, err := w.tax.Active(t.Context(), p.PersonalCode, "EE71506150007", "TL-1")
	f, ok := errors.AsType[*soap.Failure](err)
	if !ok || f.Code != "answer.table" || f.Kind != soap.KindUnknownResult || f.MessageID != exchange.MessageID || exchange.MessageID == "" {
		t.Errorf("the failure is %+v", err)
	}
}

// The fields that the room needs of tables which others write are looked for
// before the first message.
func TestTablesHaveWhatIsNeeded(t *testing.T) {
	t.Parallel()
	employment, permits := mappingTable(t, "employment-sync.yaml", "employment-register.wsdl"), mappingTable(t, "permit-notice.yaml", "permit-notice.wsdl")
	if lacking := append(tax.EmploymentLacks(employment), tax.PermitLacks(permits)...); len(lacking) > 0 {
		t.Errorf("the shipped tables lack %v", lacking)
	}
	want := []string{"/changed_from", "/changed_until", "/employments/*/id", "/employments/*/personal_code", "/employments/*/employer_code", "/employments/*/started",
		"/employments/*/ended", "/employments/*/end_ground_code", "/employments/*/changed_at", "/kind", "/persons"}
	seen := tax.EmploymentLacks(permits)
	slices.Sort(seen)
	slices.Sort(want)
	if !slices.Equal(seen, want) {
		t.Errorf("the other table lacks %v", seen)
	}
}
