// Package names writes names of persons in Latin letters as passports do and
// tells whether two spellings may be one name.
//
// A name has three forms, and none replaces another: as it stands in the
// document, as it stands in the machine-readable zone ([MRZ]), and as a key to
// search by ([Key]). Rules and tables are those of ICAO Doc 9303, part 3,
// section 6; its Cyrillic table differs by the country that issued the
// document. The package is pure and safe for concurrent use.
package names

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// ScriptError says that a name has a letter for which there is no rule: it is
// neither Latin nor Cyrillic. It names the letter's number and no part of the
// name.
type ScriptError struct{ Rune rune }

// Error returns the letter's number and its place in Unicode.
func (e *ScriptError) Error() string {
	return fmt.Sprintf("there is no transliteration for the character %U", e.Rune)
}

// Transliterate writes a name in the letters A to Z and a to z by ICAO Doc
// 9303. Capitals stay capitals; spaces, hyphens, apostrophes and full stops
// stay as they are. issuer is the country of the document, ISO 3166-1 alpha-3
// (BLR, UKR, BGR, SRB, MNE, MKD have rules of their own for Cyrillic; every
// other value has the general ones). The name may be composed or decomposed
// Unicode. The error is a *[ScriptError].
func Transliterate(name, issuer string) (string, error) {
	rules := exceptions[issuer]
	letters := []rune(norm.NFC.String(name))
	var b strings.Builder
	for i, r := range letters {
		upper := unicode.ToUpper(r)
		first := i == 0 || !unicode.IsLetter(letters[i-1]) && !apostrophe(letters[i-1])
		out, ok := "", false
		if first {
			out, ok = rules.first[upper]
		}
		if !ok {
			out, ok = rules.any[upper]
		}
		if !ok {
			out, ok = table[upper]
		}
		switch {
		case ok && unicode.IsUpper(r) && len(out) > 1 && !capitals(letters, i):
			b.WriteString(out[:1] + strings.ToLower(out[1:]))
		case ok && unicode.IsUpper(r):
			b.WriteString(out)
		case ok:
			b.WriteString(strings.ToLower(out))
		case r < unicode.MaxASCII && unicode.IsLetter(r), !unicode.IsLetter(r) && !unicode.IsMark(r):
			b.WriteRune(r)
		default:
			return "", &ScriptError{r}
		}
	}
	return b.String(), nil
}

// capitals tells whether the capital at i stands among capitals, so that all of
// its letters are capitals (СВЯТЛАНА is SVIATLANA, Яна is Iana).
func capitals(letters []rune, i int) bool {
	switch {
	case i+1 < len(letters) && unicode.IsLetter(letters[i+1]):
		return unicode.IsUpper(letters[i+1])
	case i > 0 && unicode.IsLetter(letters[i-1]):
		return unicode.IsUpper(letters[i-1])
	}
	return false
}

func apostrophe(r rune) bool { return r == '\'' || r == '’' || r == 'ʼ' || r == '`' }

// MRZ returns a name as it stands in a machine-readable zone (ICAO Doc 9303,
// part 3, 4.6): capitals, apostrophes left out, "<" for hyphens and spaces, all
// other punctuation left out. Nothing is cut to the length of a line. The error
// is a *[ScriptError].
func MRZ(name, issuer string) (string, error) {
	latin, err := Transliterate(name, issuer)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, r := range strings.ToUpper(latin) {
		switch {
		case r >= 'A' && r <= 'Z':
			b.WriteRune(r)
		case (unicode.IsSpace(r) || unicode.Is(unicode.Pd, r)) && b.Len() > 0 && !strings.HasSuffix(b.String(), "<"):
			b.WriteByte('<')
		}
	}
	return strings.TrimRight(b.String(), "<"), nil
}

// folds are the spellings that states may choose between for one letter (Ä is AE
// or A, Å is AA or A, Ü is UE, UXX or U, Ñ is N or NXX): keys know only the shortest.
var folds = strings.NewReplacer("AE", "A", "AA", "A", "OE", "O", "UE", "U", "UXX", "U", "NXX", "N", "<", "")

// Key returns what spellings of one name have in common: the MRZ form without
// separators and with the alternatives of ICAO Doc 9303 folded together. Equal
// keys say that two names may be one; different ones say little, see [Compare].
// The error is a *[ScriptError].
func Key(name, issuer string) (string, error) {
	mrz, err := MRZ(name, issuer)
	return folds.Replace(mrz), err
}

// Likeness says how much two names look alike.
type Likeness string

// The likenesses, from none to all.
const (
	Different Likeness = "different"
	// Possible is one letter missing, added or another, in six or more.
	Possible Likeness = "possible"
	// Same is that both may be spellings of one name.
	Same Likeness = "same"
)

// possibleFrom is how long a key must be for one letter not to matter.
const possibleFrom = 6

// Compare says how alike two names are, given their keys. An empty key, of a
// person without a given name for instance, is like another empty one only.
// That two persons are one takes more than names: the same birth date and
// country of the document at least.
func Compare(a, b string) Likeness {
	switch {
	case a == b:
		return Same
	case min(len(a), len(b)) >= possibleFrom && oneEdit(a, b):
		return Possible
	}
	return Different
}

// oneEdit tells whether one letter makes the difference.
func oneEdit(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > 1 {
		return false
	}
	i := 0
	for i < len(a) && a[i] == b[i] {
		i++
	}
	if len(a) == len(b) {
		return a[i+1:] == b[i+1:]
	}
	return a[i:] == b[i+1:]
}
