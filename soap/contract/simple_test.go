package contract_test

import (
	"strings"
	"testing"
)

func TestSimpleTypesAcceptTheirValuesOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		base, facets string
		good, bad    []string
		badCode      string
	}{
		{"string", "", []string{"", " a ", "õ<&>\"'", "\t\r\n"}, []string{"\x00", "\x1b", "\xff", "\ufffe"}, "character"},
		{"int", "", []string{"0", "-0", "+7", "007", "2147483647", "-2147483648"}, []string{"2147483648", "-2147483649"}, "range"},
		{"int", "", nil, []string{"", "1.0", "1e3", "0x1", "١", "--1", "1 2"}, "format"},
		{"long", "", []string{"9223372036854775807"}, []string{"9223372036854775808"}, "range"},
		{"integer", "", []string{strings.Repeat("9", 400)}, []string{strings.Repeat("9", 401)}, "length"},
		{"nonNegativeInteger", "", []string{"0", "5"}, []string{"-1"}, "range"},
		{"positiveInteger", "", []string{"1"}, []string{"0"}, "range"},
		{"unsignedByte", "", []string{"255"}, []string{"256", "-1"}, "range"},
		{"decimal", "", []string{"1", "-1.50", ".5", "5.", "+0.1"}, []string{"", ".", "1e3", "1,5", "NaN", "1.2.3"}, "format"},
		{"double", "", []string{"1e3", "-INF", "NaN", ".5E-10"}, []string{"", "e1", "inf", "1e99999", "0x1p1"}, "format"},
		{"boolean", "", []string{"true", "false", "1", "0"}, []string{"", "yes", "TRUE", "2"}, "format"},
		{"date", "", []string{"2024-02-29", "2026-11-23Z", "2026-11-23+02:00", "2026-11-23-14:00", "12026-01-01", "-0001-01-01"},
			[]string{"", "2023-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-1", "26-01-01", "0000-01-01", "2026-11-23+14:30", "2026-11-23T00:00:00", "23.11.2026"}, "format"},
		{"dateTime", "", []string{"2026-11-23T10:00:00", "2026-11-23T10:00:00.123456789Z", "2026-11-23T24:00:00", "2026-11-23T23:59:59+02:00"},
			[]string{"", "2026-11-23", "2026-11-23 10:00:00", "2026-11-23T24:00:01", "2026-11-23T25:00:00", "2026-11-31T10:00:00", "2026-11-23T10:00", "2026-11-23T10:00:60"}, "format"},
		{"time", "", []string{"10:00:00", "24:00:00", "10:00:00.5+02:00"}, []string{"10:00", "24:00:01", "1:00:00"}, "format"},
		{"gYear", "", []string{"2026", "2026Z"}, []string{"26", "0000"}, "format"},
		{"gYearMonth", "", []string{"2026-11"}, []string{"2026-13", "11.2026"}, "format"},
		{"gMonthDay", "", []string{"--02-29"}, []string{"--02-30", "02-29"}, "format"},
		{"gMonth", "", []string{"--12"}, []string{"--13"}, "format"},
		{"gDay", "", []string{"---31"}, []string{"---32", "---00"}, "format"},
		{"duration", "", []string{"P1Y", "-P1DT2H", "PT0.5S"}, []string{"", "P", "PT", "P1YT", "1Y", "P1S"}, "format"},
		{"base64Binary", "", []string{"", "AAAA", "AA==", "AAA=", "QU JD"}, []string{"A", "AAA", "AB==", "AA=A", "A*AA"}, "format"},
		{"hexBinary", "", []string{"", "0aFF"}, []string{"0", "0g"}, "format"},
		{"language", "", []string{"et", "en-GB"}, []string{"", "e_t"}, "format"},
		{"NCName", "", []string{"a", "_õ-1.b"}, []string{"", "1a", "a:b"}, "format"},
		{"string", `<xs:enumeration value="A"/><xs:enumeration value="AM"/>`, []string{"A", "AM"}, []string{"", "a", "M"}, "enum"},
		{"string", `<xs:length value="2"/>`, []string{"õõ"}, []string{"õ", "õõõ"}, "length"},
		{"string", `<xs:minLength value="1"/><xs:maxLength value="2"/>`, []string{"õ", "ab"}, []string{"", "abc"}, "length"},
		{"base64Binary", `<xs:maxLength value="2"/>`, []string{"AA==", "AAA="}, []string{"AAAA"}, "length"},
		{"decimal", `<xs:totalDigits value="4"/><xs:fractionDigits value="2"/>`, []string{"12.34", "0012.3400", "-9999"}, []string{"12345", "1.234"}, "length"},
		{"decimal", `<xs:minInclusive value="0"/><xs:maxExclusive value="1.50"/>`, []string{"0", "1.4999999999999999999999"}, []string{"-0.1", "1.5", "1.500"}, "range"},
		{"int", `<xs:minExclusive value="0"/><xs:maxInclusive value="9"/>`, []string{"1", "9"}, []string{"0", "10"}, "range"},
		{"date", `<xs:minInclusive value="2020-01-01"/><xs:maxExclusive value="2030-01-01"/>`, []string{"2020-01-01", "2029-12-31", "2025-06-01Z"},
			[]string{"2019-12-31", "2030-01-01", "2020-01-01Z", "2030-01-01+14:00"}, "range"},
		{"dateTime", `<xs:minExclusive value="2026-03-29T03:00:00+02:00"/>`, []string{"2026-03-29T01:00:00.001Z", "2026-03-30T00:00:00"},
			[]string{"2026-03-29T01:00:00Z", "2026-03-29T01:00:00.000Z", "2026-03-29T10:00:00", "-0001-01-01T00:00:00Z"}, "range"},
		{"time", `<xs:maxInclusive value="08:00:00"/>`, []string{"08:00:00", "24:00:00", "07:59:59.999"}, []string{"08:00:00.1", "08:00:00Z"}, "range"},
		{"gYear", `<xs:minInclusive value="1900"/>`, []string{"1900", "12026"}, []string{"1899", "-2000"}, "range"},
		{"gYearMonth", `<xs:minInclusive value="2000-06"/>`, []string{"2000-06"}, []string{"2000-05"}, "range"},
		{"gMonth", `<xs:maxInclusive value="--06"/>`, []string{"--06"}, []string{"--07"}, "range"},
		{"gMonthDay", `<xs:minInclusive value="--02-29"/>`, []string{"--02-29"}, []string{"--02-28"}, "range"},
		{"gDay", `<xs:minInclusive value="---15"/>`, []string{"---15"}, []string{"---14"}, "range"},
		{"duration", `<xs:minInclusive value="P1M"/><xs:maxExclusive value="P1Y"/>`, []string{"P1M", "P32D", "P11M27D", "PT2764800S"},
			[]string{"P31D", "P27D", "P12M", "P366D", "-P2M", "P11M31D"}, "range"},
		{"double", `<xs:minInclusive value="-1.5e1"/><xs:maxExclusive value="1E2"/>`, []string{"-15", "99.99"}, []string{"-15.1", "100", "INF", "NaN"}, "range"},
		{"float", `<xs:maxInclusive value="INF"/>`, []string{"INF", "1"}, []string{"NaN"}, "range"},
		{"int", `<xs:enumeration value="1"/><xs:enumeration value="+20"/>`, []string{"1", "01", "20", "+1"}, []string{"2", "10"}, "enum"},
		{"decimal", `<xs:enumeration value="1.50"/>`, []string{"1.5", "01.500"}, []string{"1.51"}, "enum"},
		{"float", `<xs:enumeration value="1e2"/>`, []string{"100", "1E2"}, []string{"101", "NaN"}, "enum"},
		{"dateTime", `<xs:enumeration value="2026-01-01T00:00:00Z"/>`, []string{"2026-01-01T02:00:00+02:00"}, []string{"2026-01-01T00:00:00"}, "enum"},
		{"hexBinary", `<xs:enumeration value="0a"/>`, []string{"0A"}, []string{"0b"}, "enum"},
		{"hexBinary", `<xs:length value="2"/>`, []string{"0a0B"}, []string{"0a", "0a0b0c"}, "length"},
		{"base64Binary", `<xs:minLength value="2"/>`, []string{"AAA=", "A A A ="}, []string{"AA==", ""}, "length"},
		{"string", `<xs:whiteSpace value="collapse"/><xs:maxLength value="3"/>`, []string{"a b"}, []string{"abcd"}, "length"},
		{"string", `<xs:pattern value="[1-6][0-9]{2}"/><xs:pattern value="x?"/>`, []string{"123", "x", ""}, []string{"0123", "1234", "xx", "123\n"}, "format"},
	} {
		t.Run(tc.base+" "+tc.badCode+" "+tc.facets, func(t *testing.T) {
			t.Parallel()
			c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:` + tc.base + `">` + tc.facets + `</xs:restriction></xs:simpleType></xs:element>`)})
			op := operation(t, c, "bad")
			if op.Unsupported != nil {
				t.Fatal(op.Unsupported)
			}
			s := op.Input.Type.Simple
			for _, v := range tc.good {
				if f := s.Check(v); f != nil {
					t.Errorf("%q: %s, want good", v, f.Code)
				}
			}
			for _, v := range tc.bad {
				if f := s.Check(v); f == nil || f.Code != tc.badCode {
					t.Errorf("%q: %v, want %s", v, f, tc.badCode)
				}
			}
		})
	}
}

func TestFindingsDoNotRepeatTheValue(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:date"/></xs:simpleType></xs:element>`)})
	f := operation(t, c, "bad").Input.Type.Simple.Check("71506150007")
	if f == nil || strings.Contains(f.Message, "7150615") {
		t.Errorf("got %v", f)
	}
}
