package contract

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// reEncoding finds the encoding in an XML declaration.
var reEncoding = regexp.MustCompile(`^\s*<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)

// codePages are the encodings of one byte to a character in which editors of
// descriptions save them: Western and Baltic.
var codePages = map[string]*charmap.Charmap{
	"ISO-8859-1": charmap.ISO8859_1, "LATIN1": charmap.ISO8859_1, "US-ASCII": charmap.ISO8859_1,
	"ISO-8859-4": charmap.ISO8859_4, "ISO-8859-13": charmap.ISO8859_13, "ISO-8859-15": charmap.ISO8859_15,
	"WINDOWS-1252": charmap.Windows1252, "CP1252": charmap.Windows1252,
	"WINDOWS-1257": charmap.Windows1257, "CP1257": charmap.Windows1257,
}

// toUTF8 converts a file to UTF-8, which is the only encoding that descriptions
// are read in: from UTF-16 with a byte order mark, and from a code page that the
// XML declaration names. The bytes of any other file are returned as they are, for
// the reader to take or refuse.
func toUTF8(data []byte) []byte {
	switch {
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		return declaredUTF8(fromUTF16(data[2:], binary.BigEndian))
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		return declaredUTF8(fromUTF16(data[2:], binary.LittleEndian))
	}
	m := reEncoding.FindSubmatch(data[:min(len(data), 256)])
	if m == nil {
		return data
	}
	page, known := codePages[strings.ToUpper(string(m[1]))]
	if !known {
		return data
	}
	out := make([]byte, 0, len(data)+len(data)/16)
	for _, b := range data {
		out = utf8.AppendRune(out, page.DecodeByte(b))
	}
	return declaredUTF8(out)
}

// fromUTF16 converts units of two bytes. Half a unit or half a pair becomes a
// character that no declaration may hold, which the reader then refuses or keeps
// as text.
func fromUTF16(data []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, 0, len(data)/2)
	for i := 0; i+1 < len(data); i += 2 {
		units = append(units, order.Uint16(data[i:]))
	}
	out := make([]byte, 0, len(units)+len(units)/8)
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out
}

// declaredUTF8 lets the XML declaration of a converted file say what it is now.
func declaredUTF8(data []byte) []byte {
	m := reEncoding.FindSubmatchIndex(data[:min(len(data), 256)])
	if m == nil {
		return data
	}
	return append(append(append(make([]byte, 0, len(data)), data[:m[2]]...), "UTF-8"...), data[m[3]:]...)
}
