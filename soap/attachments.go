package soap

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a multipart message. How many bytes of attachments may follow is
// for the caller, who bounds the body it passes: nothing is held of them here.
const (
	// maxParts is the number of parts, the SOAP part included.
	maxParts = 64
	// maxPartHeader is the size of the header of one part, in bytes.
	maxPartHeader = 16 << 10
	// maxPreamble is what may stand before the first part, in bytes.
	maxPreamble = 16 << 10
)

// Field is one header field of a part.
type Field struct{ Name, Value string }

// Attachment is one part behind the SOAP part (PR-MESS 2.4, Annex F and G).
type Attachment struct {
	// ContentID is the Content-ID without angle brackets; empty when the part
	// has none.
	ContentID string
	// ContentType is the Content-Type of the part as it was written.
	ContentType string
	// Header are all header fields of the part in order, with the names as
	// written and folded lines put together.
	Header []Field
	// Body is the content: from Next without its transfer encoding, from
	// NextRaw exactly as it came. It can be read once.
	Body io.Reader
	// raw says that Body still has the transfer encoding of Header.
	raw bool
}

// Incoming is a message as it comes out of an HTTP body: the envelope, then
// the attachments one after the other. It is for one goroutine.
type Incoming struct {
	side        string
	contentType string
	envelope    []byte
	parts       *partReader // nil for a plain message
	ids         map[string]bool
	count       int
	err         error
}

// OpenRequest reads the envelope of a request from an HTTP body with this
// Content-Type, which is plain (text/xml, application/xop+xml) or
// multipart/related. It holds the envelope, at most lim.Bytes of it; the
// attachments stream through Next. Defects are a *Failure with the code of a
// Security Server (PR-MESS 2.4); an error of body itself comes as it is.
func OpenRequest(contentType string, body io.Reader, lim Limits) (*Incoming, error) {
	return open(inRequest, contentType, body, lim)
}

// OpenAnswer reads the envelope of an answer by the same rules as OpenRequest;
// the codes of defects start with "server.serverproxy.service_failed.", as a
// Security Server in front of the provider writes them.
func OpenAnswer(contentType string, body io.Reader, lim Limits) (*Incoming, error) {
	return open(inAnswer, contentType, body, lim)
}

func open(side, contentType string, body io.Reader, lim Limits) (*Incoming, error) {
	in := &Incoming{side: side, contentType: contentType}
	if contentType == ContentType { // as most are
		var err error
		in.envelope, err = in.readEnvelope(body, lim)
		if err != nil {
			return nil, err
		}
		return in, nil
	}
	if strings.TrimSpace(contentType) == "" {
		if side == inRequest {
			return nil, in.fail("invalid_request", "Could not get content type from request")
		}
		return nil, in.fail("invalid_content_type", "Could not get content type from response")
	}
	media, params, ok := mediaType(contentType)
	switch {
	case ok && soapMedia(media):
		envelope, err := in.readEnvelope(body, lim)
		if err != nil {
			return nil, err
		}
		in.envelope = envelope
		return in, nil
	case !ok || media != "multipart/related":
		return nil, in.fail("invalid_content_type", "Invalid content type: "+short(printable(contentType)))
	case !goodBoundary(params["boundary"]):
		return nil, in.fail("invalid_content_type", "Invalid content type: multipart without a usable boundary")
	}
	in.parts, in.ids = newParts(body, params["boundary"]), map[string]bool{}
	if err := in.openSOAPPart(lim); err != nil {
		return nil, err
	}
	return in, nil
}

// openSOAPPart reads the first part, which must be the SOAP part whatever the
// parameter start says. Its bytes are never transfer-decoded.
func (in *Incoming) openSOAPPart(lim Limits) error {
	if err := in.parts.skipPreamble(); err != nil {
		return in.known(err)
	}
	if !in.parts.more() {
		return in.known(errNoParts)
	}
	a, encoding, err := in.partHeader()
	if err != nil {
		return err
	}
	if media, _, ok := mediaType(a.ContentType); !ok || !soapMedia(media) {
		return in.fail("invalid_content_type", "Invalid content type: "+short(printable(a.ContentType)))
	}
	switch encoding {
	case "", "7bit", "8bit", "binary":
	default:
		return in.fail("invalid_soap", "Malformed SOAP message: the SOAP part must not have a transfer encoding")
	}
	in.envelope, err = in.readEnvelope(in.parts, lim)
	return err
}

// Envelope returns the bytes of the envelope as they came: the whole body of a
// plain message, the content of the first part of a multipart one without the
// line break before the boundary. requestHash covers exactly these bytes.
func (in *Incoming) Envelope() []byte { return in.envelope }

// Multipart tells whether the message is multipart/related, be it without any
// attachment.
func (in *Incoming) Multipart() bool { return in.parts != nil }

// ContentType returns the Content-Type of the message as it was given.
func (in *Incoming) ContentType() string { return in.contentType }

// Next returns the next attachment with its transfer encoding undone, io.EOF
// after the last one. The Body of the attachment before is no longer valid
// then; what was not read of it is skipped. A message that ends without its
// closing delimiter, a part without Content-Type, two parts with one
// Content-ID and a transfer encoding that is broken are a *Failure, in Next or
// while the Body is read.
func (in *Incoming) Next() (*Attachment, error) { return in.next(false) }

// NextRaw is Next without undoing the transfer encoding, for passing the part
// on as it came: WriteMessage repeats all its header fields and bytes.
func (in *Incoming) NextRaw() (*Attachment, error) { return in.next(true) }

func (in *Incoming) next(raw bool) (*Attachment, error) {
	if in.parts == nil {
		return nil, io.EOF
	}
	if in.err != nil {
		return nil, in.err
	}
	a, err := in.attachment(raw)
	in.err = err
	return a, err
}

func (in *Incoming) attachment(raw bool) (*Attachment, error) {
	if _, err := io.Copy(io.Discard, in.parts); err != nil {
		return nil, in.known(err)
	}
	if !in.parts.more() {
		return nil, io.EOF
	}
	a, encoding, err := in.partHeader()
	if err != nil {
		return nil, err
	}
	part := &partBody{in: in, number: in.count}
	a.Body, a.raw = part, raw
	if !raw {
		if a.Body, err = in.decoded(part, encoding); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// partHeader reads the header of a part and checks what every part must have.
func (in *Incoming) partHeader() (a *Attachment, encoding string, err error) {
	if in.count++; in.count > maxParts {
		return nil, "", in.broken(fmt.Sprintf("the message has more than %d parts", maxParts))
	}
	fields, err := in.parts.header()
	if err != nil {
		return nil, "", in.known(err)
	}
	a = &Attachment{Header: fields}
	seen := map[string]bool{}
	for _, f := range fields {
		name := strings.ToLower(f.Name)
		switch name {
		case "content-type":
			a.ContentType = f.Value
		case "content-id":
			a.ContentID = bareID(f.Value)
		case "content-transfer-encoding":
			encoding = strings.ToLower(f.Value)
		default:
			continue
		}
		if seen[name] {
			return nil, "", in.broken("a part has the field " + name + " twice")
		}
		seen[name] = true
	}
	if a.ContentType == "" {
		return nil, "", in.fail("invalid_content_type", "Could not get content type for part")
	}
	if a.ContentID != "" {
		if in.ids[a.ContentID] {
			return nil, "", in.broken("two parts have the same Content-ID")
		}
		in.ids[a.ContentID] = true
	}
	return a, encoding, nil
}

func (in *Incoming) readEnvelope(r io.Reader, lim Limits) ([]byte, error) {
	most := lim.orDefaults().Bytes
	b, err := readAll(io.LimitReader(r, int64(most)+1), announced(r, most))
	if err != nil {
		return nil, in.known(err)
	}
	if len(b) > most {
		return nil, in.fail("invalid_soap", fmt.Sprintf("Malformed SOAP message: larger than %d bytes", most))
	}
	return b, nil
}

// announced is how many bytes r says that it has, at most as many as are taken.
// Bodies of HTTP know it.
func announced(r io.Reader, most int) int {
	if a, ok := r.(interface{ Announced() int64 }); ok {
		return int(min(max(a.Announced(), 0), int64(most)))
	}
	return 0
}

// readAll is io.ReadAll with room for n bytes from the beginning, so that what
// was announced rightly is held once.
func readAll(r io.Reader, n int) ([]byte, error) {
	if n == 0 {
		return io.ReadAll(r)
	}
	// One byte more finds the end without another read.
	b := make([]byte, n+1)
	got, err := io.ReadFull(r, b)
	switch err {
	case nil:
		rest, err := io.ReadAll(r)
		return append(b, rest...), err
	case io.EOF, io.ErrUnexpectedEOF:
		return b[:got], nil
	}
	return nil, err
}

func (in *Incoming) fail(what, message string) error {
	code := in.side + what
	return &Failure{Kind: Classify(code), Code: code, Message: message}
}

// broken is a message that is not proper MIME. A Security Server names the
// provider's by what it lacks, an answer.
func (in *Incoming) broken(message string) error {
	if in.side == inRequest {
		return in.fail("mime_parsing_failed", "Malformed multipart message: "+message)
	}
	return in.fail("invalid_message", "Malformed multipart message: "+message)
}

// known turns a defect that the reader of parts found into a failure; other
// errors are those of the body and stay as they are.
func (in *Incoming) known(err error) error {
	var defect mimeError
	switch {
	case errors.Is(err, errNoParts) && in.side == inRequest:
		return in.fail("missing_soap", "Request does not contain SOAP message")
	case errors.Is(err, errNoParts):
		return in.fail("invalid_message", "Response does not contain SOAP message")
	case errors.As(err, &defect):
		return in.broken(string(defect))
	}
	return err
}

func soapMedia(media string) bool { return media == "text/xml" || media == "application/xop+xml" }

// bareID takes the angle brackets off a Content-ID.
func bareID(v string) string {
	if len(v) >= 2 && v[0] == '<' && v[len(v)-1] == '>' {
		return v[1 : len(v)-1]
	}
	return v
}
