package contract_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/soap/contract"
)

// chain repeats text for the numbers up to n, %[1]d being the number and %[2]d the
// next one.
func chain(n int, text string) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, text, i, i+1)
	}
	return out.String()
}

// What a hostile or broken description can do is to be refused, whole or for the
// operations concerned: none of these may keep the program busy or fill its memory.
func TestHostileDescriptionsEnd(t *testing.T) {
	t.Parallel()
	bad := `<xs:element name="bad" type="t:T0"/>`
	element := func(content string) string {
		return `<xs:complexType name="T%[1]d"><xs:sequence>` + content + `</xs:sequence></xs:complexType>`
	}
	for name, tc := range map[string]struct {
		schema string
		files  map[string]string
		// usable says that the operation is one that can be called; refused that it
		// or all of the description is not.
		usable bool
	}{
		"groups that double": {schema: `<xs:element name="bad"><xs:complexType><xs:group ref="t:g0"/></xs:complexType></xs:element>` +
			chain(40, `<xs:group name="g%[1]d"><xs:sequence><xs:group ref="t:g%[2]d"/><xs:group ref="t:g%[2]d"/></xs:sequence></xs:group>`) +
			`<xs:group name="g40"><xs:sequence><xs:element name="x" type="xs:int"/></xs:sequence></xs:group>`},
		"unions that double": {schema: `<xs:element name="bad" type="t:u0"/>` +
			chain(60, `<xs:simpleType name="u%[1]d"><xs:union memberTypes="t:u%[2]d t:u%[2]d"/></xs:simpleType>`) +
			`<xs:simpleType name="u60"><xs:restriction base="xs:int"/></xs:simpleType>`},
		"attribute groups that double": {schema: `<xs:element name="bad"><xs:complexType><xs:attributeGroup ref="t:a0"/></xs:complexType></xs:element>` +
			chain(60, `<xs:attributeGroup name="a%[1]d"><xs:attributeGroup ref="t:a%[2]d"/><xs:attributeGroup ref="t:a%[2]d"/></xs:attributeGroup>`) +
			`<xs:attributeGroup name="a60"/>`},
		"types that double": {usable: true, schema: bad +
			chain(5000, element(`<xs:element name="a" type="t:T%[2]d" minOccurs="0"/><xs:element name="b" type="t:T%[2]d" minOccurs="0"/>`)) +
			`<xs:complexType name="T5000"/>`},
		"a long chain of types": {usable: true, schema: bad +
			chain(40_000, element(`<xs:element name="a" type="t:T%[2]d" minOccurs="0"/>`)) + `<xs:complexType name="T40000"/>`},
		"a long chain of extensions": {schema: bad +
			chain(20_000, `<xs:complexType name="T%[2]d"><xs:complexContent><xs:extension base="t:T%[1]d"/></xs:complexContent></xs:complexType>`) +
			`<xs:complexType name="T0"><xs:sequence/></xs:complexType>` +
			chain(20_000, `<xs:element name="e%[1]d" type="t:T%[1]d"/>`)},
		"a million types inside one another": {schema: `<xs:element name="bad"><xs:complexType><xs:sequence>` +
			strings.Repeat(`<xs:element name="a"><xs:complexType><xs:sequence>`, 100_000) +
			strings.Repeat(`</xs:sequence></xs:complexType></xs:element>`, 100_000) + `</xs:sequence></xs:complexType></xs:element>`},
		"more declarations than any register has": {schema: `<xs:element name="bad"><xs:complexType><xs:sequence>` +
			chain(120_000, `<xs:element name="e%[1]d"><xs:complexType/></xs:element>`) + `</xs:sequence></xs:complexType></xs:element>`},
		"counts without end": {usable: true, schema: `<xs:element name="bad"><xs:complexType><xs:sequence>
<xs:element name="a" minOccurs="999999999" maxOccurs="9999999999999999999999999999999" type="xs:int"/></xs:sequence></xs:complexType></xs:element>`},
		"wildcards of all kinds": {schema: `<xs:element name="bad"><xs:complexType><xs:sequence>` +
			chain(20_000, `<xs:element name="w%[1]d"><xs:complexType><xs:sequence><xs:any namespace="urn:%[1]d"/></xs:sequence></xs:complexType></xs:element>`) +
			`</xs:sequence></xs:complexType></xs:element>` + chain(20_000, `<xs:element name="g%[1]d" type="xs:int"/>`)},
		"includes in a circle": {usable: true, schema: `<xs:include schemaLocation="a.xsd"/><xs:element name="bad" type="t:A"/>`, files: map[string]string{
			"a.xsd": `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="b.xsd"/><xs:complexType name="A"><xs:sequence><xs:element name="b" type="B"/></xs:sequence></xs:complexType></xs:schema>`,
			"b.xsd": `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="a.xsd"/><xs:simpleType name="B"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>`,
		}},
		"imports in a circle": {usable: true, schema: `<xs:import namespace="urn:a" schemaLocation="a.xsd"/><xs:element name="bad" type="a:A" xmlns:a="urn:a"/>`, files: map[string]string{
			"a.xsd": `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:a"><xs:import namespace="urn:t" schemaLocation="t.wsdl"/><xs:import namespace="urn:a" schemaLocation="a.xsd"/><xs:simpleType name="A"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>`,
		}},
		"an address that stands for files without end": {usable: true, schema: `<xs:element name="bad" type="xs:int"/><xs:import namespace="urn:x" schemaLocation="http://192.0.2.1/?` +
			chain(60_000, `xsd=a%[1]d&amp;`) + `"/>`},
		"one file under names without end": {schema: bad +
			chain(300, `<xs:import namespace="urn:%[1]d" schemaLocation="a%[1]d.xsd"/>`), files: files(300)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fsys := fstest.MapFS{"t.wsdl": {Data: []byte(describe(tc.schema))}}
			for name, text := range tc.files {
				fsys[name] = &fstest.MapFile{Data: []byte(text)}
			}
			c, err := contract.Load(fsys, "t.wsdl")
			if err != nil {
				if tc.usable {
					t.Error(err)
				}
				return
			}
			if good := operation(t, c, "good"); good.Unsupported != nil {
				t.Errorf("the other operation: %v", good.Unsupported)
			}
			if op := operation(t, c, "bad"); (op.Unsupported == nil) != tc.usable {
				t.Errorf("unsupported: %v", op.Unsupported)
			}
		})
	}
}

// files are schemas that each import two others.
func files(n int) map[string]string {
	out := map[string]string{}
	for i := range n {
		out[fmt.Sprintf("a%d.xsd", i)] = fmt.Sprintf(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:%d"/>`, i)
	}
	return out
}

func TestBudgetsAreNamed(t *testing.T) {
	t.Parallel()
	big := strings.Repeat(" ", 9<<20)
	fsys := fstest.MapFS{"t.wsdl": {Data: []byte(describe(chain(6, `<xs:include schemaLocation="%[1]d.xsd"/>`)))}}
	for i := range 6 {
		fsys[fmt.Sprintf("%d.xsd", i)] = &fstest.MapFile{Data: []byte(`<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">` + big + `</xs:schema>`)}
	}
	if _, err := contract.Load(fsys, "t.wsdl"); !errors.Is(err, contract.ErrTooLarge) {
		t.Errorf("54 MB of schemas: %v", err)
	}
}
