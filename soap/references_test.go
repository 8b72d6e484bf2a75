package soap_test

import (
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

func TestReferencesMeanTheirPart(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-102")
	for _, c := range []struct {
		xml, id string
		want    bool
	}{
		{`<a>cid:deed-1@hub.example</a>`, "deed-1@hub.example", true},
		{`<a> CID:deed-1@hub.example </a>`, "<deed-1@hub.example>", true},
		{`<a>cid:deed%2D1%40hub.example</a>`, "deed-1@hub.example", true},
		{`<a>cid:100%25</a>`, "100%", true},
		{`<a>cid:100%</a>`, "100%", true},
		{`<a>cid:a%20b</a>`, "a%20b", true},
		{`<a><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:x%40y">` + "\n" + `</xop:Include></a>`, "<x@y>", true},
		{`<a><xop:Include xmlns:xop="urn:other" href="cid:x"/></a>`, "x", false},
		{`<a>text<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:x"/></a>`, "x", false},
		{`<a><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include"/></a>`, "", false},
		{`<a>cid:</a>`, "", false},
		{`<a>http://example.org/x</a>`, "x", false},
		{`<a>cid:x</a>`, "X", false},
		{`<a>cid:x</a>`, "", false},
	} {
		doc, err := soap.ReadTree([]byte(c.xml), soap.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		ref, ok := soap.Reference(doc.Root())
		if got := ok && soap.RefersTo(ref, c.id); got != c.want {
			t.Errorf("%s means %q: %t", c.xml, c.id, got)
		}
	}
}

func TestReferencesAreWritten(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-102")
	for p, want := range map[soap.Packaging]string{
		soap.PackagingSwA:  `<content>cid:a%20b@hub</content>`,
		soap.PackagingMTOM: `<content><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:a%20b@hub"/></content>`,
	} {
		el := etree.NewElement("content")
		el.SetText("old")
		soap.SetReference(el, p, "a b@hub")
		doc := etree.NewDocumentWithRoot(el)
		if got, err := doc.WriteToString(); err != nil || got != want {
			t.Errorf("%s %v", got, err)
		}
		if ref, ok := soap.Reference(el); !ok || !soap.RefersTo(ref, "a b@hub") {
			t.Errorf("%q", ref)
		}
	}
}

func TestWhatMTOMIncludesIsReferredTo(t *testing.T) {
	t.Parallel()
	const include = `<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:x%40y"/>`
	for xml, want := range map[string]string{
		`<a><b><content>` + include + `</content></b></a>`:                 `<a><b><contentRef>cid:x%40y</contentRef></b></a>`,
		`<a><content>` + include + `</content><content>AA==</content></a>`: `<a><contentRef>cid:x%40y</contentRef><content>AA==</content></a>`,
		`<a><content>cid:x</content></a>`:                                  "",
		`<a><content>AA==` + include + `</content></a>`:                    "",
		`<a><other>` + include + `</other></a>`:                            "",
	} {
		doc, err := soap.ReadTree([]byte(xml), soap.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if found := soap.ReferBy(doc.Root(), "content", "contentRef"); found != (want != "") {
			t.Errorf("%s: %t", xml, found)
		}
		if got, err := doc.WriteToString(); err != nil || want != "" && got != want || want == "" && got != xml {
			t.Errorf("%s became %s (%v)", xml, got, err)
		}
	}
}
