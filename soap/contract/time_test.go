package contract_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/soap/contract"
)

// lookedAt is a time that is over when it has been looked at so often, which is
// what makes the moment the same on every machine.
type lookedAt struct {
	context.Context
	times, most int
}

func (l *lookedAt) Err() error {
	if l.times++; l.times > l.most {
		return context.DeadlineExceeded
	}
	return nil
}

// costly are descriptions that are within every bound on size and would still keep
// a processor busy for minutes, each in another part of the compiler; n is how many
// costly pieces one has.
func costly(n int) map[string]fstest.MapFS {
	in := func(schema string) fstest.MapFS {
		return fstest.MapFS{"t.wsdl": {Data: []byte(describe(schema))}}
	}
	all := map[string]fstest.MapFS{
		"patterns with thousands of states each": in(`<xs:element name="bad"><xs:complexType><xs:sequence>` +
			chain(n, `<xs:element name="e%[1]d"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="([a-z]{90}%[2]d){9}"/></xs:restriction></xs:simpleType></xs:element>`) +
			`</xs:sequence></xs:complexType></xs:element>`),
		"attributes that are each compared with all before": in(`<xs:element name="bad"><xs:complexType>` +
			chain(n, `<xs:attribute name="a%[1]d"/>`) + `</xs:complexType></xs:element>`),
		"chains of extensions that each base is compiled anew for": in(`<xs:element name="bad" type="t:T0"/><xs:complexType name="T60"><xs:sequence>` +
			chain(n, `<xs:element name="e%[1]d" type="xs:int"/>`) + `</xs:sequence></xs:complexType>` +
			chain(60, `<xs:complexType name="T%[1]d"><xs:complexContent><xs:extension base="t:T%[2]d"/></xs:complexContent></xs:complexType>`)),
		"choices of choices": in(`<xs:element name="bad"><xs:complexType>` + strings.Repeat(`<xs:choice>`, 40) +
			chain(n, `<xs:element name="e%[1]d" type="xs:int"/>`) + strings.Repeat(`</xs:choice>`, 40) + `</xs:complexType></xs:element>`),
		"imports of files that are not there": in(`<xs:element name="bad" type="xs:int"/>` +
			chain(n, `<xs:import namespace="urn:%[1]d" schemaLocation="http://192.0.2.1/s?xsd=a%[1]d.xsd&amp;xsd=b%[1]d.xsd"/>`)),
	}
	// Operations whose messages nobody declares, each looked for among all others.
	text := describe(`<xs:element name="bad" type="xs:int"/>`)
	more := chain(n, `<wsdl:message name="m%[1]d"/>`)
	ports := chain(n, `<wsdl:operation name="o%[1]d"><wsdl:input message="t:nobody%[1]d"/><wsdl:output message="t:good"/></wsdl:operation>`)
	bound := chain(n, `<wsdl:operation name="o%[1]d"><soap:operation soapAction=""/><wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation>`)
	text = strings.Replace(text, `<wsdl:portType name="p">`, more+`<wsdl:portType name="p">`+ports, 1)
	text = strings.Replace(text, `</wsdl:binding>`, bound+`</wsdl:binding>`, 1)
	all["operations without messages"] = fstest.MapFS{"t.wsdl": {Data: []byte(text)}}
	return all
}

// The time is looked at between one costly piece and the next, so that a
// description ends when its time does, whatever of it is costly.
func TestADescriptionEndsWithItsTime(t *testing.T) {
	t.Parallel()
	const pieces = 300
	for name, fsys := range costly(pieces) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ample := &lookedAt{Context: t.Context(), most: 1 << 30}
			if _, err := contract.LoadContext(ample, fsys, "t.wsdl"); err != nil {
				t.Fatal(err)
			}
			if ample.times < pieces {
				t.Errorf("the time was looked at %d times for %d pieces", ample.times, pieces)
			}
			for _, most := range []int{0, 1, ample.times / 3, ample.times / 2, ample.times - 1} {
				_, err := contract.LoadContext(&lookedAt{Context: t.Context(), most: most}, fsys, "t.wsdl")
				if !errors.Is(err, contract.ErrTooSlow) {
					t.Errorf("over after %d of %d looks: %v", most, ample.times, err)
				}
			}
		})
	}
}

func TestARESTDescriptionEndsWithItsTime(t *testing.T) {
	t.Parallel()
	var paths strings.Builder
	for i := range 100 {
		fmt.Fprintf(&paths, "  /p%d: {get: {operationId: o%d, responses: {'200': {description: x}}}}\n", i, i)
	}
	fsys := fstest.MapFS{"t.yaml": {Data: []byte("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths:\n" + paths.String())}}
	ample := &lookedAt{Context: t.Context(), most: 1 << 30}
	if _, err := contract.LoadRESTContext(ample, fsys, "t.yaml"); err != nil {
		t.Fatal(err)
	}
	if ample.times < 300 {
		t.Errorf("the time was looked at %d times for 100 operations", ample.times)
	}
	for _, most := range []int{0, 150, ample.times - 1} {
		if _, err := contract.LoadRESTContext(&lookedAt{Context: t.Context(), most: most}, fsys, "t.yaml"); !errors.Is(err, contract.ErrTooSlow) {
			t.Errorf("over after %d of %d looks: %v", most, ample.times, err)
		}
	}
}
