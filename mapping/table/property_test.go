package table_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/mapping"
	"ristmik/mapping/table"
)

// maybe puts a generated value under the key, or nothing.
func maybe[V any](t *rapid.T, object map[string]any, key string, g *rapid.Generator[V]) {
	if rapid.Bool().Draw(t, key+" is there") {
		object[key] = g.Draw(t, key)
	}
}

func day(t *rapid.T) string {
	return time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 73000).Draw(t, "days")).Format(time.DateOnly)
}

// person is a person as the core says it.
func person(t *rapid.T) map[string]any {
	name := rapid.StringMatching(`[A-ZÕÄÖÜŠŽ][a-zõäöüšž' -]{0,8}`)
	p := map[string]any{"surname": name.Draw(t, "surname"), "given_name": name.Draw(t, "given name")}
	maybe(t, p, "personal_code", rapid.SampledFrom([]string{"38001085718", "71506150007", "81506150008"}))
	maybe(t, p, "citizenship", rapid.SampledFrom([]string{"EST", "UKR", "DEU", "XKX", "LVA", "BLR"}))
	maybe(t, p, "birth_date", rapid.Custom(day))
	maybe(t, p, "number", rapid.Map(rapid.Int32(), func(n int32) json.Number { return json.Number(fmt.Sprint(n)) }))
	if n := rapid.IntRange(0, 3).Draw(t, "languages"); n > 0 {
		p["languages"] = rapid.SliceOfN(rapid.Map(rapid.StringMatching(`[a-z]{2}`), func(s string) any { return s }), n, n).Draw(t, "languages")
	}
	return p
}

// A request that the table takes is told back as it was, through XML and all.
func TestWhatIsMappedIsToldBack(t *testing.T) {
	t.Parallel()
	made := good(t)
	rapid.Check(t, func(t *rapid.T) {
		var persons []any
		for range rapid.IntRange(1, 3).Draw(t, "persons") {
			persons = append(persons, person(t))
		}
		value := map[string]any{"kind": rapid.SampledFrom([]string{"active", "all"}).Draw(t, "kind"), "persons": persons}
		if rapid.Bool().Draw(t, "period") {
			period := map[string]any{"from": day(t)}
			maybe(t, period, "to", rapid.Custom(day))
			value["period"] = period
		}
		if codes := rapid.SliceOf(rapid.Map(rapid.StringMatching(`[^,\x00-\x1f\x7f-\x9f]{1,4}`), func(s string) any { return s })).Draw(t, "codes"); len(codes) > 0 {
			value["codes"] = codes
		}
		seconds := rapid.Int64Range(0, 4e9).Draw(t, "at")
		value["at"] = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
		maybe(t, value, "count", rapid.Map(rapid.Int64(), func(n int64) json.Number { return json.Number(fmt.Sprint(n)) }))
		maybe(t, value, "digits", rapid.Map(rapid.Int32(), func(n int32) string { return fmt.Sprint(n) }))
		maybe(t, value, "yes", rapid.Bool())
		maybe(t, value, "remark", rapid.SampledFrom([]any{nil, "", "x", "R-"}))
		maybe(t, value, "city", rapid.StringMatching(`[A-Za-z ]*`))

		sent, err := made.ToRegister(value, today)
		if err != nil {
			// Only the hour that is repeated when summer time ends has no local time.
			if text := err.Error(); strings.Contains(text, "/at: transform") && !strings.Contains(text, ";") {
				return
			}
			t.Fatal(err)
		}
		x, err := mapping.Encode(made.Operation().Input, sent)
		if err != nil {
			t.Fatal(err)
		}
		if sent, err = mapping.Decode(made.Operation().Input, x); err != nil {
			t.Fatal(err)
		}
		back, why, err := made.Back(sent, today)
		if err != nil || why != "" {
			t.Fatal(why, err)
		}
		for _, one := range back["persons"].([]any) { // a list is there, also when it is empty
			if p := one.(map[string]any); len(p["languages"].([]any)) == 0 {
				delete(p, "languages")
			}
		}
		if list, ok := back["codes"].([]any); ok && len(list) == 0 {
			delete(back, "codes")
		}
		if diff := cmp.Diff(value, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// tried are the two-way transforms with arguments, and a value that each takes
// from the core and from the register.
var tried = map[string][3]any{
	"list":          {`(", ")`, []any{"a", "b"}, "a, b"},
	"flag":          {"(J, E)", true, "E"},
	"number":        {"", json.Number("7"), "-12"},
	"digits":        {"", "7", json.Number("-12")},
	"prefix":        {"(EE)", "1", "EE1"},
	"pad":           {"(8)", "12", "00000012"},
	"personal_code": {"", "38001085718", "71506150007"},
	"registry_code": {"", "10000024", "10000024"},
	"vat_number":    {"", "EE100207415", "EE100207415"},
	"check_digit":   {"", "L898902C3", "L898902C36"},
	"date":          {"(DD.MM.YYYY)", "2026-02-28", "28.02.2026"},
	"partial_date":  {"(DD.MM.YYYY)", "1980-00-00", "00.02.1980"},
	"moment":        {"(Europe/Tallinn)", "2026-01-01T00:00:00Z", "2026-01-01T02:00:00"},
}

// A two-way transform loses nothing: what it takes, it can tell back.
func TestTransformsAreLosslessOrRefuse(t *testing.T) {
	t.Parallel()
	for _, one := range table.Transforms() {
		if !one.TwoWay {
			if one.Direction == "" {
				t.Errorf("%s does not say in which direction it goes", one.Name)
			}
			continue
		}
		if table.Several(one.Name) {
			continue
		}
		t.Run(one.Name, func(t *testing.T) {
			t.Parallel()
			arguments, _ := tried[one.Name][0].(string)
			call := one.Name + arguments
			taken := 0
			rapid.Check(t, func(t *rapid.T) {
				toRegister := rapid.Bool().Draw(t, "to the register")
				good := tried[one.Name][2]
				if toRegister {
					good = tried[one.Name][1]
				}
				value := rapid.OneOf(rapid.Just(good), rapid.Just(good), rapid.Just(good), rapid.Just(good),
					rapid.Map(rapid.String(), asAny), rapid.Map(rapid.StringMatching(`(EE)?0?[0-9]{0,11}`), asAny),
					rapid.Map(rapid.StringMatching(`20[0-9]{2}-[01][0-9]-[0-3][0-9](T0[0-9]:30:00Z?)?`), asAny), rapid.Map(rapid.StringMatching(`[0-3][0-9]\.[01][0-9]\.20[0-9]{2}`), asAny),
					rapid.Map(rapid.Int64(), func(n int64) any { return json.Number(fmt.Sprint(n)) }), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
					rapid.SampledFrom([]any{"J", "007", "-0", []any{"a, b"}, []any{""}, []any{}, nil, json.Number("1.0"), "2026-10-25T03:30:00", "2026-10-25T00:30:00Z", "2026-03-29T03:30:00"}),
				).Draw(t, "value")
				out, ok := table.Change(call, value, toRegister)
				if !ok {
					return
				}
				taken++
				back, ok := table.Change(call, out, !toRegister)
				if diff := cmp.Diff(value, back); !ok || diff != "" {
					t.Fatalf("%v became %v, which became %v", value, out, back)
				}
			})
			if taken == 0 {
				t.Error("nothing was taken: the test tries the wrong values")
			}
		})
	}
}

func asAny(s string) any { return s }

// What transforms do, one by one.
func TestTransforms(t *testing.T) {
	t.Parallel()
	const core, register = false, true
	for _, tc := range []struct {
		call string
		in   any
		to   bool
		want any // nil is refused
	}{
		{"list(;)", []any{"a", "b"}, register, "a;b"}, {"list(;)", []any{"a;b"}, register, nil}, {"list(;)", "a;b", core, []any{"a", "b"}}, {"list(;)", "", core, []any{}}, {"list(;)", "a;;b", core, nil},
		{"flag(J, E)", true, register, "J"}, {"flag(J, E)", "E", core, false}, {"flag(J, E)", "X", core, nil}, {"flag(J, E)", "J", register, nil},
		{"number", json.Number("7"), register, "7"}, {"number", "7", core, json.Number("7")}, {"number", "007", core, nil}, {"number", json.Number("7.0"), register, nil},
		{"digits", "7", register, json.Number("7")}, {"digits", "007", register, nil},
		{"prefix(EE)", "1", register, "EE1"}, {"prefix(EE)", "EE1", core, "1"}, {"prefix(EE)", "LV1", core, nil},
		{"pad(4)", "12", register, "0012"}, {"pad(4)", "0012", core, "12"}, {"pad(4)", "012", register, nil}, {"pad(4)", "12", core, nil},
		{"trim", " a ", register, "a"}, {"upper", "õ", core, "Õ"}, {"lower", "Õ", register, "õ"},
		{"personal_code", "38001085718", register, "38001085718"}, {"personal_code", "38001085719", register, nil},
		{"registry_code", "10000024", core, "10000024"}, {"registry_code", "10000025", core, nil}, {"vat_number", "LV1", register, nil},
		{"check_digit", "L898902C3", register, "L898902C36"}, {"check_digit", "L898902C36", core, "L898902C3"}, {"check_digit", "L898902C37", core, nil}, {"check_digit", "é", register, nil},
		{"transliterate", "Щ", register, "Shch"}, {"transliterate(BGR)", "Щ", register, "Sht"}, {"transliterate", "李", register, nil},
		{"mrz", "Müller-Õ", register, "MUELLER<O"},
		{"date(DD.MM.YYYY)", "2026-02-28", register, "28.02.2026"}, {"date(YYYYMMDD)", "20260228", core, "2026-02-28"}, {"date(DD.MM.YYYY)", "2026-02-30", register, nil}, {"date(DD.MM.YYYY)", "1.2.2026", core, nil},
		{"partial_date", "1980-00-00", register, "1980-00-00"}, {"partial_date", "1980-00-00", core, "1980-00-00"}, {"partial_date(DD.MM.YYYY)", "1980-00-00", register, "00.00.1980"},
		{"partial_date(DD.MM.YYYY)", "00.02.1980", core, "1980-02-00"}, {"partial_date(DD.MM.YYYY)", "15.00.1980", core, nil}, {"partial_date(DD.MM.YYYY)", "00-02-1980", core, nil}, {"partial_date", "1980-02-30", register, nil},
		{"mrz_date", "1980-00-00", register, "80<<<<"}, {"mrz_date", "1980-02-28", register, "800228"}, {"mrz_date", "1980", register, nil},
		{"day", "2026-02-28+02:00", core, "2026-02-28"}, {"day", "2026-02-28", core, "2026-02-28"}, {"day", "2026-02-28x", core, nil},
		{"moment(Europe/Tallinn)", "2026-01-01T00:00:00Z", register, "2026-01-01T02:00:00"}, {"moment(Europe/Tallinn)", "2026-10-25T00:30:00Z", register, nil},
		{"moment(Europe/Tallinn)", "2026-10-25T03:30:00", core, nil}, {"moment(Europe/Tallinn)", "2026-03-29T03:30:00", core, nil}, {"moment(Europe/Tallinn)", "2026-01-01T02:00:00+02:00", core, nil},
		{"utc(Europe/Tallinn)", "2026-01-01T02:00:00", core, "2026-01-01T00:00:00Z"}, {"utc(Europe/Tallinn)", "2026-01-01T02:00:00.5+02:00", core, "2026-01-01T00:00:00.5Z"},
		{"utc(Europe/Tallinn)", "2026-10-25T03:30:00", core, "2026-10-25T00:30:00Z"}, {"utc(Europe/Tallinn)", "yesterday", core, nil},
	} {
		out, ok := table.Change(tc.call, tc.in, tc.to)
		if ok != (tc.want != nil) || ok && cmp.Diff(tc.want, out) != "" {
			t.Errorf("%s of %v, to the register %v: %v, want %v", tc.call, tc.in, tc.to, out, tc.want)
		}
	}
}
