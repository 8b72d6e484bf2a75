package soap

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Classes of bytes, so that the scanner decides with one look at a table.
const (
	// isPlain: character data that needs no second look.
	isPlain uint8 = 1 << iota
	// isQuiet: the same inside an attribute value.
	isQuiet
	// isLegal: an ASCII character that XML can hold.
	isLegal
	// isStart and isName: production NameStartChar and NameChar in ASCII,
	// without the colon.
	isStart
	isName
	// isSpace: production S.
	isSpace
)

var class = func() (t [256]uint8) {
	for c := range utf8.RuneSelf {
		r := rune(c)
		if legalRune(r) {
			t[c] = isPlain | isQuiet | isLegal
		}
		if nameStart(r) {
			t[c] |= isStart
		}
		if nameRune(r) {
			t[c] |= isName
		}
		if blank(byte(c)) {
			t[c] |= isSpace
		}
	}
	for _, c := range "<&]" {
		t[c] &^= isPlain
	}
	for _, c := range `<&"'` {
		t[c] &^= isQuiet
	}
	return t
}()

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// plainEnd returns the offset of the first byte at or behind i that is not
// plain character data, eight bytes at a time where there are as many.
func plainEnd(src []byte, i int) int {
	for i+8 <= len(src) {
		w := binary.LittleEndian.Uint64(src[i:])
		// The lowest bit set is exact; those above may be false alarms.
		stop := (w | zero(w^lows*'<') | zero(w^lows*'&') | zero(w^lows*']') | (w-lows*0x20)&^w) & highs
		if stop == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(stop) >> 3
		if class[src[i]]&isPlain == 0 {
			return i
		}
		i++ // a tab or a line end
	}
	for i < len(src) && class[src[i]]&isPlain != 0 {
		i++
	}
	return i
}

// zero has the high bit set in the lowest byte of w that is zero.
func zero(w uint64) uint64 { return (w - lows) &^ w }

// wide returns the length of the character at the start of b, which is not
// ASCII; 0 when it is not UTF-8 or XML cannot hold it.
func wide(b []byte) int {
	if len(b) > 1 && b[0] >= 0xC2 && b[0] <= 0xDF && b[1]&0xC0 == 0x80 {
		return 2
	}
	r, n := utf8.DecodeRune(b)
	if r == utf8.RuneError && n <= 1 || r == 0xFFFE || r == 0xFFFF {
		return 0
	}
	return n
}

// illegalAt returns the offset of the first byte of b that is not UTF-8 or the
// first character that XML cannot hold, or -1.
func illegalAt(b []byte) int {
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			if class[b[i]]&isLegal == 0 {
				return i
			}
			i++
			continue
		}
		n := wide(b[i:])
		if n == 0 {
			return i
		}
		i += n
	}
	return -1
}
