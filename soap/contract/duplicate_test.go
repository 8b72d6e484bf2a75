package contract_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/soap/conformance"
	"ristmik/soap/contract"
)

// Two operations with one code and version cannot both be the service.
func TestTheSameOperationTwiceIsRefused(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-154")
	text := describe(`<xs:element name="bad" type="xs:string"/>`)
	from := strings.Index(text, `<wsdl:operation name="good"><soap:operation`)
	to := from + strings.Index(text[from:], "</wsdl:operation>") + len("</wsdl:operation>")
	twice := text[:to] + text[from:to] + text[to:]
	if _, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(twice)}}, "t.wsdl"); err == nil {
		t.Error("the same code and version twice was read")
	}
	// Another version of it is another service.
	second := text[:to] + strings.Replace(text[from:to], ">v1<", ">v2<", 1) + text[to:]
	c, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(second)}}, "t.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"v1", "v2"} {
		if _, ok := c.Operation("good", version); !ok {
			t.Errorf("no version %s", version)
		}
	}
}
