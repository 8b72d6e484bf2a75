package soap_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// refused are documents that must not pass the door, named by what they do.
var refused = map[string]string{
	"billion laughs":                 `<!DOCTYPE a [<!ENTITY a "x"><!ENTITY b "&a;&a;">]><a>&b;</a>`,
	"external entity":                `<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>`,
	"parameter entity":               `<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1/x"> %p;]><a/>`,
	"external document type":         `<!DOCTYPE a SYSTEM "http://127.0.0.1/a.dtd"><a/>`,
	"document type in lower case":    `<!doctype a><a/>`,
	"document type behind a comment": `<!-- --><!DOCTYPE a><a/>`,
	"document type inside":           `<a><!DOCTYPE a></a>`,
	"undeclared entity":              `<a>&e;</a>`,
	"undeclared entity in attribute": `<a b="&e;"/>`,
	"reference without end":          `<a>&amp</a>`,
	"lone ampersand":                 `<a>a & b</a>`,
	"reference to nothing":           `<a>&#;</a>`,
	"reference to no hexadecimals":   `<a>&#x;</a>`,
	"reference in capital X":         `<a>&#X41;</a>`,
	"reference to NUL":               `<a>&#0;</a>`,
	"reference to a control":         `<a>&#1;</a>`,
	"reference to a surrogate":       `<a>&#xD800;</a>`,
	"reference to U+FFFE":            `<a>&#xFFFE;</a>`,
	"reference beyond Unicode":       `<a>&#x110000;</a>`,
	"reference that overflows":       `<a>&#99999999999999999999;</a>`,
	"two roots":                      `<a/><b/>`,
	"text after the root":            `<a/>x`,
	"text before the root":           `x<a/>`,
	"reference after the root":       `<a/>&#32;`,
	"CDATA outside the root":         `<![CDATA[]]><a/>`,
	"empty document":                 ``,
	"white space only":               ` `,
	"comment only":                   `<!-- -->`,
	"byte order mark only":           "\uFEFF",
	"two byte order marks":           "\uFEFF\uFEFF<a/>",
	"two declarations":               `<?xml version="1.0"?><?xml version="1.0"?><a/>`,
	"declaration after white space":  ` <?xml version="1.0"?><a/>`,
	"declaration after the root":     `<a/><?xml version="1.0"?>`,
	"declaration without version":    `<?xml encoding="UTF-8"?><a/>`,
	"declaration with nothing":       `<?xml ?><a/>`,
	"declaration without space":      `<?xml version="1.0"encoding="UTF-8"?><a/>`,
	"declaration in another order":   `<?xml version="1.0" standalone="yes" encoding="UTF-8"?><a/>`,
	"declaration with a stranger":    `<?xml version="1.0" foo="bar"?><a/>`,
	"declaration with two versions":  `<?xml version="1.0" version="1.0"?><a/>`,
	"declaration standalone maybe":   `<?xml version="1.0" standalone="maybe"?><a/>`,
	"declaration without end":        `<?xml version="1.0"`,
	"XML 1.1":                        `<?xml version="1.1"?><a/>`,
	"XML 2.0":                        `<?xml version="2.0"?><a/>`,
	"UTF-16 with mark":               "\xFE\xFF\x00<\x00a\x00/\x00>",
	"UTF-16 little endian":           "\xFF\xFE<\x00a\x00/\x00>\x00",
	"UTF-16 without mark":            "\x00<\x00a\x00/\x00>",
	"UTF-16 declared only":           `<?xml version="1.0" encoding="UTF-16"?><a/>`,
	"UTF-7":                          `<?xml version="1.0" encoding="UTF-7"?><a/>`,
	"EBCDIC":                         "\x4c\x6f\xa7\x94\x93",
	"windows-1257":                   `<?xml version="1.0" encoding="windows-1257"?><a/>`,
	"UTF-8 declared as US-ASCII":     `<?xml version="1.0" encoding="US-ASCII"?><a>ä</a>`,
	"mark before ISO-8859-1":         "\uFEFF" + `<?xml version="1.0" encoding="ISO-8859-1"?><a/>`,
	"ISO-8859-1 not declared":        "<a>\xE4</a>",
	"overlong UTF-8":                 "<a>\xC0\xAF</a>",
	"surrogate in UTF-8":             "<a>\xED\xA0\x80</a>",
	"NUL":                            "<a>\x00</a>",
	"control character":              "<a>\x08</a>",
	"U+FFFE":                         "<a>\uFFFE</a>",
	"U+FFFF in an attribute":         "<a b='\uFFFF'/>",
	"end of CDATA in text":           `<a>]]></a>`,
	"CDATA without end":              `<a><![CDATA[x]]</a>`,
	"CDATA in lower case":            `<a><![cdata[x]]></a>`,
	"hyphens in a comment":           `<a><!-- -- --></a>`,
	"comment that ends in three":     `<a><!-- ---></a>`,
	"comment without end":            `<a><!-- </a>`,
	"instruction without end":        `<a><?x </a>`,
	"instruction without target":     `<a><? x?></a>`,
	"instruction named XML":          `<a><?XML x?></a>`,
	"instruction with a prefix":      `<a><?a:b x?></a>`,
	"smaller than in an attribute":   `<a b="<"/>`,
	"attribute without quotes":       `<a b=c/>`,
	"attribute without value":        `<a b/>`,
	"attributes without space":       `<a b="1"c="2"/>`,
	"attribute without end":          `<a b="1`,
	"attribute twice":                `<a b="1" b="2"/>`,
	"attribute twice by namespace":   `<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/>`,
	"attribute twice among many":     `<a b1="" b2="" b3="" b4="" b5="" b6="" b7="" b8="" b9="" b3=""/>`,
	"declaration twice":              `<a xmlns:p="urn:x" xmlns:p="urn:x"/>`,
	"default namespace twice":        `<a xmlns="urn:x" xmlns="urn:x"/>`,
	"undeclared prefix":              `<p:a/>`,
	"undeclared prefix of attribute": `<a p:b=""/>`,
	"prefix out of scope":            `<a><b xmlns:p="urn:p"/><p:c/></a>`,
	"prefix bound to nothing":        `<a xmlns:p=""/>`,
	"xml redefined":                  `<a xmlns:xml="urn:x"/>`,
	"xml under another prefix":       `<a xmlns:p="http://www.w3.org/XML/1998/namespace"/>`,
	"xml as default":                 `<a xmlns="http://www.w3.org/XML/1998/namespace"/>`,
	"xmlns declared":                 `<a xmlns:xmlns="http://www.w3.org/2000/xmlns/"/>`,
	"xmlns as default":               `<a xmlns="http://www.w3.org/2000/xmlns/"/>`,
	"element with prefix xmlns":      `<xmlns:a/>`,
	"two colons":                     `<a xmlns:p="urn:p"><p:b:c/></a>`,
	"name ends in a colon":           `<a xmlns:p="urn:p"><p:/></a>`,
	"name begins with a colon":       `<:a/>`,
	"name begins with a digit":       `<1a/>`,
	"local name begins with a digit": `<a xmlns:p="urn:p"><p:1/></a>`,
	"name with a strange character":  `<a×/>`,
	"no name":                        `<>`,
	"space before the name":          `< a/>`,
	"end tag of another":             `<a></b>`,
	"end tag that is longer":         `<a></ab>`,
	"end tag with an attribute":      `<a></a b="c">`,
	"end tag with another prefix":    `<p:a xmlns:p="urn:p" xmlns:q="urn:p"></q:a>`,
	"end tag first":                  `</a>`,
	"end tag too many":               `<a/></a>`,
	"crossed tags":                   `<a><b></a></b>`,
	"element without end":            `<a><b></b>`,
	"tag without end":                `<a`,
	"empty tag with a space":         `<a/ >`,
	"slash in a tag":                 `<a / b=""/>`,
}

func TestHostileAndMalformedDocumentsAreRefused(t *testing.T) {
	conformance.Covers(t, "C-056", "C-167")
	t.Parallel()
	conformance.Covers(t, "C-056", "C-167")
	for name, doc := range refused {
		_, err := soap.ReadTree([]byte(doc), soap.DefaultLimits())
		var syntax *soap.SyntaxError
		if !errors.As(err, &syntax) || syntax.Reason == "" {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// The limits hold exactly, and nothing above them is read first.
func TestLimits(t *testing.T) {
	conformance.Covers(t, "C-167")
	t.Parallel()
	conformance.Covers(t, "C-167")
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attributes := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, ` a%d=""`, i)
		}
		return "<a" + b.String() + "/>"
	}
	namespaces := func(n int) string {
		var open, end strings.Builder
		for i := range n {
			fmt.Fprintf(&open, `<a xmlns:p%d="urn:%d">`, i, i)
			end.WriteString("</a>")
		}
		return open.String() + end.String()
	}
	for name, c := range map[string]struct {
		doc func(int) string
		max int
	}{
		"depth":           {nested, 64},
		"attributes":      {attributes, 256},
		"namespaces":      {namespaces, 64},
		"attribute value": {func(n int) string { return `<a b="` + strings.Repeat("x", n) + `"/>` }, 64 << 10},
		"element name":    {func(n int) string { return "<" + strings.Repeat("x", n) + "/>" }, 256},
		"attribute name":  {func(n int) string { return "<a " + strings.Repeat("x", n) + `=""/>` }, 256},
		"elements":        {func(n int) string { return "<r>" + strings.Repeat("<a/>", n-1) + "</r>" }, 100_000},
		"bytes":           {func(n int) string { return "<a>" + strings.Repeat("x", n-7) + "</a>" }, 10 << 20},
	} {
		if _, err := soap.ReadTree([]byte(c.doc(c.max)), soap.DefaultLimits()); err != nil {
			t.Errorf("%s at the limit: %v", name, err)
		}
		if _, err := soap.ReadTree([]byte(c.doc(c.max+1)), soap.DefaultLimits()); err == nil {
			t.Errorf("%s over the limit was accepted", name)
		}
	}
	for name, doc := range map[string]string{
		"very deep":            nested(150_000),
		"100k attributes":      attributes(100_000),
		"9 MB attribute":       `<a b="` + strings.Repeat("x", 9<<20) + `"/>`,
		"1 MB name":            "<" + strings.Repeat("x", 1<<20) + "/>",
		"10k prefixes":         namespaces(10_000),
		"attributes add up":    "<r>" + strings.Repeat(attributes(256), 1000) + "</r>",
		"many unclosed quotes": strings.Repeat(`<a b="`, 100_000),
	} {
		if _, err := soap.ReadTree([]byte(doc), soap.DefaultLimits()); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// What a document says is one thing, however it is written.
func TestTreeHoldsElementsAttributesAndText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"<a/>":                               "<{}a></>",
		"<a\n></a\t>":                        "<{}a></>",
		"<a b = 'x\"y' c=\"&quot;&apos;\"/>": `<{}a {}b=x"y {}c="'></>`,
		"<a>1<!--> -->2<?p?>3<![CDATA[<4>&amp;]]>5</a>":         "<{}a>123<4>&amp;5</>",
		"<a>x\r\ny\rz&#13;&#10;</a>":                            "<{}a>x\ny\nz\r\n</>",
		"<a b='1\t2\r\n3&#9;4&#10;5&#13;6'/>":                   "<{}a {}b=1 2 3\t4\n5\r6></>",
		"<a>]]&gt; ]] &gt;</a>":                                 "<{}a>]]> ]] ></>",
		`<p:a xmlns:p="urn:p" xmlns="urn:d"><b p:c="1"/></p:a>`: "<{urn:p}a><{urn:d}b {urn:p}c=1></></>",
		`<a xmlns="urn:d"><b xmlns=""/></a>`:                    "<{urn:d}a><{}b></></>",
		"<õ ä='€𝄞'/>":                                           "<{}õ {}ä=€𝄞></>",
		"\uFEFF<?xml version='1.0' encoding='utf-8' standalone=\"no\" ?>\n<!-- --><?p x?><a/>\n<!-- -->\n": "<{}a></>",
		"<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><a b='\xE4'>\xF5\x85</a>":                          "<{}a {}b=ä>õ\u0085</>",
		"<?xml version=\"1.0\"\r\n encoding=\"us-ascii\"?>\r\n<a>&#228;</a>":                               "<{}a>ä</>",
	} {
		doc, err := soap.ReadTree([]byte(in), soap.DefaultLimits())
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if got := expanded(doc.Root()); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
		if n := len(doc.Child); n != 1 {
			t.Errorf("%q: the document has %d nodes", in, n)
		}
	}
}

// What was read can be written, and reads back as the same.
func TestTreeSurvivesWriting(t *testing.T) {
	t.Parallel()
	in := "<a b='&#9;&#10;&#13;&lt;&amp;&quot;&apos;>'>&#13;&lt;&amp;]]&gt;\"'\n\t<b/> </a>"
	first, err := soap.ReadTree([]byte(in), soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	out, err := first.WriteToBytes()
	if err != nil {
		t.Fatal(err)
	}
	second, err := soap.ReadTree(out, soap.DefaultLimits())
	if err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if a, b := expanded(first.Root()), expanded(second.Root()); a != b {
		t.Errorf("%q became %q by way of %s", a, b, out)
	}
}

func TestChildGoesByNamespaceNotByPrefix(t *testing.T) {
	t.Parallel()
	el := tree(t, `<a xmlns:p="urn:1"><p:b>1</p:b><q:b xmlns:q="urn:2">2</q:b><b>3</b></a>`)
	for ns, want := range map[string]string{"urn:1": "1", "urn:2": "2", "": "3"} {
		if c := soap.Child(el, ns, "b"); c == nil || c.Text() != want {
			t.Errorf("Child in %q is %v", ns, c)
		}
	}
	if soap.Child(el, "urn:3", "b") != nil || soap.Child(nil, "", "b") != nil {
		t.Error("a child was found that is not there")
	}
	qualified := tree(t, `<a xmlns="urn:1"><b/></a>`)
	if soap.Child(qualified, "", "b") != nil {
		t.Error("a qualified child passed for an unqualified one")
	}
}

func FuzzReadTree(f *testing.F) {
	for _, doc := range refused {
		f.Add([]byte(doc))
	}
	f.Add([]byte(golden(f, "request.xml")))
	f.Add([]byte(rich))
	f.Add([]byte(rich1))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := soap.ReadTree(data, soap.DefaultLimits())
		if err != nil {
			var syntax *soap.SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("error is %T", err)
			}
			return
		}
		o, err := soap.Scan(data, soap.DefaultLimits())
		if err != nil {
			if strings.Contains(err.Error(), "header blocks") {
				return
			}
			t.Fatalf("a tree but no outline: %v", err)
		}
		if a, b := written(o.Tokens()), expanded(doc.Root()); a != b {
			t.Fatalf("tokens of %q are %q, the tree is %q", data, a, b)
		}
		if got := written(o.WrapperTokens()); !strings.Contains(expanded(doc.Root()), got) {
			t.Fatalf("the wrapper of %q is %q", data, got)
		}
		out, err := doc.WriteToBytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := soap.ReadTree(out, soap.Limits{Bytes: 100 << 20, AttributeValue: 1 << 20})
		if err != nil {
			t.Fatalf("%q was written as %q, which is refused: %v", data, out, err)
		}
		if a, b := expanded(doc.Root()), expanded(again.Root()); a != b {
			t.Fatalf("%q became %q", a, b)
		}
	})
}
