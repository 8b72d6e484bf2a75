package codelist_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping/codelist"
)

func TestATableIsAList(t *testing.T) {
	t.Parallel()
	want := codelist.Definition{
		List: "permits", Version: "2026-01", Title: codelist.Title{ET: "Loaliigid", EN: "Kinds of permits"}, Systems: []string{"core", "register"},
		Entries: []codelist.Entry{
			{Codes: map[string]string{"core": "LONG", "register": "01"}, From: "2020-01-01", ET: "Pikaajaline, tähtajatu"},
			{Codes: map[string]string{"core": "SHORT"}, From: "2020-01-01", To: "2025-12-31", EN: `"Short"`},
		},
	}
	for name, text := range map[string]string{
		"commas":     "# list: permits\n# version: 2026-01\n# et: Loaliigid\n# en: Kinds of permits\n# kept by: us\n\ncore,register,from,to,et,en\nLONG,01,2020-01-01,,\"Pikaajaline, tähtajatu\",\nSHORT,,2020-01-01,2025-12-31,,\"\"\"Short\"\"\"\n",
		"semicolons": "\ufeff# list: permits\r\n# version: 2026-01\r\n# et: Loaliigid\r\n# en: Kinds of permits\r\n# ;\r\n# \r\ncore;register;from;to;et;en\r\nLONG;01;2020-01-01;;Pikaajaline, tähtajatu;\r\nSHORT;;2020-01-01;2025-12-31;;\"\"\"Short\"\"\"\r\n",
	} {
		got, faults := codelist.ReadCSV([]byte(text))
		if len(faults) > 0 || !cmp.Equal(got.Definition, want) || !cmp.Equal(got.Lines, []int{8, 9}) {
			t.Errorf("%s: %v %v\n%s", name, faults, got.Lines, cmp.Diff(want, got.Definition))
		}
		l, err := codelist.New(got.Definition)
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct{ from, to, code, day, want string }{
			{"core", "register", "LONG", "2026-01-01", "01"},
			{"register", "core", "01", "2026-01-01", "LONG"},
			{"core", "register", "LONG", "2019-12-31", "not_valid"},
			{"core", "register", "SHORT", "2025-01-01", "no_counterpart"},
			{"register", "core", "1", "2026-01-01", "unknown_code"},
		} {
			if got := translated(t, l, tc.from, tc.to, tc.code, tc.day); got != tc.want {
				t.Errorf("%s to %s: %s on %s is %s, want %s", tc.from, tc.to, tc.code, tc.day, got, tc.want)
			}
		}
	}
}

func TestFaultsOfATableHaveTheirLines(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                "[1 ]",
		"# list: x\n":                     "[2 ]",
		"a,a\n1,2\n":                      "[1 systems]",
		"# list: x\na,\n1,2\n":            "[2 systems]",
		"# list: x\n\na,b\n1,2\n1\n1,2,3": "[5 entries][6 entries]",
		"a,b\n1,\"2\n":                    "[2 entries]",
		"a,b\n1,x\"y\n":                   "[2 entries]",
		"a,b\n\xff,1\n":                   "[1 ]",
		"a,b\n\"1\n2\",3\n4,5,6":          "[4 entries]",
	} {
		_, faults := codelist.ReadCSV([]byte(text))
		got := ""
		for _, f := range faults {
			got += fmt.Sprintf("[%d %s]", f.Line, f.Path)
		}
		if got != want {
			t.Errorf("%q: %s, want %s: %v", text, got, want, faults)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("# list: x\na;b\n1;2\n"))
	f.Add([]byte("a,b\n\"1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, faults := codelist.ReadCSV(data)
		if len(faults) == 0 && len(got.Lines) != len(got.Entries) {
			t.Errorf("%d lines of %d entries", len(got.Lines), len(got.Entries))
		}
		_, _ = codelist.New(got.Definition)
	})
}
