package contract_test

import (
	"strings"
	"testing"
)

// Templates that nobody filled in are names and addresses like any other.
func TestTemplatesInDescriptionsAreTakenAsTheyStand(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("urn:t", "http://@PRODUCER_NAME@.x-road.eu", "</wsdl:binding>",
		`</wsdl:binding><wsdl:service name="s"><wsdl:port name="p" binding="t:b"><soap:address location="${wsdl.itdak.url}"/></wsdl:port></wsdl:service>`).Replace(
		describe(`<xs:element name="bad" type="xs:date"/>`))
	c := load(t, map[string]string{"t.wsdl": text})
	op := operation(t, c, "bad")
	if op.Unsupported != nil || op.Input.Namespace != "http://@PRODUCER_NAME@.x-road.eu" {
		t.Errorf("%v %+v", op.Unsupported, op.Input)
	}
}

// Types of a namespace that only looks like that of XML Schema are not guessed: they
// cost the operation that needs them.
func TestAFalseNamespaceOfXMLSchemaIsNotGuessed(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad" type="s:string" xmlns:s="https://www.w3.org/2001/XMLSchema"/>`)})
	if good := operation(t, c, "good"); good.Unsupported != nil {
		t.Errorf("the other operation: %v", good.Unsupported)
	}
	if err := operation(t, c, "bad").Unsupported; err == nil || !strings.Contains(err.Error(), "type {https://www.w3.org/2001/XMLSchema}string, which is not declared") {
		t.Errorf("%v", err)
	}
	// A whole schema of it is none.
	text := strings.Replace(describe(`<xs:element name="bad" type="xs:int"/>`), `<xs:schema targetNamespace="urn:t">`, `<xs:schema targetNamespace="urn:t" xmlns:xs="https://www.w3.org/2001/XMLSchema">`, 1)
	c = load(t, map[string]string{"t.wsdl": text})
	if err := operation(t, c, "bad").Unsupported; err == nil || !strings.Contains(err.Error(), "which is not declared") {
		t.Errorf("%v", err)
	}
}
