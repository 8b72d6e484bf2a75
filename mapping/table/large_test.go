package table_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/fstest"

	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap"
	"ristmik/soap/contract"
)

const recordsWSDL = `<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:t="urn:t" targetNamespace="urn:t">
<w:types><xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence>
<xs:element name="count" type="xs:int"/><xs:element name="page" minOccurs="0"><xs:complexType><xs:sequence>
<xs:element name="last" type="xs:boolean" minOccurs="0"/>
<xs:element name="record" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
<xs:element name="id" type="xs:long"/><xs:element name="name" type="xs:string"/><xs:element name="born" type="xs:date"/>
<xs:element name="note" type="xs:string" minOccurs="0" maxOccurs="3"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="word" type="xs:string" minOccurs="0" maxOccurs="9"/>
</xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema></w:types>
<w:message name="m"><w:part name="body" element="t:op"/></w:message>
<w:portType name="p"><w:operation name="op"><w:input message="t:m"/><w:output message="t:m"/></w:operation></w:portType>
<w:binding name="b" type="t:p"><s:binding style="document"/><w:operation name="op"><x:version>v1</x:version><w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output></w:operation></w:binding></w:definitions>`

const (
	recordsHead = "table: records\noperation: op\nversion: v1\nanswer:\n  ignore: [/count, /page]\n  rules:\n"
	recordsEach = "    - from: /page/record\n      to: /found/people\n      each:\n        - {from: /id, to: /id}\n        - {from: /name, to: /name, transform: prefix(N-)}\n        - {from: /born, to: /born}\n        - {from: /note, to: /notes}\n"
)

// recordsTable is a table of these rules.
func recordsTable(t *testing.T, rules string) *table.Table {
	t.Helper()
	c, err := contract.Load(fstest.MapFS{"t.wsdl": {Data: []byte(recordsWSDL)}}, "t.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	made, problems := load(t, "records.yaml", []byte(recordsHead+rules), table.Options{Contract: c, Today: today})
	if len(problems) > 0 {
		t.Fatal(strings.Join(problems, "\n"))
	}
	return made
}

// recordsAnswer is a message with that content of its wrapper.
func recordsAnswer(t *testing.T, content string) *soap.Message {
	t.Helper()
	m, err := soap.ReadAnswer([]byte(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header>
<x:client i:objectType="MEMBER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode></x:client>
<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode><i:serviceCode>op</i:serviceCode></x:service>
<x:id>1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body><t:op xmlns:t="urn:t">`+content+`</t:op></e:Body></e:Envelope>`), soap.LimitsOf(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// record is one of the records, with notes.
func record(i int, notes ...string) string {
	out := fmt.Sprintf("<record><id>%d</id><name>N-Õnne &lt;%d&gt;</name><born>1980-02-%02d</born>", 9007199254740993+i, i, 1+i%28)
	for _, n := range notes {
		out += "<note>" + n + "</note>"
	}
	return out + "</record>"
}

// What is told item by item is what would be told as a whole, faults included.
func TestALargeAnswerIsToldAsASmallOne(t *testing.T) {
	t.Parallel()
	many := strings.Builder{}
	for i := range 2000 {
		many.WriteString(record(i, "üks", "kaks "+strings.Repeat("x", i%90)))
	}
	contents := map[string]string{
		"no page":          "<count>0</count>",
		"an empty page":    "<count>0</count><page/>",
		"one":              "<count>1</count><page><last>true</last>" + record(1) + "</page>",
		"three":            "<count>3</count><page>" + record(1) + record(2, "a") + record(3, "b", "c") + "<word>w</word></page>",
		"many":             "<count>2000</count><page><last>false</last>" + many.String() + "</page>",
		"one not told":     "<count>3</count><page>" + record(1) + strings.Replace(record(2), "N-", "", 1) + record(3) + "</page>",
		"more not told":    "<count>3</count><page>" + strings.Replace(record(1)+record(2), "N-", "", 2) + "<word>w</word><word>v</word></page>",
		"not the contract": "<count>1</count><page>" + record(1) + "<record/></page>",
	}
	for name, rules := range map[string]string{
		"the list alone":     recordsEach,
		"with others":        "    - {from: /count, to: /found/count}\n    - {from: /page/last, to: /last}\n    - {from: /page/word, to: /words}\n" + recordsEach,
		"on a condition":     strings.Replace(recordsEach, "      each:", "      when: count > 1 && page?.last == false\n      each:", 1),
		"the only other one": "    - {from: /page/word/0, to: /word}\n" + recordsEach,
	} {
		made := recordsTable(t, rules)
		if !made.Streams() {
			t.Errorf("%s: it does not stream", name)
			continue
		}
		for content, text := range contents {
			m := recordsAnswer(t, text)
			value, wanted := mapping.DecodeMessage(made.Operation().Output, m)
			var want []byte
			if wanted == nil {
				var told map[string]any
				if told, wanted = made.ToCore(value, today); wanted == nil {
					want, _ = json.Marshal(told)
				}
			}
			l, _, err := made.ReadLarge(m, false, today)
			if err == nil {
				err = l.Err()
			}
			if !reflect.DeepEqual(err, wanted) {
				t.Errorf("%s, %s: %v, want %v", name, content, err, wanted)
			}
			if err != nil {
				continue
			}
			var got bytes.Buffer
			n, err := l.WriteTo(&got)
			var told, asked any
			if err != nil || int(n) != got.Len() || json.Unmarshal(got.Bytes(), &told) != nil || json.Unmarshal(want, &asked) != nil || !reflect.DeepEqual(told, asked) {
				t.Errorf("%s, %s: %v\n%.300s\nwant\n%.300s", name, content, err, &got, want)
			}
			if strings.Contains(got.String(), "9007199254740993") != strings.Contains(string(want), "9007199254740993") {
				t.Errorf("%s, %s: digits are lost", name, content)
			}
		}
	}
}

// A table streams where nothing but the rule of the list looks into the list.
func TestWhatStreams(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		rules   string
		streams bool
	}{
		"no list":                   {"    - {from: /count, to: /n}\n", false},
		"plain items":               {"    - {from: /page/word, to: /words}\n", false},
		"a condition on the list":   {"    - {from: /count, to: /n, when: len(page.record) > 0}\n" + recordsEach, false},
		"a condition on all":        {"    - {from: /count, to: /n, when: len(values(page)) > 0}\n" + recordsEach, false},
		"a condition on the other":  {"    - {from: /count, to: /n, when: page.last}\n" + recordsEach, true},
		"its own condition":         {strings.Replace(recordsEach, "      each:", "      when: any(page.record, .id > 1)\n      each:", 1), false},
		"inside of the only record": {strings.Replace(recordsEach, "/page/record\n", "/page/record\n      title: x\n", 1) + "    - {from: /page/record/0/name, to: /name}\n", false},
		"two lists":                 {recordsEach + strings.Replace(recordsEach, "/found/people", "/again", 1), false},
	} {
		if got := recordsTable(t, tc.rules).Streams(); got != tc.streams {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// A list of 50 MB passes a table within 32 MB on top of the bytes of the message.
// The collector runs often, for the garbage that it would else let lie is as much as
// there is in use. Not parallel, for other tests use memory too.
func TestFiftyMegabytesPassATableInThirtyTwo(t *testing.T) {
	made := recordsTable(t, recordsEach)
	var text strings.Builder
	text.WriteString("<count>100000</count><page>")
	long := strings.Repeat("pikk märkus ", 30)
	for i := range 100_000 {
		text.WriteString(record(i, long))
	}
	text.WriteString("</page>")
	m := recordsAnswer(t, text.String())
	text.Reset()
	if len(m.Raw) < 50_000_000 {
		t.Fatalf("the message has %d bytes", len(m.Raw))
	}
	defer debug.SetGCPercent(debug.SetGCPercent(5))
	runtime.GC()
	before := used()
	peak := peaking{w: io.Discard}
	l, _, err := made.ReadLarge(m, false, today)
	if err != nil || l.Err() != nil {
		t.Fatal(err, l.Err())
	}
	peak.most = max(peak.most, used())
	written, err := l.WriteTo(&peak)
	if err != nil {
		t.Fatal(err)
	}
	took := int64(peak.most) - int64(before)
	t.Logf("%d bytes of XML, %d bytes of JSON, %d bytes of memory at the most", len(m.Raw), written, took)
	if took > 32<<20 {
		t.Errorf("%d bytes of memory beside the message, want 32 MB at the most", took)
	}
	if _, err := l.WriteTo(closed{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %v", err)
	}
	runtime.KeepAlive(m)
}

// used is the memory of the program's objects, those not collected yet included.
func used() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// peaking notes the most memory in use at its writes.
type peaking struct {
	w    io.Writer
	most uint64
}

func (p *peaking) Write(b []byte) (int, error) {
	p.most = max(p.most, used())
	return p.w.Write(b)
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
