package contract_test

import (
	"encoding/binary"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf16"

	"golang.org/x/text/encoding/charmap"

	"ristmik/soap/contract"
)

// abstract and concrete are the two halves in which many tools write a
// description: types, messages and port types in one file, bindings in another.
func halves(text string) (abstract, concrete string) {
	from := strings.Index(text, "<wsdl:binding")
	head := text[:strings.Index(text, "<wsdl:types>")]
	return text[:from] + "</wsdl:definitions>", head + `<wsdl:import namespace="urn:t" location="sub/abstract.wsdl"/>` + text[from:]
}

func TestDescriptionsInSeveralFilesAreOne(t *testing.T) {
	t.Parallel()
	abstract, concrete := halves(describe(`<xs:include schemaLocation="../types/bad.xsd"/>`))
	bad := `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t"><xs:element name="bad" type="xs:int"/></xs:schema>`
	other := strings.NewReplacer(`targetNamespace="urn:t"`, `targetNamespace="urn:s"`, `<wsdl:import namespace="urn:t" location="sub/abstract.wsdl"/>`,
		`<wsdl:import namespace="urn:t" location="http://192.0.2.1/svc?wsdl=abstract.wsdl"/>`).Replace(concrete)
	for name, files := range map[string]map[string]string{
		"in a folder":          {"t.wsdl": concrete, "sub/abstract.wsdl": abstract, "types/bad.xsd": bad},
		"of two namespaces":    {"t.wsdl": other, "abstract.wsdl": abstract, "bad.xsd": bad},
		"that import back":     {"t.wsdl": concrete, "sub/abstract.wsdl": strings.Replace(abstract, "<wsdl:types>", `<wsdl:import namespace="urn:t" location="../t.wsdl"/><wsdl:types>`, 1), "types/bad.xsd": bad},
		"and a schema by name": {"t.wsdl": concrete, "sub/abstract.wsdl": strings.Replace(strings.Replace(abstract, `<xs:include schemaLocation="../types/bad.xsd"/>`, "", 1), "<wsdl:types>", `<wsdl:import namespace="urn:t" location="../types/bad.xsd"/><wsdl:types>`, 1), "types/bad.xsd": bad},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, files)
			for _, code := range []string{"good", "bad"} {
				if op := operation(t, c, code); op.Unsupported != nil || op.Input.Name != code || op.Output.Name != "good" {
					t.Errorf("%s: %v", code, op.Unsupported)
				}
			}
		})
	}
	c := load(t, map[string]string{"t.wsdl": concrete})
	if err := operation(t, c, "good").Unsupported; err == nil || !strings.Contains(err.Error(), "sub/abstract.wsdl") {
		t.Errorf("without the other half: %v, want a refusal that names it", err)
	}
}

// Equal names of two namespaces are two things.
func TestNamesOfImportedDescriptionsDoNotMixUp(t *testing.T) {
	t.Parallel()
	second := strings.NewReplacer(`"urn:t"`, `"urn:other"`, `type="xs:string"`, `type="xs:int"`, `name="b" type`, `name="c" type`,
		`name="good"`, `name="bad"`, `name="bad"`, `name="good"`).Replace(describe(`<xs:element name="bad" type="xs:int"/>`))
	first := strings.Replace(describe(`<xs:element name="bad" type="xs:date"/>`), "<wsdl:types>", `<wsdl:import namespace="urn:other" location="other.wsdl"/><wsdl:types>`, 1)
	c := load(t, map[string]string{"t.wsdl": first, "other.wsdl": second})
	op := operation(t, c, "bad")
	if op.Unsupported != nil || op.Input.Namespace != "urn:t" || op.Input.Type.Simple.Base != "date" {
		t.Errorf("the operation of the first file takes %v of %s", op.Input, op.Input.Namespace)
	}
}

func TestSchemasAreFoundWhereAnOperatorPutsThem(t *testing.T) {
	t.Parallel()
	xsd := `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:o"><xs:simpleType name="x"><xs:restriction base="xs:int"/></xs:simpleType></xs:schema>`
	for location, file := range map[string]string{
		"http://192.0.2.1/schemas/o.xsd":              "o.xsd",
		"https://192.0.2.1/o.xsd?version=2#top":       "o.xsd",
		"http://192.0.2.1/Service.svc?xsd=xsd0":       "xsd0.xsd",
		"http://192.0.2.1/service?xsd=../types/o.xsd": "o.xsd",
		"http://192.0.2.1/service?xsd=1":              "1.xsd",
		`C:\registers\o.xsd`:                          "o.xsd",
		`types\o.xsd`:                                 "types/o.xsd",
		"types/o.xsd":                                 "o.xsd",
		"../../common/o.xsd":                          "o.xsd",
		"./types/../o.xsd":                            "o.xsd",
		"my%20types/o.xsd":                            "my types/o.xsd",
		"file:///home/somebody/o.xsd":                 "o.xsd",
		"/xsd/o.xsd":                                  "o.xsd",
	} {
		t.Run(location, func(t *testing.T) {
			t.Parallel()
			c := load(t, map[string]string{
				"t.wsdl": describe(`<xs:import namespace="urn:o" schemaLocation="` + location + `"/><xs:element name="bad" type="o:x" xmlns:o="urn:o"/>`),
				file:     xsd,
			})
			if err := operation(t, c, "bad").Unsupported; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEncodingsOfDescriptions(t *testing.T) {
	t.Parallel()
	text := strings.Replace(describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="ŠÕžÜ"/></xs:restriction></xs:simpleType></xs:element>`),
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", "", 1)
	wide := func(order binary.AppendByteOrder, text string) string {
		out := order.AppendUint16(nil, 0xFEFF)
		for _, unit := range utf16.Encode([]rune(text)) {
			out = order.AppendUint16(out, unit)
		}
		return string(out)
	}
	page := func(m *charmap.Charmap, name string) string {
		out, err := m.NewEncoder().String(`<?xml version='1.0' encoding='` + name + `'?>` + text)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, file := range map[string]string{
		"UTF-8 with a mark":          "\uFEFF" + text,
		"UTF-8 declared, marked":     "\uFEFF" + `<?xml version="1.0" encoding="utf-8"?>` + text,
		"UTF-16, big end first":      wide(binary.BigEndian, text),
		"UTF-16, little end first":   wide(binary.LittleEndian, `<?xml version="1.0" encoding="UTF-16"?>`+text),
		"UTF-16 declared as such":    wide(binary.LittleEndian, `<?xml version="1.0" encoding="utf-16le"?>`+text),
		"Baltic":                     page(charmap.Windows1257, "windows-1257"),
		"Baltic, by ISO":             page(charmap.ISO8859_13, "iso-8859-13"),
		"Western with these letters": page(charmap.ISO8859_15, "ISO-8859-15"),
		"Western of Windows":         page(charmap.Windows1252, "Windows-1252"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := load(t, map[string]string{"t.wsdl": file})
			if got := operation(t, c, "bad").Input.Type.Simple.Enumeration; len(got) != 1 || got[0] != "ŠÕžÜ" {
				t.Errorf("read %q", got)
			}
		})
	}
	for name, file := range map[string]string{
		"half a character": wide(binary.LittleEndian, text) + "x",
		"unknown":          `<?xml version="1.0" encoding="EBCDIC"?>` + text,
		"no characters":    "\xFF\xFE\xFF\xFF\x00\xD8",
	} {
		if _, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(file)}}, "t.wsdl"); err == nil && name != "half a character" {
			t.Errorf("%s: loaded", name)
		}
	}
}

func TestPartsThatAreNotTheBody(t *testing.T) {
	t.Parallel()
	plain := describe(`<xs:element name="bad" type="xs:string"/><xs:element name="head" type="xs:string"/>`)
	message := `<wsdl:message name="bad"><wsdl:part name="body" element="t:bad"/></wsdl:message>`
	input := `<soap:operation soapAction="urn:bad"/><xrd:version>v1</xrd:version>
<wsdl:input><soap:body use="literal"/></wsdl:input>`
	for name, tc := range map[string]struct{ parts, in string }{
		"a header of the same message": {`<wsdl:part name="h" element="t:head"/>`, `<soap:header message="t:bad" part="h" use="literal"/><soap:body use="literal"/>`},
		"a header beside files": {`<wsdl:part name="h" element="t:head"/><wsdl:part name="f" type="xs:base64Binary"/>`,
			`<mime:multipartRelated xmlns:mime="http://schemas.xmlsoap.org/wsdl/mime/"><mime:part><soap:body use="literal"/><soap:header message="t:bad" part="h" use="literal"/></mime:part><mime:part><mime:content part="f" type="application/octet-stream"/></mime:part></mime:multipartRelated>`},
		"what soap:body does not list":    {`<wsdl:part name="h" element="t:head"/>`, `<soap:body use="literal" parts="body"/>`},
		"X-Road fields that nobody bound": {`<wsdl:part name="client" element="xrd:client"/><wsdl:part name="id" element="xrd:id"/>`, `<soap:body use="literal"/>`},
		"a header with faults":            {`<wsdl:part name="h" element="t:head"/>`, `<soap:body use="literal"/><soap:header message="t:bad" part="h" use="literal"><soap:headerfault message="t:good" part="body" use="literal"/></soap:header>`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(plain, message, strings.Replace(message, "</wsdl:message>", tc.parts+"</wsdl:message>", 1), 1)
			text = strings.Replace(text, input, strings.Replace(input, `<soap:body use="literal"/>`, tc.in, 1), 1)
			if !strings.Contains(text, tc.in) || !strings.Contains(text, tc.parts) {
				t.Fatal("the description is not as it should be")
			}
			op := operation(t, load(t, map[string]string{"t.wsdl": text}), "bad")
			if op.Unsupported != nil || op.Input.Name != "bad" {
				t.Errorf("body %v, %v", op.Input, op.Unsupported)
			}
		})
	}
}

func TestCatalogueHasWhatDescriptionsImport(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"t.wsdl": describe(`
<xs:import namespace="http://www.w3.org/2005/05/xmlmime"/><xs:import namespace="http://x-road.ee/xsd/x-road.xsd" schemaLocation="http://x-road.ee/xsd/x-road.xsd"/>
<xs:element name="bad" xmlns:x="http://www.w3.org/2005/05/xmlmime" xmlns:ee="http://x-road.ee/xsd/x-road.xsd" xmlns:net="http://x-rd.net/xsd/xroad.xsd" xmlns:s="http://schemas.microsoft.com/2003/10/Serialization/">
<xs:complexType><xs:sequence><xs:element name="file" type="x:base64Binary"/><xs:element name="place" type="ee:ehak"/><xs:element ref="net:faultCode"/>
<xs:element name="id" type="s:guid"/></xs:sequence><xs:attribute ref="ee:sensitive"/></xs:complexType></xs:element>`)})
	op := operation(t, c, "bad")
	if op.Unsupported != nil {
		t.Fatal(op.Unsupported)
	}
	if el := op.Input.Type.Content.Holds("faultCode"); el == nil || el.Namespace != "http://x-rd.net/xsd/xroad.xsd" {
		t.Errorf("faultCode %v", el)
	}
	if s := op.Input.Type.Content.Holds("id").Type.Simple; s.Check("8d3c4f6e-0d5c-4f8e-9f0a-1b2c3d4e5f60") != nil || s.Check("x") == nil {
		t.Error("a guid is no guid")
	}
}
