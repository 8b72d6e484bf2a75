package codelist_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ristmik/mapping/codelist"
)

func on(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

// shipped reads a list that ships with the program.
func shipped(t *testing.T, name string) *codelist.List {
	t.Helper()
	l, err := codelist.New(definition(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCountriesAreOneThingInEverySystem(t *testing.T) {
	t.Parallel()
	l := shipped(t, "countries")
	if l.Name() != "countries" || l.Version() == "" || l.Title().ET == "" || l.Title().EN == "" {
		t.Errorf("the list calls itself %q, version %q, %+v", l.Name(), l.Version(), l.Title())
	}
	for _, tc := range []struct {
		from, to, code, day string
		want                string
	}{
		{"alpha3", "alpha2", "EST", "2026-11-25", "EE"},
		{"alpha2", "numeric", "EE", "2026-11-25", "233"},
		{"numeric", "alpha3", "233", "2026-11-25", "EST"},
		{"numeric", "alpha3", "020", "2026-11-25", "AND"},
		{"icao", "alpha3", "D", "2026-11-25", "DEU"},
		{"alpha3", "icao", "XXA", "2026-11-25", "XXA"},
		{"icao", "alpha2", "RKS", "2026-11-25", "XK"},
		{"alpha3", "numeric", "SUN", "1980-01-01", "810"},
		{"numeric", "alpha3", "891", "2003-07-22", "YUG"},
		{"numeric", "alpha3", "891", "2003-07-23", "SCG"},
		{"numeric", "alpha3", "180", "1990-01-01", "ZAR"},
		{"numeric", "alpha3", "180", "2020-01-01", "COD"},
		{"alpha2", "alpha3", "CS", "1990-01-01", "CSK"},
		{"alpha2", "alpha3", "CS", "2004-01-01", "SCG"},
		// Refused.
		{"alpha3", "numeric", "XXA", "2026-11-25", "no_counterpart"},
		{"alpha3", "numeric", "SUN", "2026-11-25", "not_valid"},
		{"alpha2", "alpha3", "CS", "2026-11-25", "not_valid"},
		{"alpha3", "alpha2", "est", "2026-11-25", "unknown_code"},
		{"numeric", "alpha2", "20", "2026-11-25", "unknown_code"},
		{"alpha4", "alpha2", "EST", "2026-11-25", "unknown_system"},
		{"alpha3", "alpha4", "EST", "2026-11-25", "unknown_system"},
	} {
		got, err := l.Translate(tc.from, tc.to, tc.code, on(tc.day))
		var refusal *codelist.Refusal
		if errors.As(err, &refusal) {
			got = string(refusal.Reason)
			if strings.Contains(err.Error(), tc.code) {
				t.Errorf("the error holds the code: %v", err)
			}
		}
		if got != tc.want {
			t.Errorf("%s %s to %s on %s: %s, want %s", tc.from, tc.code, tc.to, tc.day, got, tc.want)
		}
	}
	if title, err := l.Label("numeric", "233", on("2026-11-25")); err != nil || title.ET != "Eesti" || title.EN != "Estonia" {
		t.Errorf("%v, %v", title, err)
	}
}

// Every country of ISO 3166-1 goes from each of its systems to each other and
// back; what documents have beside it has no code there.
func TestCountriesLoseNothing(t *testing.T) {
	t.Parallel()
	l := shipped(t, "countries")
	today := on("2026-11-25")
	for _, from := range []string{"alpha2", "numeric"} {
		for _, to := range l.Systems() {
			for code, reason := range l.Lossy(from, to, today) {
				if code != "XK" || to != "numeric" {
					t.Errorf("%s %s to %s: %s", from, code, to, reason)
				}
			}
		}
	}
	if n := len(l.Lossy("icao", "numeric", today)); n != 7 {
		t.Errorf("%d codes of documents have no number, want the stateless, the refugees, the unspecified, two organisations and Kosovo", n)
	}
}

func TestADefinitionIsCheckedWhole(t *testing.T) {
	t.Parallel()
	_, err := codelist.New(codelist.Definition{List: "x", Systems: []string{"a", "b"}, Entries: []codelist.Entry{
		{Codes: map[string]string{"c": "1"}}, {}, {Codes: map[string]string{"a": ""}},
		{Codes: map[string]string{"a": "1"}, From: "2020-02-30"}, {Codes: map[string]string{"a": "1"}, From: "2020-01-02", To: "2020-01-01"},
		{Codes: map[string]string{"a": "9"}, To: "2019-12-31"}, {Codes: map[string]string{"a": "9"}, From: "2020-01-01"}, {Codes: map[string]string{"a": "9", "b": "9"}, From: "2021-01-01"},
	}})
	for _, want := range []string{"a version", "entries[0].codes: c is none", "entries[1]: an entry needs codes", "entries[2].codes.a: the code is empty", "entries[3].from: ", "entries[4].to: the entry ends before",
		"entries[7].codes.a: another entry"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in %v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "entries[6]") {
		t.Errorf("a code that passes from one entry to the next is a fault: %v", err)
	}
}

func TestATranslationThatCannotGoBackIsRefused(t *testing.T) {
	t.Parallel()
	l, err := codelist.New(codelist.Definition{List: "jobs", Version: "1", Systems: []string{"fine", "coarse"}, Entries: []codelist.Entry{
		{Codes: map[string]string{"fine": "a1", "coarse": "a"}}, {Codes: map[string]string{"fine": "a2", "coarse": "a"}},
		{Codes: map[string]string{"fine": "b1", "coarse": "b"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if got := l.Lossy("fine", "coarse", on("2026-01-01")); len(got) != 2 || got["a1"] != codelist.Ambiguous {
		t.Errorf("lossy %v", got)
	}
	if got, err := l.Translate("fine", "coarse", "b1", on("2026-01-01")); err != nil || got != "b" {
		t.Errorf("%q, %v", got, err)
	}
	if err := l.Check("coarse", "a", on("2026-01-01")); err == nil {
		t.Error("a code of two things passes for one")
	}
}
