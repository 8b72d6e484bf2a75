package soap

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime/quotedprintable"
)

// partBody is the content of one part as it came. It ends with the part: after
// Next it gives an error, not the bytes of another part.
type partBody struct {
	in     *Incoming
	number int
	err    error // what reading the part ended with
}

var errPartOver = errors.New("the attachment is no longer there: the next one was asked for")

func (p *partBody) Read(b []byte) (int, error) {
	if p.in.count != p.number {
		return 0, errPartOver
	}
	n, err := p.in.parts.Read(b)
	if err != nil && err != io.EOF {
		err = p.in.known(err)
	}
	p.err = err
	return n, err
}

// decoded undoes a transfer encoding (RFC 2045 6).
func (in *Incoming) decoded(part *partBody, encoding string) (io.Reader, error) {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return part, nil
	case "base64":
		return &decodedBody{part, base64.NewDecoder(base64.StdEncoding.Strict(), &padded{r: part})}, nil
	case "quoted-printable":
		return &decodedBody{part, quotedprintable.NewReader(&escaped{r: part})}, nil
	}
	return nil, in.broken("a part has an unknown transfer encoding")
}

// decodedBody tells errors of the encoding from errors of the part.
type decodedBody struct {
	part *partBody
	r    io.Reader
}

func (d *decodedBody) Read(b []byte) (int, error) {
	n, err := d.r.Read(b)
	switch {
	case err == nil || err == io.EOF:
		return n, err
	case d.part.err != nil && d.part.err != io.EOF:
		return n, d.part.err
	case d.part.in.count != d.part.number:
		return n, errPartOver
	}
	return n, d.part.in.broken("an attachment does not follow its transfer encoding")
}

// padded lets base64 through up to its padding and refuses what follows, which
// the decoder of the standard library takes for a new beginning when it comes
// in another read.
type padded struct {
	r    io.Reader
	seen bool
}

func (p *padded) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	rest := b[:n]
	if !p.seen {
		at := bytes.IndexByte(rest, '=')
		if at < 0 {
			return n, err
		}
		p.seen, rest = true, rest[at:]
	}
	if len(bytes.Trim(rest, "=\r\n")) > 0 {
		return 0, base64.CorruptInputError(0)
	}
	return n, err
}

// escaped lets quoted-printable through and refuses an equals sign that begins
// neither a pair of hexadecimal digits nor a soft line break; the decoder of
// the standard library takes it for itself.
type escaped struct {
	r     io.Reader
	state byte // 0, or what came behind an equals sign: '=' nothing yet, 'x' one digit, ' ' blanks, CR
}

func (e *escaped) Read(b []byte) (int, error) {
	n, err := e.r.Read(b)
	for _, c := range b[:n] {
		hex := c >= '0' && c <= '9' || c >= 'A' && c <= 'F' || c >= 'a' && c <= 'f'
		switch {
		case e.state == 0 && c == '=':
			e.state = '='
		case e.state == 0:
		case e.state == '=' && hex:
			e.state = 'x'
		case e.state == 'x' && hex, e.state != 'x' && c == '\n':
			e.state = 0
		case (e.state == '=' || e.state == ' ') && (c == ' ' || c == '\t'):
			e.state = ' '
		case (e.state == '=' || e.state == ' ') && c == '\r':
			e.state = '\r'
		default:
			return 0, errEscape
		}
	}
	return n, err
}

var errEscape = errors.New("an equals sign that escapes nothing")
