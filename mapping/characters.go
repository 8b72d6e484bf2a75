package mapping

import (
	"strings"
	"unicode/utf8"
)

// Carries says whether X-Road messages can carry the text: it is UTF-8 without
// the characters that XML 1.0 has no place for (production Char), and without
// DEL and the control characters of C1, which nobody writes on purpose.
func Carries(s string) bool { return utf8.ValidString(s) && !strings.ContainsFunc(s, unfit) }

func unfit(r rune) bool {
	switch r {
	case '\t', '\n', '\r':
		return false
	}
	return r < 0x20 || r >= 0x7f && r <= 0x9f || r == 0xfffe || r == 0xffff
}
