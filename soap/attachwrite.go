package soap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Packaging is how a message refers to its attachments.
type Packaging int

// The packagings of PR-MESS 2.4.
const (
	// PackagingSwA is SOAP with attachments: the envelope is text/xml and
	// refers by swaRef.
	PackagingSwA Packaging = iota
	// PackagingMTOM is MTOM: the envelope is application/xop+xml and refers by
	// xop:Include.
	PackagingMTOM
)

// rootID is the Content-ID of the SOAP part, as PR-MESS 2.4 writes it.
const rootID = "rootpart"

// WriteMessage packs an envelope and attachments into a multipart/related
// body: the envelope first, byte for byte and never transfer-encoded, then each
// attachment, streamed from its Body as the returned reader is read. The
// boundary must be new for each message and impossible to guess; the caller
// brings the randomness.
//
// An attachment is written with its Content-Type (application/octet-stream
// when empty), the transfer encoding binary, its Content-ID in angle brackets
// (left out when empty) and the other fields of its Header. One from NextRaw
// is repeated field by field and byte for byte. The error says which value
// cannot be written; nothing was read then. No value with a CR, LF or NUL and
// no Content-ID twice ever leaves.
func WriteMessage(envelope []byte, p Packaging, boundary string, attachments []Attachment) (contentType string, body io.Reader, err error) {
	if !goodBoundary(boundary) || strings.ContainsAny(boundary, `"\`) {
		return "", nil, errors.New("writing attachments: the boundary cannot be written")
	}
	if len(attachments) >= maxParts {
		return "", nil, fmt.Errorf("writing attachments: more than %d parts", maxParts)
	}
	if bytes.Contains(envelope, []byte("--"+boundary)) {
		return "", nil, errors.New("writing attachments: the envelope holds the boundary")
	}
	media, start, root := "text/xml", "", ContentType
	if p == PackagingMTOM {
		media, start = "application/xop+xml", ` start-info="text/xml";`
		root = `application/xop+xml; charset=UTF-8; type="text/xml"`
	}
	contentType = fmt.Sprintf(`multipart/related; type="%s"; start="<%s>";%s boundary="%s"`, media, rootID, start, boundary)
	readers := []io.Reader{
		strings.NewReader("--" + boundary + "\r\nContent-Type: " + root +
			"\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <" + rootID + ">\r\n\r\n"),
		bytes.NewReader(envelope),
	}
	ids := map[string]bool{rootID: true}
	for i := range attachments {
		a := &attachments[i]
		head, err := a.head()
		if err != nil {
			return "", nil, fmt.Errorf("writing attachment %d: %w", i+1, err)
		}
		if a.ContentID != "" && ids[a.ContentID] {
			return "", nil, fmt.Errorf("writing attachment %d: its Content-ID is there already", i+1)
		}
		ids[a.ContentID] = true
		readers = append(readers, strings.NewReader("\r\n--"+boundary+"\r\n"+head+"\r\n"))
		if a.Body != nil {
			readers = append(readers, a.Body)
		}
	}
	readers = append(readers, strings.NewReader("\r\n--"+boundary+"--\r\n"))
	return contentType, io.MultiReader(readers...), nil
}

// head writes the header of the part.
func (a *Attachment) head() (string, error) {
	fields := a.Header
	if !a.raw {
		media := a.ContentType
		if media == "" {
			media = "application/octet-stream"
		}
		fields = []Field{{"Content-Type", media}, {"Content-Transfer-Encoding", "binary"}}
		if a.ContentID != "" {
			if strings.ContainsAny(a.ContentID, "<> \t") {
				return "", errors.New("its Content-ID cannot be written")
			}
			fields = append(fields, Field{"Content-ID", "<" + a.ContentID + ">"})
		}
		for _, f := range a.Header {
			switch strings.ToLower(f.Name) {
			case "content-type", "content-transfer-encoding", "content-id":
			default:
				fields = append(fields, f)
			}
		}
	}
	var b strings.Builder
	for _, f := range fields {
		if !token(f.Name) || strings.ContainsAny(f.Value, "\r\n\x00") {
			return "", errors.New("a header field cannot be written")
		}
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	if b.Len() > maxPartHeader {
		return "", errors.New("its header is too large")
	}
	return b.String(), nil
}
