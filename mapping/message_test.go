package mapping_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// message puts a wrapper into the answer of a service of that name and reads it.
func message(t testing.TB, name, wrapper string) *soap.Message {
	t.Helper()
	text := `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://x-road.eu/xsd/xroad.xsd" xmlns:i="http://x-road.eu/xsd/identifiers"><e:Header>
<x:client i:objectType="MEMBER"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode></x:client>
<x:service i:objectType="SERVICE"><i:xRoadInstance>EE</i:xRoadInstance><i:memberClass>GOV</i:memberClass><i:memberCode>1</i:memberCode><i:serviceCode>` + name + `</i:serviceCode></x:service>
<x:id>1</x:id><x:protocolVersion>4.0</x:protocolVersion></e:Header><e:Body>` + wrapper + `</e:Body></e:Envelope>`
	m, err := soap.ReadAnswer([]byte(text), soap.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// sameEitherWay fails unless a wrapper means the same by itself, in a message,
// and as JSON text: values, strangers and violations.
func sameEitherWay(t *testing.T, label string, el *contract.Element, wrapper string) {
	t.Helper()
	doc, err := soap.ReadTree([]byte(wrapper), soap.DefaultLimits())
	if err != nil {
		t.Fatalf("%s: %v", label, err)
	}
	m := message(t, doc.Root().Tag, wrapper)
	for _, tolerant := range []bool{false, true} {
		want, strangers, wantErr := mapping.DecodeTolerant(el, doc.Root())
		got, gotStrangers, err := mapping.DecodeMessageTolerant(el, m)
		text, _, textStrangers, textErr := mapping.AppendJSON(nil, el, m, mapping.Reading{Tolerant: tolerant})
		if !tolerant {
			strangers, gotStrangers, textStrangers = nil, nil, nil
			want, wantErr = mapping.Decode(el, doc.Root())
			got, err = mapping.DecodeMessage(el, m)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s in a message: %s", label, diff)
		}
		if diff := cmp.Diff(wantErr, err); diff != "" {
			t.Errorf("%s in a message: errors %s", label, diff)
		}
		if diff := cmp.Diff(wantErr, textErr); diff != "" {
			t.Errorf("%s as text: errors %s", label, diff)
		}
		if !cmp.Equal(strangers, gotStrangers) || !cmp.Equal(strangers, textStrangers) {
			t.Errorf("%s: strangers %v and %v, want %v", label, gotStrangers, textStrangers, strangers)
		}
		if err != nil {
			if text != nil || got != nil {
				t.Errorf("%s: a value beside an error", label)
			}
			continue
		}
		var parsed map[string]any
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		if err := d.Decode(&parsed); err != nil || !json.Valid(text) {
			t.Fatalf("%s: %s is no JSON: %v", label, text, err)
		}
		if diff := cmp.Diff(want, parsed); diff != "" {
			t.Errorf("%s as text: %s", label, diff)
		}
	}
}

func TestAMessageIsReadAsItsWrapperIs(t *testing.T) {
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
		sameEitherWay(t, label, el, edit(good))
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
	sameEitherWay(t, "a long list", op.Output, long)
	sameEitherWay(t, "a long list with a fault", op.Output, strings.Replace(long, "<toot_id>7<", "<toot_id>seven<", 1))
}

func TestMessagesOfRealContractsAreReadAsTheirWrappers(t *testing.T) {
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
			sameEitherWay(t, path+" "+op.Code, op.Output, string(contracttest.Bytes(t, x)))
		}
	})
	if n == 0 {
		t.Error("nothing was looked at")
	}
}
