package soap_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// A slash inside a part is %2F on the wire: parts are decoded after splitting,
// and only once.
func TestIdentifierPartsAreDecodedOnceAfterSplitting(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-012", "C-013")
	for in, want := range map[string]soap.ClientID{
		"EE/GOV/70008747/ristmik":               {Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"},
		"EE/GOV/70008747":                       {Instance: "EE", Class: "GOV", Member: "70008747"},
		"EE/BUSINESS/consumer/sub%2Fsystem":     {Instance: "EE", Class: "BUSINESS", Member: "consumer", Subsystem: "sub/system"},
		"EE/BUSINESS/s%2Fub/%C3%B6%C3%A4%c3%a5": {Instance: "EE", Class: "BUSINESS", Member: "s/ub", Subsystem: "öäå"},
		"EE/GOV/1/a%252Fb":                      {Instance: "EE", Class: "GOV", Member: "1", Subsystem: "a%2Fb"},
		"ee-test/GOV/7000_0001/a+b(c)":          {Instance: "ee-test", Class: "GOV", Member: "7000_0001", Subsystem: "a+b(c)"},
		"EE/GOV/1/%20spaced%20":                 {Instance: "EE", Class: "GOV", Member: "1", Subsystem: " spaced "},
		"EE/GOV/1/-._~!$&'()*+,;=:@":            {Instance: "EE", Class: "GOV", Member: "1", Subsystem: "-._~!$&'()*+,;=:@"},
	} {
		got, err := soap.ParseClientID(in)
		if err != nil || got != want {
			t.Errorf("ParseClientID(%q) = %+v, %v; want %+v", in, got, err, want)
		}
	}
}

func TestIdentifierErrorsSayWhatIsAllowed(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		"", "EE", "EE/GOV", "EE/GOV/1/2/3", "EE//1", "EE/GOV/ ", "EE/GOV/%20", "EE/GOV/%", "EE/GOV/%2", "EE/GOV/%zz",
		"EE/GOV/a b", "EE/GOV/öö", "EE/GOV/%FF", "EE/GOV/%00", "EE/GOV/%0A1", "EE/GOV/1/", "/EE/GOV/1", "EE%2FGOV%2F1", "EE/GOV/1?x", "EE/GOV/1#x",
	} {
		_, err := soap.ParseClientID(in)
		if err == nil || !strings.Contains(err.Error(), "allowed") {
			t.Errorf("ParseClientID(%q): error %v does not say what is allowed", in, err)
		}
	}
	for _, in := range []string{"EE/GOV/1/sub", "EE/GOV/1/sub/code/v1/more"} {
		if _, err := soap.ParseServiceID(in); err == nil || !strings.Contains(err.Error(), "allowed") {
			t.Errorf("ParseServiceID(%q): error %v does not say what is allowed", in, err)
		}
	}
}

func TestIdentifierForms(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-002", "C-012", "C-016")
	member := soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000001"}
	sub := member
	sub.Subsystem = "per/mits ä"
	service := soap.ServiceID{Provider: sub, Code: "getPermit", Version: "v1"}
	for got, want := range map[string]string{
		member.String():   "EE/GOV/70000001",
		member.LogForm():  "MEMBER:EE/GOV/70000001",
		sub.String():      "EE/GOV/70000001/per%2Fmits%20%C3%A4",
		sub.LogForm():     "SUBSYSTEM:EE/GOV/70000001/per/mits ä",
		service.String():  "EE/GOV/70000001/per%2Fmits%20%C3%A4/getPermit/v1",
		service.LogForm(): "SERVICE:EE/GOV/70000001/per/mits ä/getPermit/v1",
		soap.ServiceID{Provider: member, Code: "getPermit"}.LogForm(): "SERVICE:EE/GOV/70000001/getPermit",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if member.ObjectType() != "MEMBER" || sub.ObjectType() != "SUBSYSTEM" {
		t.Errorf("object types are %q and %q", member.ObjectType(), sub.ObjectType())
	}
}

// Whatever the parts hold, the path form reads back as the same identifier.
func TestIdentifierPathFormReadsBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-010", "C-012")
	rapid.Check(t, func(t *rapid.T) {
		id := soap.ServiceID{Provider: soap.ClientID{
			Instance: part(t, "instance"), Class: part(t, "class"), Member: part(t, "member"), Subsystem: part(t, "subsystem"),
		}, Code: part(t, "code")}
		if rapid.Bool().Draw(t, "versioned") {
			id.Version = part(t, "version")
		}
		back, err := soap.ParseServiceID(id.String())
		if err != nil || back != id {
			t.Fatalf("%q reads back as %+v, %v", id.String(), back, err)
		}
		client, err := soap.ParseClientID(id.Provider.String())
		if err != nil || client != id.Provider {
			t.Fatalf("%q reads back as %+v, %v", id.Provider.String(), client, err)
		}
	})
}

// part draws an identifier component: not blank, no control characters.
func part(t *rapid.T, label string) string {
	return rapid.StringMatching(`[ -~äöõüŠž€𝄞/%:]{0,11}[0-9A-Za-z/%]`).Draw(t, label)
}

func FuzzParseServiceID(f *testing.F) {
	for _, s := range []string{"EE/GOV/1/sub/code", "EE/GOV/1/sub/code/v1", "EE/GOV/%2F/%C3%A4/a%25/v1", "%", "/////"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := soap.ParseServiceID(s)
		if err != nil {
			return
		}
		back, err := soap.ParseServiceID(id.String())
		if err != nil || back != id {
			t.Fatalf("%q is %+v, whose path form reads back as %+v, %v", s, id, back, err)
		}
	})
}
