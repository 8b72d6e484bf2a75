package contract_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/soap/conformance"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

func TestShippedContractsAreCompleteAndBilingual(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-153", "C-154")
	for _, want := range []struct{ file, code, version, namespace string }{
		{"employment-register.wsdl", "TORIK", "v2", "http://emta-v6.x-road.eu"},
		{"permit-notice.wsdl", "permitNotice", "v1", "http://ristmik.x-road.eu/permits"},
		{"consultation-request.wsdl", "consultationRequest", "v1", "http://ristmik.x-road.eu/consultation"},
		{"consultation-answer.wsdl", "submitAnswer", "v1", "http://ristmik.x-road.eu/consultation"},
	} {
		t.Run(want.file, func(t *testing.T) {
			t.Parallel()
			path := contracttest.Shipped(t, want.file)
			c, err := contract.Load(os.DirFS(filepath.Dir(path)), want.file)
			if err != nil {
				t.Fatal(err)
			}
			if c.Namespace() != want.namespace || c.Name() != want.file {
				t.Errorf("namespace %q, name %q", c.Namespace(), c.Name())
			}
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !cmp.Equal(c.Source(), source) {
				t.Error("the source is not the file")
			}
			op, ok := c.Operation(want.code, want.version)
			if !ok {
				t.Fatalf("operations: %v", c.Operations())
			}
			if op.Unsupported != nil {
				t.Fatal(op.Unsupported)
			}
			if op.Input.Name != want.code || op.Output.Name != want.code+"Response" || op.Input.Namespace != want.namespace {
				t.Errorf("wrappers %s and %s", op.Input.Name, op.Output.Name)
			}
			if op.TitleIn("et") == "" || op.TitleIn("et") == op.Title || op.Title != op.TitleIn("en") {
				t.Errorf("titles %q and %q", op.TitleIn("et"), op.Title)
			}
			for _, part := range []string{"client", "service", "id", "userId", "issue", "protocolVersion"} {
				if n := strings.Count(string(source), `<soap:header message="tns:xroadHeader" part="`+part+`"`); n != 2*len(c.Operations()) {
					t.Errorf("header part %s stands %d times, want once in each direction", part, n)
				}
			}
		})
	}
}

func TestShippedEmploymentRegisterHasTheShapeOfTheRealOne(t *testing.T) {
	t.Parallel()
	shape := func(path string) string {
		c, err := contract.Load(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		if err != nil {
			t.Fatal(err)
		}
		op, ok := c.Operation("TORIK", "v2")
		if !ok || op.Unsupported != nil {
			t.Fatalf("%s: TORIK v2: %v", path, op)
		}
		var out strings.Builder
		outline(&out, "", op.Input)
		outline(&out, "", op.Output)
		return out.String()
	}
	real := shape(contracttest.RealTOR(t))
	if !strings.Contains(real, "kanne 0..1000") {
		t.Errorf("the outline misses the bounded list:\n%s", real)
	}
	if diff := cmp.Diff(real, shape(contracttest.Shipped(t, "employment-register.wsdl"))); diff != "" {
		t.Errorf("real (-) and shipped (+) differ:\n%s", diff)
	}
}

func TestUnsupportedConstructConcernsOnlyItsOperation(t *testing.T) {
	t.Parallel()
	in := func(content string) string {
		return `<xs:element name="bad"><xs:complexType><xs:sequence>` + content + `</xs:sequence></xs:complexType></xs:element>`
	}
	for name, tc := range map[string]struct{ schema, construct string }{
		"list":                  {in(`<xs:element name="x"><xs:simpleType><xs:list itemType="xs:int"/></xs:simpleType></xs:element>`), "xs:list"},
		"built-in list":         {in(`<xs:element name="x" type="xs:NMTOKENS"/>`), "xs:NMTOKENS"},
		"qname":                 {in(`<xs:element name="x" type="xs:QName"/>`), "xs:QName"},
		"union of nothing":      {in(`<xs:element name="x"><xs:simpleType><xs:union/></xs:simpleType></xs:element>`), "xs:union"},
		"union of a list":       {in(`<xs:element name="x"><xs:simpleType><xs:union memberTypes="xs:int xs:NMTOKENS"/></xs:simpleType></xs:element>`), "xs:NMTOKENS"},
		"two wildcards":         {in(`<xs:any/><xs:any/>`), "xs:any twice"},
		"two repeating groups":  {in(`<xs:sequence maxOccurs="2"><xs:element name="a"/><xs:element name="b"/></xs:sequence><xs:sequence maxOccurs="2"><xs:element name="c"/><xs:element name="d"/></xs:sequence>`), "two repeating groups"},
		"nested repetition":     {in(`<xs:choice maxOccurs="2"><xs:sequence maxOccurs="2"><xs:element name="a"/><xs:element name="b"/></xs:sequence><xs:element name="c"/></xs:choice>`), "repeating group inside"},
		"encoded array":         {in(`<xs:element name="x" type="t:L"/>`) + `<xs:complexType name="L"><xs:complexContent><xs:restriction base="e:Array" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"/></xs:complexContent></xs:complexType>`, "SOAP-encoded"},
		"abstract type":         {in(`<xs:element name="x" type="t:A"/>`) + `<xs:complexType name="A" abstract="true"/>`, "abstract type"},
		"abstract element":      {in(`<xs:element ref="t:x"/>`) + `<xs:element name="x" abstract="true" type="xs:int"/>`, "abstract element"},
		"substitution":          {in(`<xs:element ref="t:x"/>`) + `<xs:element name="x" type="xs:int"/><xs:element name="y" type="xs:int" substitutionGroup="t:x"/>`, "substitution group"},
		"key":                   {`<xs:element name="bad"><xs:complexType><xs:sequence><xs:element name="i" type="xs:int" maxOccurs="9"/></xs:sequence></xs:complexType><xs:key name="k"><xs:selector xpath="i"/><xs:field xpath="."/></xs:key></xs:element>`, "identity constraint xs:key k"},
		"keyref":                {in(`<xs:element name="x"><xs:complexType/><xs:keyref name="r" refer="t:k"><xs:selector xpath="i"/><xs:field xpath="."/></xs:keyref></xs:element>`), "identity constraint xs:keyref r"},
		"unique":                {in(`<xs:element name="x"><xs:complexType/><xs:unique name="u"><xs:selector xpath="i"/><xs:field xpath="."/></xs:unique></xs:element>`), "identity constraint xs:unique u"},
		"redefine":              {in(`<xs:element name="x" type="t:R"/>`), "xs:redefine"},
		"bound of text":         {in(`<xs:element name="x"><xs:simpleType><xs:restriction base="xs:string"><xs:minInclusive value="a"/></xs:restriction></xs:simpleType></xs:element>`), "minInclusive of xs:string"},
		"bound that is no date": {in(`<xs:element name="x"><xs:simpleType><xs:restriction base="xs:date"><xs:minInclusive value="2020-13-01"/></xs:restriction></xs:simpleType></xs:element>`), "minInclusive that is no date"},
		"same name twice":       {in(`<xs:element name="x" type="xs:int"/><xs:element name="x" type="xs:int"/>`), "declared twice"},
		"undeclared type":       {in(`<xs:element name="x" type="t:nowhere"/>`), "type {urn:t}nowhere, which is not declared"},
		"undeclared element":    {``, "element {urn:t}bad, which is not declared"},
		"undeclared prefix":     {in(`<xs:element name="x" type="nobody:x"/>`), "undeclared prefix"},
		"missing import":        {in(`<xs:element name="x" xmlns:o="urn:other" type="o:x"/>`), "schema http://192.0.2.1/other.xsd"},
		"circular simple type":  {in(`<xs:element name="x" type="t:S"/>`) + `<xs:simpleType name="S"><xs:restriction base="t:S"/></xs:simpleType>`, "deeper than"},
		"circular base":         {in(`<xs:element name="x" type="t:C"/>`) + `<xs:complexType name="C"><xs:complexContent><xs:extension base="t:C"/></xs:complexContent></xs:complexType>`, "deeper than"},
		"circular group":        {in(`<xs:group ref="t:G"/>`) + `<xs:group name="G"><xs:sequence><xs:group ref="t:G"/></xs:sequence></xs:group>`, "deeper than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			imports := `<xs:import namespace="urn:other" schemaLocation="http://192.0.2.1/other.xsd"/>
<xs:redefine schemaLocation="old.xsd"><xs:complexType name="R"/></xs:redefine>`
			if strings.HasPrefix(name, "undeclared") {
				imports = ""
			}
			c := load(t, map[string]string{"t.wsdl": describe(imports + tc.schema)})
			if good := operation(t, c, "good"); good.Unsupported != nil {
				t.Errorf("the other operation: %v", good.Unsupported)
			}
			bad := operation(t, c, "bad")
			var unsupported *contract.UnsupportedError
			if !errors.As(bad.Unsupported, &unsupported) || !strings.Contains(unsupported.Construct, tc.construct) {
				t.Errorf("got %v, want a refusal that names %q", bad.Unsupported, tc.construct)
			}
		})
	}
}

func TestUnsupportedBindingConcernsOnlyItsOperation(t *testing.T) {
	t.Parallel()
	bad := `<xs:element name="bad" type="xs:string"/>`
	for name, tc := range map[string]struct{ old, new, construct string }{
		"rpc style": {`<soap:operation soapAction="urn:bad"/>`, `<soap:operation soapAction="urn:bad" style="rpc"/>`, "rpc style"},
		"rpc and encoded": {`<soap:operation soapAction="urn:bad"/><xrd:version>v1</xrd:version>
<wsdl:input><soap:body use="literal"/>`, `<soap:operation soapAction="urn:bad"/><xrd:version>v1</xrd:version>
<wsdl:input><soap:body use="encoded" namespace="urn:t"/>`, "encoded use"},
		"undeclared message": {`<wsdl:input message="t:bad"/>`, `<wsdl:input message="t:nowhere"/>`, "message nowhere"},
		"type part":          {`element="t:bad"`, `type="t:bad"`, "has a type"},
		"two parts":          {`<wsdl:message name="bad">`, `<wsdl:message name="bad"><wsdl:part name="more" element="t:good"/>`, "2 body parts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := describe(bad)
			if !strings.Contains(text, tc.old) {
				t.Fatalf("the description has no %s", tc.old)
			}
			c := load(t, map[string]string{"t.wsdl": strings.Replace(text, tc.old, tc.new, 1)})
			if good := operation(t, c, "good"); good.Unsupported != nil || good.SOAPAction != "urn:good" {
				t.Errorf("the other operation: %v", good.Unsupported)
			}
			if err := operation(t, c, "bad").Unsupported; err == nil || !strings.Contains(err.Error(), tc.construct) {
				t.Errorf("got %v, want a refusal that names %q", err, tc.construct)
			}
		})
	}
}

func TestRecursiveTypesEnd(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"t.wsdl": describe(`
<xs:element name="bad" type="t:Node"/>
<xs:complexType name="Node"><xs:sequence>
  <xs:element name="child" type="t:Node" minOccurs="0" maxOccurs="unbounded"/>
  <xs:element ref="t:list" minOccurs="0"/>
</xs:sequence></xs:complexType>
<xs:element name="list"><xs:complexType><xs:sequence><xs:element ref="t:list" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>`)})
	op := operation(t, c, "bad")
	if op.Unsupported != nil {
		t.Fatal(op.Unsupported)
	}
	if child := op.Input.Type.Content.Holds("child"); child == nil || child.Type != op.Input.Type {
		t.Error("the type of a child is not the type itself")
	}
}

func TestNothingIsEverFetched(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-155")
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	c := load(t, map[string]string{"t.wsdl": describe(fmt.Sprintf(`
<xs:import namespace="urn:other" schemaLocation="%[1]s/other.xsd"/>
<xs:include schemaLocation="%[1]s/more.xsd"/>
<xs:element name="bad" xmlns:o="urn:other" type="o:x"/>`, server.URL))})
	if operation(t, c, "bad").Unsupported == nil {
		t.Error("a type that is not here counts as supported")
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the network was asked %d times", n)
	}
}

func TestSchemasAreFoundBesideTheDescriptionAndInTheCatalogue(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-155")
	c := load(t, map[string]string{
		"t.wsdl": describe(`
<xs:import namespace="urn:other" schemaLocation="http://192.0.2.1/deep/other.xsd?v=1"/>
<xs:include schemaLocation="sub/chameleon.xsd"/>
<xs:element name="bad"><xs:complexType><xs:sequence>
  <xs:element name="a" xmlns:o="urn:other" type="o:x"/>
  <xs:element name="b" type="t:fromInclude"/>
  <xs:element name="c" xmlns:id="http://x-road.eu/xsd/identifiers" type="id:XRoadObjectType"/>
</xs:sequence></xs:complexType></xs:element>`),
		"other.xsd":         `<schema xmlns="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:other"><simpleType name="x"><restriction base="string"><maxLength value="3"/></restriction></simpleType></schema>`,
		"sub/chameleon.xsd": `<schema xmlns="http://www.w3.org/2001/XMLSchema" xmlns:x="http://www.w3.org/2001/XMLSchema"><include schemaLocation="../t2.xsd"/></schema>`,
		"t2.xsd":            `<x:schema xmlns:x="http://www.w3.org/2001/XMLSchema"><x:complexType name="fromInclude"><x:sequence><x:element name="d" type="inner"/></x:sequence></x:complexType><x:simpleType name="inner"><x:restriction base="x:int"/></x:simpleType></x:schema>`,
	})
	op := operation(t, c, "bad")
	if op.Unsupported != nil {
		t.Fatal(op.Unsupported)
	}
	content := op.Input.Type.Content
	if n := content.Holds("a").Type.Simple.MaxLength; n != 3 {
		t.Errorf("maxLength %d of the imported type, want 3", n)
	}
	if base := content.Holds("b").Type.Content.Holds("d").Type.Simple.Base; base != "int" {
		t.Errorf("base %s of the type of the including namespace, want int", base)
	}
	if n := len(content.Holds("c").Type.Simple.Enumeration); n != 8 {
		t.Errorf("%d values of the catalogue's type, want 8", n)
	}
}

func TestLatin1DescriptionIsRead(t *testing.T) {
	t.Parallel()
	text := strings.Replace(describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="PIIRIÜLENE"/></xs:restriction></xs:simpleType></xs:element>`),
		`encoding="UTF-8"`, `encoding="ISO-8859-1"`, 1)
	c := load(t, map[string]string{"t.wsdl": strings.ReplaceAll(text, "Ü", "\xdc")})
	if diff := cmp.Diff([]string{"PIIRIÜLENE"}, operation(t, c, "bad").Input.Type.Simple.Enumeration); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoDescriptionIsRefused(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-154")
	for name, text := range map[string]string{
		"another document": `<a/>`,
		"not XML":          `plain`,
		"empty":            ``,
		"entity":           `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/">&e;</wsdl:definitions>`,
		"too large":        `<a>` + strings.Repeat(" ", 11<<20) + `</a>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(text)}}, "t.wsdl"); err == nil {
				t.Error("loaded")
			}
		})
	}
	if _, err := contract.Load(fstest.MapFS{}, "t.wsdl"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: %v", err)
	}
}

func TestDamagedDescriptionNeverPanics(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile(contracttest.Shipped(t, "permit-notice.wsdl"))
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := string(source)
		for range rapid.IntRange(1, 4).Draw(rt, "damages") {
			from := rapid.IntRange(0, len(text)-1).Draw(rt, "from")
			to := min(len(text), from+rapid.IntRange(0, 60).Draw(rt, "length"))
			text = text[:from] + rapid.SampledFrom([]string{"", `"`, "<", "x", "xs:any", "tns:permitNotice", "0", "-1"}).Draw(rt, "with") + text[to:]
		}
		c, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(text)}}, "t.wsdl")
		if err != nil {
			return
		}
		for _, op := range c.Operations() {
			if op.Unsupported == nil && (op.Input == nil || op.Output == nil) {
				rt.Fatalf("operation %s is supported without wrappers", op.Code)
			}
		}
	})
}
