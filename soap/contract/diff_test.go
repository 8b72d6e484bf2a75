package contract_test

import (
	"fmt"
	"strings"
	"testing"

	"ristmik/soap/contract"
)

// baseline is a message that each case below changes in one place.
const baseline = `<xs:element name="bad"><xs:complexType><xs:sequence>
  <xs:element name="code" type="xs:string"/>
  <xs:element name="note" type="xs:string" minOccurs="0"/>
  <xs:element name="kind"><xs:simpleType><xs:restriction base="xs:string"><xs:enumeration value="A"/><xs:enumeration value="B"/></xs:restriction></xs:simpleType></xs:element>
  <xs:element name="rate"><xs:simpleType><xs:restriction base="xs:decimal"><xs:maxInclusive value="100"/><xs:fractionDigits value="2"/></xs:restriction></xs:simpleType></xs:element>
  <xs:element name="rows" type="xs:int" minOccurs="0" maxOccurs="10"/>
  <xs:element name="born" type="xs:date" minOccurs="0" nillable="true"/>
  <xs:element name="sum"><xs:complexType><xs:simpleContent><xs:extension base="xs:decimal"><xs:attribute name="unit" type="xs:string"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
</xs:sequence></xs:complexType></xs:element>`

// Each mutation has a verdict for the message as a request, which we write, and
// as an answer, which we read. The operation "bad" has one message for both.
func TestEveryChangeOfADescriptionHasAVerdict(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		old, new        string
		path            string
		change          contract.Change
		request, answer bool // breaking
	}{
		"nothing":            {`name="code"`, `name="code"`, "", "", false, false},
		"documentation":      {`<xs:element name="code" type="xs:string"/>`, `<xs:element name="code" type="xs:string"><xs:annotation><xs:documentation>x</xs:documentation></xs:annotation></xs:element>`, "", "", false, false},
		"removed":            {`  <xs:element name="note" type="xs:string" minOccurs="0"/>`, ``, "/note", contract.FieldRemoved, true, true},
		"added, optional":    {`</xs:sequence>`, `<xs:element name="new" type="xs:int" minOccurs="0"/></xs:sequence>`, "/new", contract.FieldAdded, false, false},
		"added, required":    {`</xs:sequence>`, `<xs:element name="new" type="xs:int"/></xs:sequence>`, "/new", contract.FieldAdded, true, false},
		"required":           {`name="note" type="xs:string" minOccurs="0"`, `name="note" type="xs:string"`, "/note", contract.FieldRequired, true, false},
		"optional":           {`name="code" type="xs:string"`, `name="code" type="xs:string" minOccurs="0"`, "/code", contract.FieldOptional, false, true},
		"list":               {`name="code" type="xs:string"`, `name="code" type="xs:string" maxOccurs="2"`, "/code", contract.CountChanged, true, true},
		"longer list":        {`maxOccurs="10"`, `maxOccurs="unbounded"`, "/rows", contract.CountChanged, false, true},
		"shorter list":       {`maxOccurs="10"`, `maxOccurs="5"`, "/rows", contract.CountChanged, true, false},
		"no list":            {`maxOccurs="10"`, `maxOccurs="1"`, "/rows", contract.CountChanged, true, true},
		"null":               {`name="code"`, `nillable="true" name="code"`, "/code", contract.NilAllowed, false, true},
		"no null":            {` nillable="true"`, ``, "/born", contract.NilRefused, true, false},
		"other type":         {`name="code" type="xs:string"`, `name="code" type="xs:int"`, "/code", contract.TypeChanged, true, true},
		"object":             {`name="code" type="xs:string"`, `name="code"`, "/code", contract.TypeChanged, true, true},
		"mixed":              {`<xs:complexType><xs:sequence>`, `<xs:complexType mixed="true"><xs:sequence>`, "", contract.TypeChanged, true, true},
		"value more":         {`<xs:enumeration value="B"/>`, `<xs:enumeration value="B"/><xs:enumeration value="C"/>`, "/kind", contract.ValuesWidened, false, true},
		"value less":         {`<xs:enumeration value="B"/>`, ``, "/kind", contract.ValuesNarrowed, true, false},
		"other value":        {`<xs:enumeration value="B"/>`, `<xs:enumeration value="C"/>`, "/kind", contract.ValuesChanged, true, true},
		"free value":         {`<xs:enumeration value="A"/><xs:enumeration value="B"/>`, ``, "/kind", contract.ValuesWidened, false, true},
		"higher bound":       {`value="100"`, `value="200"`, "/rate", contract.ValuesWidened, false, true},
		"lower bound":        {`value="100"`, `value="50.5"`, "/rate", contract.ValuesNarrowed, true, false},
		"exclusive bound":    {`maxInclusive value="100"`, `maxExclusive value="100"`, "/rate", contract.ValuesNarrowed, true, false},
		"fewer digits":       {`fractionDigits value="2"`, `fractionDigits value="1"`, "/rate", contract.ValuesNarrowed, true, false},
		"more digits":        {`<xs:fractionDigits value="2"/>`, ``, "/rate", contract.ValuesWidened, false, true},
		"wider integer":      {`type="xs:int"`, `type="xs:long"`, "/rows", contract.ValuesWidened, false, true},
		"narrower integer":   {`type="xs:int"`, `type="xs:short"`, "/rows", contract.ValuesNarrowed, true, false},
		"a pattern":          {`<xs:enumeration value="B"/>`, `<xs:enumeration value="B"/><xs:pattern value="[AB]"/>`, "/kind", contract.ValuesNarrowed, true, false},
		"a length":           {`<xs:enumeration value="B"/>`, `<xs:enumeration value="B"/><xs:maxLength value="1"/>`, "/kind", contract.ValuesNarrowed, true, false},
		"order":              {`<xs:element name="code" type="xs:string"/>` + "\n" + `  <xs:element name="note" type="xs:string" minOccurs="0"/>`, `<xs:element name="note" type="xs:string" minOccurs="0"/><xs:element name="code" type="xs:string"/>`, "/note", contract.FieldMoved, true, true},
		"namespace":          {`name="code"`, `form="qualified" name="code"`, "/code", contract.FieldMoved, true, true},
		"choice":             {`<xs:element name="note" type="xs:string" minOccurs="0"/>`, `<xs:choice minOccurs="0"><xs:element name="note" type="xs:string" minOccurs="0"/></xs:choice>`, "/note", contract.FieldMoved, true, true},
		"attribute gone":     {`<xs:attribute name="unit" type="xs:string"/>`, ``, "/sum", contract.TypeChanged, true, true},
		"attribute more":     {`<xs:attribute name="unit" type="xs:string"/>`, `<xs:attribute name="unit" type="xs:string"/><xs:attribute name="x" type="xs:string"/>`, "/sum/@x", contract.FieldAdded, false, false},
		"attribute required": {`<xs:attribute name="unit"`, `<xs:attribute use="required" name="unit"`, "/sum/@unit", contract.FieldRequired, true, false},
		"attribute replaced": {`<xs:attribute name="unit" type="xs:string"/>`, `<xs:attribute name="unit" type="xs:int"/>`, "/sum/@unit", contract.TypeChanged, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := strings.Replace(baseline, tc.old, tc.new, 1)
			if changed == baseline && name != "nothing" {
				t.Fatal("nothing was changed")
			}
			// One message is both request and answer.
			both := func(schema string) *contract.Contract {
				return load(t, map[string]string{"t.wsdl": strings.Replace(describe(schema),
					`<wsdl:input message="t:bad"/><wsdl:output message="t:good"/>`, `<wsdl:input message="t:bad"/><wsdl:output message="t:bad"/>`, 1)})
			}
			before, now := both(baseline), both(changed)
			var got, want []string
			for _, d := range contract.Compare(before, now) {
				got = append(got, fmt.Sprintf("%s %s %s %s %t", d.Operation, d.Direction, d.Path, d.Change, d.Breaking))
				if d.Message == "" {
					t.Error("a difference without words")
				}
			}
			if tc.change != "" {
				want = []string{
					fmt.Sprintf("bad request %s %s %t", tc.path, tc.change, tc.request),
					fmt.Sprintf("bad answer %s %s %t", tc.path, tc.change, tc.answer),
				}
			}
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestChangesOfWholeOperationsHaveAVerdict(t *testing.T) {
	t.Parallel()
	text := describe(baseline)
	unusable := strings.Replace(baseline, `type="xs:date"`, `type="xs:NMTOKENS"`, 1)
	for name, tc := range map[string]struct {
		before, now string
		want        string
	}{
		"removed":  {text, strings.ReplaceAll(text, `<wsdl:operation name="bad">`, `<wsdl:operation name="other">`), "bad operation_removed true, other operation_added false"},
		"action":   {text, strings.Replace(text, `soapAction="urn:bad"`, `soapAction="urn:new"`, 1), "bad soap_action_changed true"},
		"unusable": {text, describe(unusable), "bad operation_unusable true"},
		"usable":   {describe(unusable), text, "bad operation_usable false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, d := range contract.Compare(load(t, map[string]string{"t.wsdl": tc.before}), load(t, map[string]string{"t.wsdl": tc.now})) {
				got = append(got, fmt.Sprintf("%s %s %t", d.Operation, d.Change, d.Breaking))
			}
			if strings.Join(got, ", ") != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}
