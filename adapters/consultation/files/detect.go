package files

import (
	"bytes"
	"encoding/binary"
	"mime"
	"net/http"
	"slices"
	"strings"
)

// The media types of containers. An ASiC container holds signed files (ETSI EN
// 319 162-1); its first entry, stored and not compressed, is named "mimetype"
// and holds the media type.
const (
	ASiCE = "application/vnd.etsi.asic-e+zip"
	ASiCS = "application/vnd.etsi.asic-s+zip"
	odt   = "application/vnd.oasis.opendocument.text"
	ods   = "application/vnd.oasis.opendocument.spreadsheet"
	docx  = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	xlsx  = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
)

// Detect says what a file is by how it begins; "application/octet-stream" when
// that tells nothing. declared decides between kinds of one container only.
func Detect(head []byte, declared string) string {
	switch {
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return "image/tiff"
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return container(head, bare(declared))
	}
	return bare(http.DetectContentType(head))
}

// container looks at the first entry of a ZIP file (APPNOTE 4.3.7).
func container(head []byte, declared string) string {
	const plain = "application/zip"
	if len(head) < 30 {
		return plain
	}
	flags, method := binary.LittleEndian.Uint16(head[6:]), binary.LittleEndian.Uint16(head[8:])
	size := int(binary.LittleEndian.Uint32(head[18:]))
	nameEnd := 30 + int(binary.LittleEndian.Uint16(head[26:]))
	begin := nameEnd + int(binary.LittleEndian.Uint16(head[28:]))
	if nameEnd > len(head) {
		return plain
	}
	switch string(head[30:nameEnd]) {
	case "mimetype":
		if method != 0 || flags&8 != 0 || size < 0 || size > 200 || begin+size > len(head) {
			return plain
		}
		if kind := string(head[begin : begin+size]); slices.Contains([]string{ASiCE, ASiCS, odt, ods}, kind) {
			return kind
		}
	case "[Content_Types].xml":
		if declared == docx || declared == xlsx {
			return declared
		}
	}
	return plain
}

// fits tells whether a file of the type that was found may be said to be of
// another one: senders that know none say application/octet-stream.
func fits(declared, found string) bool {
	d := bare(declared)
	return d == found || d == "application/octet-stream" || found == ASiCE && d == "application/vnd.bdoc-1.0"
}

func bare(media string) string {
	if kind, _, err := mime.ParseMediaType(media); err == nil {
		return kind
	}
	return strings.ToLower(strings.TrimSpace(media))
}
