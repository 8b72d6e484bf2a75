package mapping_test

import (
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/beevik/etree"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

// codes returns "path code" of every violation in the error.
func codes(t testing.TB, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var violations mapping.Violations
	if !errors.As(err, &violations) {
		t.Fatalf("%v is not a list of violations", err)
	}
	var out []string
	for _, v := range violations {
		if v.Message == "" {
			t.Errorf("%s %s has no message", v.Path, v.Code)
		}
		out = append(out, v.Path+" "+v.Code)
	}
	return out
}

// element compiles one element, declared as e in the given schema.
func element(t testing.TB, schema string) *contract.Element {
	t.Helper()
	text := `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><xs:schema targetNamespace="urn:t">` + schema + `</xs:schema></w:types>
<w:message name="m"><w:part name="body" element="t:e"/></w:message>
<w:portType name="p"><w:operation name="o"><w:input message="t:m"/><w:output message="t:m"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document"/><w:operation name="o"><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding></w:definitions>`
	c, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(text)}}, "t.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	op, ok := c.Operation("o", "")
	if !ok || op.Unsupported != nil {
		t.Fatalf("operation: %+v", op)
	}
	return op.Input
}

const richSchema = `
<xs:element name="e"><xs:complexType><xs:sequence>
  <xs:element name="a" type="xs:string" nillable="true"/>
  <xs:element name="amount" minOccurs="0" maxOccurs="2"><xs:complexType><xs:simpleContent><xs:extension base="xs:decimal">
    <xs:attribute name="currency" type="xs:token" use="required"/><xs:attribute name="v" fixed="1"/>
  </xs:extension></xs:simpleContent></xs:complexType></xs:element>
  <xs:choice minOccurs="0">
    <xs:element name="x" type="xs:int"/>
    <xs:sequence><xs:element name="y" type="xs:boolean"/><xs:element name="z" type="xs:string" minOccurs="0"/></xs:sequence>
  </xs:choice>
  <xs:element name="set" minOccurs="0"><xs:complexType><xs:all><xs:element name="m" type="xs:int"/><xs:element name="n" type="xs:int" minOccurs="0"/></xs:all></xs:complexType></xs:element>
  <xs:element name="q" form="qualified" type="xs:string" default="d" minOccurs="0"/>
  <xs:element name="derived" type="t:D" minOccurs="0"/>
</xs:sequence></xs:complexType></xs:element>
<xs:complexType name="B"><xs:sequence><xs:element name="one" type="xs:int"/></xs:sequence></xs:complexType>
<xs:complexType name="D"><xs:complexContent><xs:extension base="t:B"><xs:sequence><xs:element name="two" type="xs:int"/></xs:sequence><xs:attribute name="kind" type="xs:string"/></xs:extension></xs:complexContent></xs:complexType>`

func TestConstructsOfTheModelKeepTheirValue(t *testing.T) {
	t.Parallel()
	el := element(t, richSchema)
	want := map[string]any{
		"a": nil,
		"amount": []any{
			map[string]any{"#text": json.Number("1234567890123456789.10"), "@currency": "EUR", "@v": "1"},
		},
		"y":       true,
		"set":     map[string]any{"m": json.Number("1"), "n": json.Number("2")},
		"q":       "text",
		"derived": map[string]any{"one": json.Number("1"), "two": json.Number("2"), "@kind": "k"},
	}
	x, err := mapping.Encode(el, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mapping.Decode(el, reread(t, x))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeReadsTheFormsThatXMLAllows(t *testing.T) {
	t.Parallel()
	el := element(t, richSchema)
	doc := etree.NewDocument()
	err := doc.ReadFromString(`<e xmlns="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:schemaLocation="urn:t t.xsd">
  <a xmlns="">one<!-- two --><![CDATA[ <three>]]></a>
  <amount xmlns="" currency=" EUR "> +007.50 </amount>
  <x xmlns="" i:type="int"> -0 </x>
  <set xmlns=""><n>2</n><m>1</m></set>
  <q/>
</e>`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := mapping.Decode(el, doc.Root())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a":      "one <three>",
		"amount": []any{map[string]any{"#text": json.Number("7.50"), "@currency": "EUR"}},
		"x":      json.Number("-0"),
		"set":    map[string]any{"m": json.Number("1"), "n": json.Number("2")},
		"q":      "d",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEncodeReportsEveryViolationWithItsPlace(t *testing.T) {
	t.Parallel()
	el := element(t, richSchema)
	for name, tc := range map[string]struct {
		value map[string]any
		want  []string
	}{
		"all at once": {
			map[string]any{
				"amount":  []any{map[string]any{"#text": "x"}, "no object"},
				"x":       json.Number("1.5"),
				"set":     map[string]any{"n": "2147483648"},
				"derived": nil,
				"a/b~c":   1,
			},
			[]string{"/a required", "/amount/0/@currency required", "/amount/0/#text format", "/amount/1 type",
				"/x format", "/set/m required", "/set/n range", "/derived type", "/a~1b~0c unknown"},
		},
		"both branches":     {map[string]any{"a": "", "x": 1, "z": "z"}, []string{" choice"}},
		"incomplete branch": {map[string]any{"a": "", "z": "z"}, []string{"/y required"}},
		"too many":          {map[string]any{"a": "", "amount": []any{1, 2, 3}}, []string{"/amount too_many"}},
		"no array":          {map[string]any{"a": "", "amount": map[string]any{}}, []string{"/amount type"}},
		"array":             {map[string]any{"a": []any{"x"}}, []string{"/a type"}},
		"number for text":   {map[string]any{"a": json.Number("1")}, []string{"/a type"}},
		"text for boolean":  {map[string]any{"a": "", "y": "true"}, []string{"/y type"}},
		"control character": {map[string]any{"a": "\x01"}, []string{"/a character"}},
		"fixed attribute":   {map[string]any{"a": "", "amount": []any{map[string]any{"#text": 1, "@currency": "EUR", "@v": "2"}}}, []string{"/amount/0/@v enum"}},
		"nothing":           {nil, []string{"/a required"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x, err := mapping.Encode(el, tc.value)
			if diff := cmp.Diff(tc.want, codes(t, err)); diff != "" {
				t.Error(diff)
			}
			if (x == nil) != (err != nil) {
				t.Error("element and error do not exclude each other")
			}
		})
	}
}

func TestDecodeReportsEveryViolationWithItsPlace(t *testing.T) {
	t.Parallel()
	el := element(t, richSchema)
	const ns = `xmlns:t="urn:t" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"`
	for name, tc := range map[string]struct {
		xml  string
		want []string
	}{
		"all at once": {`<t:e ` + ns + ` b="1"><amount>x</amount><new/><x>1.5</x><set><n>x</n></set></t:e>`,
			[]string{"/@b unknown", "/a required", "/amount/0/@currency required", "/amount/0/#text format", "/new unknown", "/x format", "/set/n format", "/set/m required"}},
		"another wrapper":   {`<t:f ` + ns + `/>`, []string{" unknown"}},
		"another namespace": {`<e/>`, []string{" unknown"}},
		"qualified child":   {`<t:e ` + ns + `><t:a/></t:e>`, []string{"/a unknown", "/a required"}},
		"unqualified child": {`<t:e ` + ns + `><a/><q/></t:e>`, []string{"/q unknown"}},
		"order":             {`<t:e ` + ns + `><x>1</x><a/></t:e>`, []string{"/a order"}},
		"both branches":     {`<t:e ` + ns + `><a/><x>1</x><y>true</y></t:e>`, []string{"/y choice"}},
		"too many":          {`<t:e ` + ns + `><a/><amount/><amount/><amount/></t:e>`, []string{"/amount too_many"}},
		"nil not allowed":   {`<t:e ` + ns + `><a/><x i:nil="true"/></t:e>`, []string{"/x type"}},
		"nil with content":  {`<t:e ` + ns + `><a i:nil="1">x</a></t:e>`, []string{"/a type"}},
		"another type":      {`<t:e ` + ns + `><a/><x i:type="t:Other">1</x></t:e>`, []string{"/x type"}},
		"element in text":   {`<t:e ` + ns + `><a><b/></a></t:e>`, []string{"/a type"}},
		"text in complex":   {`<t:e ` + ns + `>text<a/></t:e>`, []string{" type"}},
		"qualified attribute": {`<t:e ` + ns + `><a/><amount t:currency="EUR">1</amount></t:e>`,
			[]string{"/amount/0/@currency unknown", "/amount/0/@currency required"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := etree.NewDocument()
			if err := doc.ReadFromString(tc.xml); err != nil {
				t.Fatal(err)
			}
			value, err := mapping.Decode(el, doc.Root())
			if diff := cmp.Diff(tc.want, codes(t, err)); diff != "" {
				t.Error(diff)
			}
			if (value == nil) != (err != nil) {
				t.Error("value and error do not exclude each other")
			}
		})
	}
	if _, err := mapping.Decode(el, nil); err == nil {
		t.Error("no element at all is accepted")
	}
}

func TestNumbersLoseNoDigit(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e"><xs:complexType><xs:sequence><xs:element name="d" type="xs:decimal"/></xs:sequence></xs:complexType></xs:element>`)
	tenth := 0.1 // a variable: the compiler adds constants exactly
	for _, tc := range []struct {
		value any
		want  string // "" for a refusal
	}{
		{json.Number("123456789012345678901234567890.10"), "123456789012345678901234567890.10"},
		{"0.10", "0.10"},
		{7, "7"},
		{int64(math.MinInt64), "-9223372036854775808"},
		{uint64(math.MaxUint64), "18446744073709551615"},
		{1234567.1, "1234567.1"},
		{1e15, "1000000000000000"},
		{9007199254740993.0, ""},
		{tenth + 0.2, ""},
		{math.NaN(), ""},
		{math.Inf(1), ""},
		{json.Number("1e3"), ""},
		{true, ""},
	} {
		x, err := mapping.Encode(el, map[string]any{"d": tc.value})
		switch {
		case tc.want == "":
			if err == nil {
				t.Errorf("%v: written as %q, want a refusal", tc.value, x.SelectElement("d").Text())
			}
		case err != nil:
			t.Errorf("%v: %v", tc.value, err)
		case x.SelectElement("d").Text() != tc.want:
			t.Errorf("%v: written as %q, want %q", tc.value, x.SelectElement("d").Text(), tc.want)
		}
	}
}

func TestBranchOfAChoiceIsTheOneThatCanBeginSo(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e"><xs:complexType><xs:choice>
  <xs:sequence><xs:element name="b" type="xs:int"/><xs:element name="a" type="xs:int" minOccurs="0"/></xs:sequence>
  <xs:sequence><xs:element name="c" type="xs:int" minOccurs="0"/><xs:element name="a" type="xs:int"/><xs:element name="x" type="xs:int"/></xs:sequence>
</xs:choice></xs:complexType></xs:element>`)
	for _, want := range []map[string]any{
		{"a": json.Number("1"), "x": json.Number("2")},
		{"b": json.Number("1")},
		{"b": json.Number("1"), "a": json.Number("2")},
		{"c": json.Number("1"), "a": json.Number("2"), "x": json.Number("3")},
	} {
		x, err := mapping.Encode(el, want)
		if err != nil {
			t.Errorf("%v: %v", want, err)
			continue
		}
		got, err := mapping.Decode(el, x)
		if err != nil {
			t.Errorf("%v: %v", want, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	_, err := mapping.Encode(el, map[string]any{})
	if diff := cmp.Diff([]string{" required"}, codes(t, err)); diff != "" {
		t.Error(diff)
	}
}

func TestWrapperOfASimpleTypeHoldsItsText(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e" type="xs:int"/>`)
	x, err := mapping.Encode(el, map[string]any{"#text": 5})
	if err != nil {
		t.Fatal(err)
	}
	got, err := mapping.Decode(el, x)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"#text": json.Number("5")}, got); diff != "" {
		t.Error(diff)
	}
	for _, value := range []map[string]any{nil, {"x": 1}} {
		if _, err := mapping.Encode(el, value); err == nil {
			t.Errorf("%v is accepted", value)
		}
	}
}

func TestRecursionIsBounded(t *testing.T) {
	t.Parallel()
	el := element(t, `<xs:element name="e" type="t:N"/><xs:complexType name="N"><xs:sequence><xs:element name="n" type="t:N" minOccurs="0"/></xs:sequence></xs:complexType>`)
	circular := map[string]any{}
	circular["n"] = circular
	_, err := mapping.Encode(el, circular)
	if got := codes(t, err); len(got) != 1 || !strings.HasSuffix(got[0], " depth") {
		t.Errorf("encoding a circle: %v", got)
	}
	root := etree.NewElement("t:e")
	root.CreateAttr("xmlns:t", "urn:t")
	at := root
	for range 100 {
		at = at.CreateElement("n")
	}
	_, err = mapping.Decode(el, root)
	if got := codes(t, err); len(got) != 1 || !strings.HasSuffix(got[0], " depth") {
		t.Errorf("decoding a deep tree: %v", got)
	}
}

func TestErrorsNeverHoldValues(t *testing.T) {
	t.Parallel()
	op := torik(t)
	const secret = "71506150007"
	rapid.Check(t, func(rt *rapid.T) {
		value := generate(rt, op.Output, 0).(map[string]any)
		value["request"].(map[string]any)[secret] = secret
		value["request"].(map[string]any)["paringu_liik"] = secret
		value["request"].(map[string]any)["toot_algus"] = secret
		value[secret+"/x"] = secret
		value["response"] = rapid.SampledFrom([]any{
			secret, []any{secret}, map[string]any{"kood": secret, "kannete_jada": map[string]any{"kanne": []any{secret}}},
		}).Draw(rt, "response")
		_, err := mapping.Encode(op.Output, value)
		var violations mapping.Violations
		if !errors.As(err, &violations) {
			rt.Fatalf("got %v", err)
		}
		if strings.Contains(err.Error(), secret) {
			rt.Fatalf("the text of the error holds the value: %v", err)
		}
		for _, v := range violations {
			if strings.Contains(v.Message, secret) {
				rt.Fatalf("the message holds the value: %v", v)
			}
		}
	})
}

func TestReportIsBounded(t *testing.T) {
	t.Parallel()
	value := map[string]any{}
	for i := range 2000 {
		value["k"+strings.Repeat("x", 2000-i)] = 1
	}
	_, err := mapping.Encode(torik(t).Input, value)
	if n := len(codes(t, err)); n != 500 {
		t.Errorf("%d violations, want 500", n)
	}
	if n := len(err.Error()); n > 4096 {
		t.Errorf("error text of %d bytes", n)
	}
}
