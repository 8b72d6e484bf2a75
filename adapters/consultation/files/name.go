package files

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a name, in characters.
const maxName = 150

// noName is the name of a file that has none left.
const noName = "fail"

// SafeName makes a name out of what a sender calls its file that can be shown,
// stored and written on any system: the last step of a path only, no control
// characters, none that change the direction of writing or are not seen, none
// that a file system forbids, no name of a device, and not too long.
func SafeName(name string) string {
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return '_'
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Variation_Selector):
			return -1 // Cf holds the marks of direction and the invisible ones
		case strings.ContainsRune(`<>:"|?*;%`, r):
			return '_'
		}
		return r
	}, strings.ToValidUTF8(name, "_"))
	name = strings.Trim(name, " .")
	stem, ext := name, ""
	if i := strings.LastIndexByte(name, '.'); i > 0 && len(name)-i <= 12 {
		stem, ext = name[:i], name[i:]
	}
	if first, _, _ := strings.Cut(stem, "."); slices.Contains(devices, strings.ToUpper(strings.TrimSpace(first))) {
		stem = "_" + stem
	}
	if runes := []rune(stem); len(runes)+utf8.RuneCountInString(ext) > maxName {
		stem = strings.TrimRight(string(runes[:maxName-utf8.RuneCountInString(ext)]), " .")
	}
	if stem == "" {
		return noName + ext
	}
	return stem + ext
}

// devices are names that Windows keeps for itself, whatever follows the dot.
var devices = []string{
	"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
	"COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9",
	"LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9",
}
