package soap_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// A refusal on the merits in HTTP 200 is neither a Fault nor an answer.
func TestBusinessFaultsAreTold(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-095")
	want := &soap.BusinessFault{Code: "E7", String: "no such person"}
	const both = "<faultCode>E7</faultCode><faultString> no such person\n</faultString>"
	for _, c := range []struct {
		name, xml string
		want      *soap.BusinessFault
	}{
		{"fault in the wrapper", "<fault>" + both + "</fault>", want},
		{"qualified", `<q:fault xmlns:q="urn:q"><q:faultCode>E7</q:faultCode><q:faultString>no such person</q:faultString></q:fault>`, want},
		{"default namespace", `<fault xmlns="urn:q">` + both + "</fault>", want},
		{"fault with data beside it", "<a>1</a><fault>" + both + "</fault>", want},
		{"directly in the wrapper", both, want},
		{"directly under the payload", "<response>" + both + "</response>", want},
		{"behind the repeated request", "<request><id>1</id></request><response>" + both + "</response>", want},
		{"fault under the payload", "<keha><fault>" + both + "</fault></keha>", want},
		{"small letters", "<response><faultcode>E7</faultcode><faultstring>no such person</faultstring></response>", want},
		{"code only", "<fault><faultCode>E7</faultCode></fault>", &soap.BusinessFault{Code: "E7"}},
		{"text only", "<fault><faultString>no</faultString></fault>", &soap.BusinessFault{String: "no"}},
		{"none", "<response><value>1</value></response>", nil},
		{"empty wrapper", "", nil},
		{"empty elements", "<response><faultCode/><faultString/></response>", nil},
		{"empty fault", "<fault/>", nil},
		{"nil fault", `<fault xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>`, nil},
		{"a code without words", "<response><faultCode>E7</faultCode><faultString/></response>", &soap.BusinessFault{Code: "E7"}},
		{"words without a code", "<faultCode></faultCode><faultString>no</faultString>", &soap.BusinessFault{String: "no"}},
		{"the first that says something", "<response><faultCode/><faultCode>E7</faultCode><faultString>no such person</faultString></response>", want},
		{"elements where words belong", "<faultCode><a/>E7</faultCode><faultString>no</faultString>", nil},
		{"a field of that name", "<response><faultCode>E7</faultCode></response>", nil},
		{"of items in a list", "<item>" + both + "</item><item>" + both + "</item>", nil},
		{"deep in the data", "<response><car><engine>" + both + "</engine></car></response>", nil},
		{"in the repeated request", "<request>" + both + "</request><response/>", nil},
		{"another element called fault", "<fault>a broken road</fault>", nil},
	} {
		wrapper := `<p:getResponse xmlns:p="urn:p">` + c.xml + `</p:getResponse>`
		got, ok := soap.BusinessFaultIn(walked(t, wrapper))
		if ok != (c.want != nil) || ok && *got != *c.want {
			t.Errorf("%s: %+v", c.name, got)
		}
		if whole, too := soap.ReadBusinessFault(answerWith(t, wrapper)); too != ok || ok && *whole != *got {
			t.Errorf("%s in a message: %+v", c.name, whole)
		}
	}
	if f, ok := soap.ReadBusinessFault(nil); ok || f != nil {
		t.Error("a fault of no answer")
	}
	f := want.Failure("m-1")
	if f.Kind != soap.KindBusiness || f.Raw != "E7" || f.Message != want.String || f.MessageID != "m-1" || strings.Contains(f.Error(), "person") {
		t.Errorf("%+v", f)
	}
	if f := (&soap.BusinessFault{String: "person"}).Failure("m"); strings.Contains(f.Error(), "person") {
		t.Error(f)
	}
}

// walked is a walk over a document.
func walked(t *testing.T, text string) *soap.Tokens {
	t.Helper()
	o, err := soap.Scan([]byte(text), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return o.Tokens()
}

// answerWith is the answer of a service with that wrapper.
func answerWith(t *testing.T, wrapper string) *soap.Message {
	t.Helper()
	service := soap.ServiceID{Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "1", Subsystem: "s"}, Code: "getResponse"}
	text, err := soap.BuildRequestXML(soap.Header{Client: service.Provider, Service: service, ID: "1", ProtocolVersion: soap.ProtocolVersion}, []byte(wrapper))
	if err != nil {
		t.Fatal(err)
	}
	m, err := soap.ReadAnswer(text, soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRealBusinessFaults(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-095")
	dir := samples(t)
	for file, code := range map[string]string{
		"dhx-adapter/dhx/sendDocument_response_fault.xml":      "DHX.InvalidAddressee",
		"xroad-mock-proxy/captured/rr.rr456.v1__not_found.xml": "10027",
	} {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
		if err != nil {
			continue // another folder of samples
		}
		doc, err := soap.ReadTree(data, soap.Limits{})
		if err != nil {
			t.Fatal(file, err)
		}
		body := soap.Child(doc.Root(), soap.NSEnvelope, "Body")
		f, ok := soap.BusinessFaultIn(walked(t, string(soap.MarkupOf(body.ChildElements()[0]))))
		if !ok || f.Code != code {
			t.Errorf("%s: %+v", file, f)
		}
	}
}
