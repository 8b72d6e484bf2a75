package codelist_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"ristmik/configs"
	"ristmik/mapping/codelist"
)

// definition is a shipped list as it stands in its file.
func definition(t *testing.T, name string) codelist.Definition {
	t.Helper()
	if data, err := configs.Shipped.ReadFile("codelists/" + name + ".csv"); err == nil {
		table, faults := codelist.ReadCSV(data)
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		return table.Definition
	}
	data, err := configs.Shipped.ReadFile("codelists/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var d codelist.Definition
	if _, problems := configs.Decode(name, data, &d); len(problems) > 0 {
		t.Fatal(problems)
	}
	return d
}

// translated is a translation, or why it is refused.
func translated(t *testing.T, l *codelist.List, from, to, code, day string) string {
	t.Helper()
	got, err := l.Translate(from, to, code, on(day))
	var refusal *codelist.Refusal
	if errors.As(err, &refusal) {
		return string(refusal.Reason)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// The groups of occupations are all there, each below one that is there too, and
// nothing is lost between their two names.
func TestOccupationsAreComplete(t *testing.T) {
	t.Parallel()
	l, d := shipped(t, "occupations"), definition(t, "occupations")
	levels, known := map[int]int{}, map[string]bool{}
	for _, e := range d.Entries {
		code := e.Codes["isco08"]
		levels[len(code)]++
		known[code] = true
		if e.EN == "" || e.Codes["esco"] != "http://data.europa.eu/esco/isco/C"+code {
			t.Errorf("%+v", e)
		}
		if len(code) == 1 && e.ET == "" {
			t.Errorf("%s has no Estonian name", code)
		}
	}
	for code := range known {
		if len(code) > 1 && !known[code[:len(code)-1]] {
			t.Errorf("%s stands alone", code)
		}
	}
	// ISCO-08: 10 major, 43 sub-major, 130 minor and 436 unit groups.
	if got := fmt.Sprint(levels); got != "map[1:10 2:43 3:130 4:436]" {
		t.Error(got)
	}
	// Every group has one below it; a minor group has either one unit group, which ends
	// in 0, or several, which do not.
	below := map[string][]string{}
	for code := range known {
		if len(code) > 1 {
			below[code[:len(code)-1]] = append(below[code[:len(code)-1]], code)
		}
	}
	for code := range known {
		units := below[code]
		alone := slices.Contains(units, code+"0")
		if len(code) < 4 && len(units) == 0 || len(code) == 3 && alone != (len(units) == 1) {
			t.Errorf("%s is divided into %v", code, units)
		}
	}
	for _, way := range [][2]string{{"isco08", "esco"}, {"esco", "isco08"}} {
		if lossy := l.Lossy(way[0], way[1], on("2026-11-25")); len(lossy) > 0 {
			t.Errorf("%v: %v", way, lossy)
		}
	}
	for code, want := range map[string]string{
		"2": "http://data.europa.eu/esco/isco/C2", "251": "http://data.europa.eu/esco/isco/C251", "011": "http://data.europa.eu/esco/isco/C011",
		"2512": "http://data.europa.eu/esco/isco/C2512", "0110": "http://data.europa.eu/esco/isco/C0110",
		"25120001": "unknown_code", "3356": "unknown_code", "9999": "unknown_code", "97": "unknown_code", "": "unknown_code",
	} {
		if got := translated(t, l, "isco08", "esco", code, "2026-11-25"); got != want {
			t.Errorf("%q: %s, want %s", code, got, want)
		}
	}
}

// The activities are those of two classifications, one after the other; of a day,
// nothing is lost, and nothing goes from the one to the other.
func TestActivitiesFollowTheirClassification(t *testing.T) {
	t.Parallel()
	l := shipped(t, "activities")
	counts := map[string]int{}
	for _, e := range definition(t, "activities").Entries {
		kind := "division"
		if code := e.Codes["emtak"]; len(code) == 1 {
			kind = "section"
		} else if len(code) != 2 {
			t.Errorf("%+v", e)
		}
		switch {
		case e.Codes["nace_rev2"] == e.Codes["emtak"] && e.To == "2024-12-31" && e.From == "" && len(e.Codes) == 2 && e.EN != "":
			counts["rev. 2 "+kind]++
		case e.Codes["nace_rev2_1"] == e.Codes["emtak"] && e.From == "2025-01-01" && e.To == "" && len(e.Codes) == 2:
			counts["rev. 2.1 "+kind]++
		default:
			t.Errorf("%+v", e)
		}
	}
	if got := fmt.Sprint(counts); got != "map[rev. 2 division:88 rev. 2 section:21 rev. 2.1 division:87 rev. 2.1 section:22]" {
		t.Error(got)
	}
	for day, system := range map[string]string{"2024-12-31": "nace_rev2", "2025-01-01": "nace_rev2_1"} {
		if lossy := l.Lossy(system, "emtak", on(day)); len(lossy) > 0 {
			t.Errorf("%s on %s: %v", system, day, lossy)
		}
	}
	for _, tc := range []struct{ from, to, code, day, want string }{
		{"emtak", "nace_rev2", "45", "2024-12-31", "45"},
		{"emtak", "nace_rev2", "45", "2025-01-01", "not_valid"},
		{"emtak", "nace_rev2_1", "46", "2025-01-01", "46"},
		{"emtak", "nace_rev2_1", "46", "2024-12-31", "no_counterpart"},
		{"nace_rev2", "nace_rev2_1", "46", "2026-11-25", "not_valid"},
		{"emtak", "nace_rev2", "U", "2020-06-01", "U"},
		{"emtak", "nace_rev2_1", "V", "2026-11-25", "V"},
		{"emtak", "nace_rev2", "V", "2020-06-01", "not_valid"},
		{"emtak", "nace_rev2_1", "04", "2026-11-25", "unknown_code"},
		{"emtak", "nace_rev2_1", "4619", "2026-11-25", "unknown_code"},
	} {
		if got := translated(t, l, tc.from, tc.to, tc.code, tc.day); got != tc.want {
			t.Errorf("%s %s to %s on %s: %s, want %s", tc.from, tc.code, tc.to, tc.day, got, tc.want)
		}
	}
}
