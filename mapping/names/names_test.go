package names_test

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"

	"ristmik/mapping/names"
)

func TestTransliterationOfDocumentsByIssuer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, issuer, want string }{
		// Published with the table itself.
		{"Бабрыковіч Аляксандр", "BLR", "Babrykovich Aliaksandr"},
		{"Міховіч Марыя", "BLR", "Mikhovich Maryia"},
		{"Ігар", "BLR", "Ihar"},
		{"СВЯТЛАНА", "BLR", "SVIATLANA"},
		{"Мікалай", "BLR", "Mikalai"},
		// One letter, several countries.
		{"Гёрг", "RUS", "Gerg"},
		{"Гёрг", "BLR", "Hiorh"},
		{"Ющенко Григорій", "UKR", "Yushchenko Hryhorii"},
		{"Юлия", "RUS", "Iuliia"},
		{"Щедрин", "RUS", "Shchedrin"},
		{"Щедрин", "BGR", "Shtedrin"},
		{"Цветковски Џорџ", "MKD", "Cvetkovski Djordj"},
		{"Шћепан Хаџић", "SRB", "Scepan Hadzic"},
		// A capital between capitals and one alone.
		{"ЖУКОВ Ж", "RUS", "ZHUKOV Zh"},
		{"Д'Яченко", "UKR", "D'Iachenko"},
		{"Ольга", "RUS", "Olga"},
		// Latin letters with marks.
		{"O’CONNEŽ-ŠUSLIK MARY ÄNN", "EST", "O’CONNEZ-SUSLIK MARY AENN"},
		{"Jõgi Mürk Nuñez Straße Þór Ærø", "EST", "Jogi Muerk Nunez Strasse Thor Aeroe"},
		{"", "EST", ""},
	} {
		for form, name := range map[string]string{"composed": tc.name, "decomposed": norm.NFD.String(tc.name)} {
			if got, err := names.Transliterate(name, tc.issuer); err != nil || got != tc.want {
				t.Errorf("%s (%s, %s): %q, %v; want %q", tc.name, tc.issuer, form, got, err, tc.want)
			}
		}
	}
}

// The letters that passports of three neighbours write in their own way, and those of
// Latin alphabets with marks, each by itself.
func TestLettersByTheirTables(t *testing.T) {
	t.Parallel()
	for issuer, pairs := range map[string]string{
		"RUS": "Ж ZH Й I Х KH Ц TS Ч CH Ш SH Щ SHCH Ъ IE Ы Y Э E Ю IU Я IA Г G Ё E И I",
		"BLR": "Г H Ё IO Ў U І I Ж ZH Х KH Ц TS Ы Y Э E Ю IU Я IA",
		"UKR": "Г H Ґ G И Y І I Ж ZH Х KH Ц TS Щ SHCH",
		"EST": "Ä AE Ö OE Ü UE Õ O Å AA Ñ N Š S Ž Z Þ TH Ø OE Æ AE",
	} {
		fields := strings.Fields(pairs)
		for i := 0; i+1 < len(fields); i += 2 {
			name, want := "А"+fields[i]+"А", "A"+fields[i+1]+"A" // inside of a word, among capitals
			if got, err := names.Transliterate(name, issuer); err != nil || got != want {
				t.Errorf("%s %s: %q, %v; want %q", issuer, fields[i], got, err, want)
			}
		}
	}
	for name, want := range map[string]string{"АЙА": "AIA", "АЇА": "AIA", "АЄА": "AIEA", "Straße": "Strasse", "þóra": "thora"} {
		if got, err := names.Transliterate(name, "UKR"); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestLettersOfOtherScriptsAreRefusedWithoutTheName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Ivan 李", "ივანე", "Αλέξης", "محمد"} {
		_, err := names.Transliterate(name, "")
		var script *names.ScriptError
		if !errors.As(err, &script) || strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
		if _, err := names.MRZ(name, ""); err == nil {
			t.Errorf("%q has a machine-readable form", name)
		}
		if _, err := names.Key(name, ""); err == nil {
			t.Errorf("%q has a key", name)
		}
	}
}

func TestMachineReadableForm(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"O’CONNEŽ-ŠUSLIK":    "OCONNEZ<SUSLIK",
		" Mary  Änn ":        "MARY<AENN",
		"d'Arc, St. John Jr": "DARC<ST<JOHN<JR",
		"- ":                 "",
	} {
		if got, err := names.MRZ(name, ""); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestSpellingsOfOneNameAreAlike(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want names.Likeness
	}{
		{"Müller", "MUELLER", names.Same},
		{"Müller", "Muller", names.Same},
		{"Nuñez", "NUNXXEZ", names.Same},
		{"Åse Håkonsen", "ASE HAKONSEN", names.Same},
		{"Åse Håkonsen", "AASE HAAKONSEN", names.Same},
		{"Ørsted", "ORSTED", names.Same},
		{"Mary-Änn", "MARY ANN", names.Same},
		{"Kuznetsov", "Kuznecov", names.Different},
		{"Kuznetsov", "Kuznetsova", names.Possible},
		{"Kuznetsov", "Kuznetzov", names.Possible},
		{"Tamm", "Tam", names.Different},
		{"", "", names.Same},
		{"", "Tamm", names.Different},
	} {
		a, errA := names.Key(tc.a, "")
		b, errB := names.Key(tc.b, "")
		if got := names.Compare(a, b); errA != nil || errB != nil || got != tc.want || names.Compare(b, a) != got {
			t.Errorf("%q and %q are %s, want %s", tc.a, tc.b, got, tc.want)
		}
	}
}
