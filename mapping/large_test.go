package mapping_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"

	"ristmik/mapping"
	"ristmik/soap"
)

// records is a schema of an answer with as many records as it likes.
const records = `<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence>
<xs:element name="count" type="xs:int"/><xs:element name="record" minOccurs="0" maxOccurs="unbounded"><xs:complexType><xs:sequence>
<xs:element name="id" type="xs:long"/><xs:element name="name" type="xs:string"/><xs:element name="born" type="xs:date"/><xs:element name="sum" type="xs:decimal"/>
<xs:element name="note" type="xs:string" minOccurs="0" maxOccurs="3"/><xs:element name="active" type="xs:boolean" nillable="true"/></xs:sequence>
<xs:attribute name="kind" type="xs:string"/></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element></xs:schema>`

// recordsOf is a message with n records and one more that is given as XML.
func recordsOf(t testing.TB, n int, last string) *soap.Message {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(`<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header>
<x:client i:objectType="MEMBER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode></x:client>
<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode><i:serviceCode>op</i:serviceCode></x:service>
<x:id>1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body><t:op xmlns:t="urn:t">`)
	fmt.Fprintf(&out, "<count>%d</count>", n)
	for i := range n {
		fmt.Fprintf(&out, `<record kind="k%d"><id>%d</id><name>Mari-Liis Männik &amp; Õnne Ülle %d</name><born>1980-02-%02d</born><sum>%d.50</sum><note>%s</note><note>"two"
lines</note><active>true</active></record>`, i%7, i, i, 1+i%28, i, strings.Repeat("pikk märkus ", 26))
	}
	out.WriteString(last + `</t:op></e:Body></e:Envelope>`)
	m, err := soap.ReadAnswer(out.Bytes(), soap.LimitsOf(64<<20))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestALargeAnswerIsTheSameInPieces(t *testing.T) {
	t.Parallel()
	op := inline(t, records)
	for _, n := range []int{0, 1, 16, 17, 3000} {
		m := recordsOf(t, n, "")
		want, _, _, err := mapping.AppendJSON(nil, op.Output, m, mapping.Reading{})
		if err != nil {
			t.Fatal(err)
		}
		l, noted, strangers, err := mapping.ReadLarge(op.Output, m, mapping.Reading{Places: mapping.PlacesOf("/count")})
		if err != nil || strangers != nil {
			t.Fatal(err, strangers)
		}
		var got bytes.Buffer
		pieces := &counting{w: &got}
		written, err := l.WriteTo(pieces)
		if err != nil || int(written) != got.Len() || !bytes.Equal(want, got.Bytes()) {
			t.Errorf("%d records: %d bytes of %d, %v", n, written, len(want), err)
		}
		if n == 3000 && (pieces.writes < 10 || pieces.largest > 128<<10) {
			t.Errorf("%d bytes in %d pieces, the largest of %d bytes", len(want), pieces.writes, pieces.largest)
		}
		if got := noted.At("/count"); got != (mapping.Plain{Text: strconv.Itoa(n), Number: true}) {
			t.Errorf("noted of %d records: %+v", n, got)
		}
	}
}

func TestALargeAnswerThatBreaksItsContractIsNotBegun(t *testing.T) {
	t.Parallel()
	op := inline(t, records)
	last := `<record><id>1</id><name>a</name><born>2026-01-01</born><sum>1</sum><active>1</active><new>x</new></record>`
	_, _, _, err := mapping.ReadLarge(op.Output, recordsOf(t, 2000, last), mapping.Reading{})
	var violations mapping.Violations
	if !errors.As(err, &violations) || len(violations) != 1 || violations[0].Path != "/record/2000/new" {
		t.Errorf("violations %v", err)
	}
	l, _, strangers, err := mapping.ReadLarge(op.Output, recordsOf(t, 2000, last), mapping.Reading{Tolerant: true})
	if err != nil || len(strangers) != 1 {
		t.Fatalf("tolerant: %v, %v", strangers, err)
	}
	var out bytes.Buffer
	if _, err := l.WriteTo(&out); err != nil || !strings.Contains(out.String(), `"#unknown":["<new>x</new>"]`) {
		t.Errorf("the stranger is lost: %v", err)
	}
	if _, err := l.WriteTo(failing{}); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a writer that fails: %v", err)
	}
}

// The goal: 32 MB on top of the bytes of the message, garbage included. Not
// parallel, for other tests make garbage too.
func TestFiftyMegabytesAreConvertedInThirtyTwo(t *testing.T) {
	op := inline(t, records)
	m := recordsOf(t, 100_000, "")
	if len(m.Raw) < 50_000_000 {
		t.Fatalf("the message has %d bytes", len(m.Raw))
	}
	runtime.GC()
	before := heap()
	meter := &counting{w: io.Discard, every: heap}
	l, _, _, err := mapping.ReadLarge(op.Output, m, mapping.Reading{})
	if err != nil {
		t.Fatal(err)
	}
	meter.peak = max(meter.peak, heap())
	written, err := l.WriteTo(meter)
	if err != nil {
		t.Fatal(err)
	}
	meter.peak = max(meter.peak, heap())
	used := int64(meter.peak) - int64(before)
	t.Logf("%d bytes of XML, %d bytes of JSON in %d pieces, %d bytes of memory at the most", len(m.Raw), written, meter.writes, used)
	if used > 32<<20 {
		t.Errorf("%d bytes of memory beside the message, want 32 MB at the most", used)
	}
	runtime.KeepAlive(m)
}

// heap is the memory that the program's objects take, those included that nobody
// uses and that are not collected yet.
func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// counting counts writes and asks something at each.
type counting struct {
	w               io.Writer
	every           func() uint64
	writes, largest int
	peak            uint64
}

func (c *counting) Write(p []byte) (int, error) {
	c.writes++
	c.largest = max(c.largest, len(p))
	if c.every != nil {
		c.peak = max(c.peak, c.every())
	}
	return c.w.Write(p)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
