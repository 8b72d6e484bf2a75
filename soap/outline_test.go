package soap_test

import (
	"fmt"
	"strings"
	"testing"

	"ristmik/soap"
)

// The spans are those of the markup, whatever stands around it.
func TestScanFindsTheParts(t *testing.T) {
	t.Parallel()
	in := "\uFEFF<?xml version='1.0'?>\r\n<!-- <e:Envelope/> --><e:Envelope xmlns:e='" + soap.NSEnvelope + "'>" +
		"<e:Header><a/><!-- <b/> --><b x='>'>1</b></e:Header>" +
		"<e:Body><w xmlns='urn:w'><e:Body/><c/></w></e:Body></e:Envelope>\n"
	o, err := soap.Scan([]byte(in), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s|%s|%s|%s|%s|%d", o.Header.Of(o.Text), o.Blocks[0].Of(o.Text), o.Blocks[1].Of(o.Text), o.Body.Of(o.Text), o.Wrapper.Of(o.Text), o.Children)
	want := "<e:Header><a/><!-- <b/> --><b x='>'>1</b></e:Header>|<a/>|<b x='>'>1</b>|" +
		"<e:Body><w xmlns='urn:w'><e:Body/><c/></w></e:Body>|<w xmlns='urn:w'><e:Body/><c/></w>|1"
	if got != want || len(o.Blocks) != 2 {
		t.Errorf("parts are %s", got)
	}
	if e := string(o.Envelope.Of(o.Text)); !strings.HasPrefix(e, "<e:Envelope xmlns:e=") || !strings.HasSuffix(e, "</e:Envelope>") {
		t.Errorf("the envelope is %s", e)
	}
	for name, doc := range map[string]string{
		"no SOAP":               "<Envelope><Header/><Body/></Envelope>",
		"parts of no namespace": "<e:Envelope xmlns:e='" + soap.NSEnvelope + "'><Header/><Body/></e:Envelope>",
		"parts further inside":  "<a xmlns:e='" + soap.NSEnvelope + "'><e:Envelope><e:Header/><e:Body/></e:Envelope></a>",
	} {
		o, err := soap.Scan([]byte(doc), soap.Limits{})
		if err != nil || o.Header != (soap.Span{}) || o.Body != (soap.Span{}) {
			t.Errorf("%s: %v %+v", name, err, o)
		}
	}
	many := "<e:Envelope xmlns:e='" + soap.NSEnvelope + "'><e:Header>" + strings.Repeat("<a/>", 257) + "</e:Header></e:Envelope>"
	if _, err := soap.Scan([]byte(many), soap.Limits{}); err == nil {
		t.Error("257 header blocks were accepted")
	}
}

// written spells the tokens of a walk as expanded does a tree.
func written(walk *soap.Tokens) string {
	var b strings.Builder
	for {
		switch walk.Next() {
		case soap.TokenNone:
			return b.String()
		case soap.TokenStart:
			space, local := walk.Name()
			b.WriteString("<{" + space + "}" + local)
			for _, a := range walk.Attrs() {
				if a.Space != soap.NSXMLNS {
					b.WriteString(" {" + a.Space + "}" + a.Local + "=" + a.Value)
				}
			}
			b.WriteByte('>')
		case soap.TokenText:
			b.WriteString(walk.Text())
		case soap.TokenEnd:
			b.WriteString("</>")
		}
	}
}

// The tokens of the wrapper say what its tree would.
func TestBodiesAreReadAsTokens(t *testing.T) {
	t.Parallel()
	inner := strings.Repeat(`<r a="1&#10;2"  p:b='x'><n>Mari &amp; Jüri<!--> --> <![CDATA[<&>]]></n><e/>`+"\r\n</r>", 20)
	good := change(t, golden(t, "request.xml"), "<plate>123ABC</plate>", inner)
	m, err := soap.ReadRequest([]byte(good), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if space, local := m.Name(); local != "vehicleByPlate" || space != m.Body().NamespaceURI() || len(m.Body().Child) == 0 {
		t.Fatalf("the wrapper is {%s}%s", space, local)
	}
	want := expanded(m.Body())
	if got := written(m.Outline.WrapperTokens()); got != want {
		t.Errorf("tokens are %s\nthe tree is %s", got, want)
	}
	owned := m.Outline.WrapperTokens()
	owned.Own()
	if got := written(owned); got != want {
		t.Errorf("tokens of a copy are %s\nthe tree is %s", got, want)
	}
	walk := m.Outline.WrapperTokens()
	walk.Next()
	fork := walk.Fork()
	if walk.Skip(); walk.Depth() != 1 || walk.Next() != soap.TokenNone {
		t.Error("skipping the wrapper does not end at its end")
	}
	if fork.Next() != soap.TokenText || fork.Next() != soap.TokenStart {
		t.Error("a fork does not go on from where it was made")
	}
	walk.Close()
	fork.Close()
	// Two wrappers are noticed although neither is read.
	_, err = soap.ReadRequest([]byte(change(t, good, "</env:Body>", "<b/></env:Body>")), soap.Limits{})
	if f := failure(t, err); f.Code != "client.invalid_body" {
		t.Errorf("two wrappers: %v", err)
	}
}

// An element of a walk stands for itself, with the declarations that it needs.
func TestMarkupOfAnElementStandsForItself(t *testing.T) {
	t.Parallel()
	const doc = `<e:Envelope xmlns:e='` + soap.NSEnvelope + `' xmlns='urn:out' xmlns:u='urn:unused'><e:Body><w xmlns:p='urn:p' xmlns:q='urn:q'>` +
		`<a xmlns:p='urn:near' p:x='q:type'>1 &lt; 2<b/><![CDATA[&]]></a><p:c/><d xmlns=''/></w></e:Body></e:Envelope>`
	o, err := soap.Scan([]byte(doc), soap.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	walk := o.WrapperTokens()
	walk.Next()
	for _, want := range []string{
		`<a xmlns:p="urn:near" p:x="q:type" xmlns="urn:out" xmlns:q="urn:q">1 &lt; 2<b/>&amp;</a>`, `<p:c xmlns:p="urn:p"/>`, `<d/>`,
	} {
		if walk.Next() != soap.TokenStart {
			t.Fatal("no element")
		}
		if got := walk.Markup(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if walk.Next() != soap.TokenEnd || walk.Next() != soap.TokenNone {
		t.Error("the walk is not behind the last element")
	}
}
