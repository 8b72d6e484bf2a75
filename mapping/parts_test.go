package mapping_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// message puts a wrapper into the answer of a service of that name and reads it
// without making a tree of the wrapper.
func message(t *testing.T, name, wrapper string) *soap.Message {
	t.Helper()
	text := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header>
<x:client i:objectType="MEMBER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode></x:client>
<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode><i:serviceCode>` + name + `</i:serviceCode></x:service>
<x:id>1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body>` + wrapper + `</e:Body></e:Envelope>`
	m, err := soap.ReadAnswer([]byte(text), soap.Limits{Tree: 1})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// sameInParts fails unless reading part by part gives what reading a tree gives:
// values, strangers and violations.
func sameInParts(t *testing.T, label string, el *contract.Element, wrapper string) {
	t.Helper()
	doc, err := soap.ReadTree([]byte(wrapper), soap.DefaultLimits())
	if err != nil {
		t.Fatalf("%s: %v", label, err)
	}
	m := message(t, doc.Root().Tag, wrapper)
	if m.Body.Tag != doc.Root().Tag || len(m.Body.Child) > 0 {
		t.Fatalf("%s: the wrapper has content", label)
	}
	for _, tolerant := range []bool{false, true} {
		want, strangers, wantErr := mapping.DecodeTolerant(el, doc.Root())
		if !tolerant {
			strangers = nil
			want, wantErr = mapping.Decode(el, doc.Root())
		}
		for _, small := range []int{0, 200} {
			got, gotStrangers, err := mapping.DecodeInParts(el, m, small, tolerant)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in parts of %d: %s", label, small, diff)
			}
			if diff := cmp.Diff(codes(t, wantErr), codes(t, err)); diff != "" {
				t.Errorf("%s in parts of %d: errors %s", label, small, diff)
			}
			if tolerant && !cmp.Equal(strangers, gotStrangers) {
				t.Errorf("%s in parts of %d: strangers %v, want %v", label, small, gotStrangers, strangers)
			}
			if len(m.Body.Child) > 0 {
				t.Errorf("%s in parts of %d: the wrapper has kept its content", label, small)
			}
		}
	}
}

func TestReadingInPartsIsReadingATree(t *testing.T) {
	t.Parallel()
	el := element(t, openSchema)
	x, err := mapping.Encode(el, open())
	if err != nil {
		t.Fatal(err)
	}
	good := string(contracttest.Bytes(t, x))
	for label, edit := range map[string]func(string) string{
		"good": func(s string) string { return s },
		"stranger": func(s string) string {
			return strings.Replace(s, "<steps>", "<q:x xmlns:q='urn:q'>1<y/></q:x><steps>", 1)
		},
		"text":  func(s string) string { return strings.Replace(s, "<steps>", "text<steps>", 1) },
		"value": func(s string) string { return strings.Replace(s, "<walk>5<", "<walk>five<", 1) },
		"order": func(s string) string {
			return strings.Replace(strings.Replace(s, "<either>2026-11-25</either>", "", 1), "<item>1<", "<either>2026-11-25</either><item>1<", 1)
		},
		"comments":  func(s string) string { return strings.ReplaceAll(s, "<item>", "<!-- <item> --><item><![CDATA[]]>") },
		"emptiness": func(s string) string { return strings.Replace(s, "</steps>", "<walk/></steps>", 1) },
	} {
		sameInParts(t, label, el, edit(good))
	}
	op := torik(t)
	full := fullest(t, op.Output, 1)
	entries := full["response"].(map[string]any)["kannete_jada"].(map[string]any)
	one := entries["kanne"].([]any)[0]
	list := make([]any, 1000)
	for i := range list {
		list[i] = one
	}
	entries["kanne"] = list
	if x, err = mapping.Encode(op.Output, full); err != nil {
		t.Fatal(err)
	}
	long := string(contracttest.Bytes(t, x))
	sameInParts(t, "a long list", op.Output, long)
	sameInParts(t, "a long list with a fault", op.Output, strings.Replace(long, "<toot_id>7<", "<toot_id>seven<", 1))
}

func TestReadingRealContractsInParts(t *testing.T) {
	t.Parallel()
	n := 0
	contracttest.EachReal(t, func(path string, c *contract.Contract) {
		for i, op := range c.Operations() {
			if op.Unsupported != nil || i%12 != 0 {
				continue
			}
			value, err := mapping.Sample(op.Output, mapping.Fullest)
			if err != nil {
				continue
			}
			x, err := mapping.Encode(op.Output, value)
			if err != nil || len(x.Child) == 0 {
				continue
			}
			n++
			sameInParts(t, path+" "+op.Code, op.Output, string(contracttest.Bytes(t, x)))
		}
	})
	if n == 0 {
		t.Error("nothing was looked at")
	}
}
