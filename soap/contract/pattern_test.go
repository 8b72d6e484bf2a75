package contract_test

import (
	"strings"
	"testing"
)

func TestPatternsMeanWhatXMLSchemaMeans(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ pattern, good, bad string }{
		{`^a$`, "^a$", "a"},
		{`\d+`, "12٣", "a"},
		{`\i\c*`, "_a-1.b", "1a"},
		{`[\i-[:]]`, "_", ":"},
		{`[a-z-[aeiou]]+`, "xyz", "xaz"},
		{`[\w-[\d_]]`, "õ", "5"},
		{`[^a-c-[x]]`, "d", "x"},
		{`[a-z-[b-y-[m]]]+`, "amz", "n"},
		{`[\I]`, "1", "a"},
		{`[x\C]`, "x", "a"},
		{`[\D]`, "a", "1"},
		{`[A-Z-]+`, "A-B", "a"},
		{`[-a]+`, "-a", "b"},
		{`[\w-.]+`, "a-.", ","},
		{`[+\-\.]+`, "+-.", "a"},
		{`[!--]`, "-", "."},
		{`a\/b\@`, "a/b@", "a\\/b@"},
		{`\p{IsBasicLatin}+`, "az", "õ"},
		{`[\p{IsCyrillic}\-]+`, "Ж-я", "z"},
		{`\P{IsCyrillic}`, "z", "Ж"},
		{`[\P{IsBasicLatin}x]`, "õ", "a"},
		{`\p{IsLatin-1Supplement}`, "õ", "š"},
		{`\p{Sc}\p{P}`, "€-", "a-"},
		{`a{0,2}b{,2}`, "bb", "bbb"},
		{`x{2000}`, strings.Repeat("x", 2000), strings.Repeat("x", 1999)},
		{`.{2,4000}`, strings.Repeat("õ", 4000), "x"},
		{`[a\s]{0,3000}`, "", strings.Repeat("a", 3001)},
		{`-?x{1500,}`, "-" + strings.Repeat("x", 5000), strings.Repeat("x", 1499)},
		{`(\d{3},){400}z`, strings.Repeat("123,", 400) + "z", strings.Repeat("123,", 399) + "z"},
		{`(ab){0}c`, "c", "abc"},
		{`|a`, "", "b"},
		{`()`, "", "a"},
		{`a]`, "a]", "a"},
		{`\w`, "õ", "-"},
		{`[^\s]+`, "ab", "a b"},
		{`.`, "x", "\n"},
		{`a|b`, "b", "ab"},
		{`[\-\]]`, "]", "["},
		{`\p{Lu}x\P{L}`, "Õx1", "õx1"},
		{`[1,2,3]`, ",", "4"},
	} {
		t.Run(tc.pattern, func(t *testing.T) {
			t.Parallel()
			c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="` + tc.pattern + `"/></xs:restriction></xs:simpleType></xs:element>`)})
			op := operation(t, c, "bad")
			if op.Unsupported != nil {
				t.Fatal(op.Unsupported)
			}
			s := op.Input.Type.Simple
			if f := s.Check(tc.good); f != nil {
				t.Errorf("%q does not match", tc.good)
			}
			if f := s.Check(tc.bad); f == nil {
				t.Errorf("%q matches", tc.bad)
			}
		})
	}
}

func TestPatternsThatMeanNothingAreRefusedByName(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`(?i)a`:                "group option",
		`\p{IsKlingon}`:        "unknown Unicode block",
		`\p{Xx}`:               "unknown category",
		`\p{Greek}`:            "unknown category",
		`\pL`:                  "malformed category",
		`\p{L`:                 "malformed category",
		`\bx`:                  "unknown escape",
		`[a`:                   "unclosed bracket",
		`[]`:                   "empty class",
		`[a[b]]`:               "bracket inside",
		`[a-z-[a-z]]`:          "class of nothing",
		`[a-z-[a]b]`:           "not last",
		`[z-a]`:                "backwards",
		`x\`:                   "ending in a backslash",
		`a**`:                  "two quantifiers",
		`*a`:                   "quantifier of nothing",
		`a{x}`:                 "malformed quantifier",
		`a{3,1}`:               "malformed quantifier",
		`a{1`:                  "malformed quantifier",
		`(a`:                   "unclosed parenthesis",
		`a)`:                   "unopened parenthesis",
		`((a{500}){500}){500}`: "states",
		`(a|b){1000000000}`:    "states",
		strings.Repeat("(", 200) + strings.Repeat(")", 200): "nested deeper",
		strings.Repeat("[a-", 200):                          "nested deeper",
		strings.Repeat("x", 100_000):                        "characters",
	} {
		t.Run(text[:min(len(text), 20)], func(t *testing.T) {
			t.Parallel()
			c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="` + text + `"/></xs:restriction></xs:simpleType></xs:element>`)})
			if err := operation(t, c, "bad").Unsupported; err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want a refusal that names %q", err, want)
			}
		})
	}
}

// A pattern with very many states and a very long value are not compared: the
// machine would be busy for minutes.
func TestLongValuesAreNotComparedWithLargePatterns(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="xs:string"><xs:pattern value="((a|b|ab)*c?){900}"/></xs:restriction></xs:simpleType></xs:element>`)})
	op := operation(t, c, "bad")
	if op.Unsupported != nil {
		t.Fatal(op.Unsupported)
	}
	if f := op.Input.Type.Simple.Check("abc"); f != nil {
		t.Errorf("a short value: %v", f)
	}
	if f := op.Input.Type.Simple.Check(strings.Repeat("ab", 1<<20)); f == nil || f.Code != "length" {
		t.Errorf("a long value: %v", f)
	}
}

func TestExamplesKeepTheRulesOfTheirTypes(t *testing.T) {
	t.Parallel()
	for _, restriction := range []string{
		`xs:date"><xs:minInclusive value="1999-05-05"/><xs:maxInclusive value="1999-05-05"/>`,
		`xs:date"><xs:minExclusive value="2030-12-31"/>`,
		`xs:dateTime"><xs:maxExclusive value="1990-01-01T00:00:00Z"/>`,
		`xs:time"><xs:minInclusive value="23:00:00"/>`,
		`xs:gYear"><xs:maxInclusive value="1950"/>`,
		`xs:duration"><xs:maxInclusive value="PT5S"/>`,
		`xs:double"><xs:minExclusive value="0.25"/><xs:maxExclusive value="0.5"/>`,
		`xs:float"><xs:minInclusive value="1e10"/>`,
		`xs:string"><xs:pattern value=".{2000,4000}"/>`,
		`xs:string"><xs:pattern value="[\p{IsCyrillic}-[Ѐ-Я]]{3}"/>`,
		`xs:integer"><xs:enumeration value="007"/>`,
		`xs:decimal"><xs:minExclusive value="0"/><xs:maxExclusive value="0.5"/>`,
		`xs:decimal"><xs:minInclusive value="2.04"/><xs:maxExclusive value="2.06"/><xs:fractionDigits value="2"/>`,
	} {
		c := load(t, map[string]string{"t.wsdl": describe(`<xs:element name="bad"><xs:simpleType><xs:restriction base="` + restriction + `</xs:restriction></xs:simpleType></xs:element>`)})
		op := operation(t, c, "bad")
		if op.Unsupported != nil {
			t.Fatal(restriction, op.Unsupported)
		}
		s := op.Input.Type.Simple
		if text, ok := s.Example(); !ok || s.Check(text) != nil {
			t.Errorf("%s: example %q, %v", restriction, text, ok)
		}
	}
}
