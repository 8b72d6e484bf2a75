package soap

import (
	"bufio"
	"bytes"
	"io"
	"strings"
)

// mimeError is a defect of the multipart structure.
type mimeError string

func (e mimeError) Error() string { return string(e) }

const (
	errNoParts   = mimeError("there are no parts")
	errTruncated = mimeError("the closing delimiter is missing")
)

// maxPadding is how much white space may follow a delimiter on its line.
const maxPadding = 64

// partReader cuts a multipart body at its delimiters. The reader of the standard
// library keeps neither the order nor the spelling of part headers. Lines may
// end in CRLF or LF; the line break before a delimiter belongs to it (RFC 2046
// 5.1.1). As a reader it gives the content of the current part.
type partReader struct {
	r     *bufio.Reader
	delim []byte // line feed, two dashes, boundary
	ready int    // bytes at the front of r's buffer that are content
	fresh bool   // nothing of the part was seen: its delimiter needs no line feed
	over  bool   // the delimiter behind the part was read
	last  bool   // and it was the closing one
}

func newParts(r io.Reader, boundary string) *partReader {
	return &partReader{r: bufio.NewReaderSize(r, 32<<10), delim: []byte("\n--" + boundary), fresh: true}
}

// skipPreamble goes to the first delimiter.
func (p *partReader) skipPreamble() error {
	n, err := io.Copy(io.Discard, io.LimitReader(p, maxPreamble+1))
	switch {
	case err == errTruncated:
		return errNoParts
	case err == nil && n > maxPreamble:
		return mimeError("too much stands before the first part")
	}
	return err
}

// more tells whether a part follows the delimiter that was read.
func (p *partReader) more() bool { return !p.last }

// header reads the header of the next part; its content is what Read gives.
func (p *partReader) header() ([]Field, error) {
	var fields []Field
	for size := 0; ; {
		line, err := p.r.ReadSlice('\n')
		size += len(line)
		switch {
		case size > maxPartHeader || err == bufio.ErrBufferFull:
			return nil, mimeError("the header of a part is too large")
		case err == io.EOF:
			return nil, errTruncated
		case err != nil:
			return nil, err
		}
		line = bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))
		if len(line) == 0 {
			p.fresh, p.over, p.ready = true, false, 0
			return fields, nil
		}
		if bytes.ContainsAny(line, "\x00\r") {
			return nil, mimeError("a part has a header with a control character")
		}
		if line[0] == ' ' || line[0] == '\t' {
			if len(fields) == 0 {
				return nil, mimeError("the header of a part begins with a folded line")
			}
			f := &fields[len(fields)-1]
			f.Value = strings.TrimSpace(f.Value + string(line))
			continue
		}
		name, value, ok := strings.Cut(string(line), ":")
		if name = strings.TrimRight(name, " \t"); !ok || !token(name) {
			return nil, mimeError("a part has a header line that is no field")
		}
		fields = append(fields, Field{name, strings.TrimSpace(value)})
	}
}

// Read reads content of the current part; io.EOF at its delimiter.
func (p *partReader) Read(b []byte) (int, error) {
	for p.ready == 0 {
		if p.over {
			return 0, io.EOF
		}
		if err := p.look(); err != nil {
			return 0, err
		}
	}
	n, err := p.r.Read(b[:min(len(b), p.ready)])
	p.ready -= n
	return n, err
}

// look finds out how much of what is buffered is content. Every byte is
// looked at once, however small the reads are; a delimiter is consumed only
// when it is at the front.
func (p *partReader) look() error {
	buf, err := p.r.Peek(len(p.delim) + maxPadding + 5)
	switch {
	case err == nil:
		buf, _ = p.r.Peek(p.r.Buffered())
	case err != io.EOF:
		return err
	}
	if p.fresh {
		p.fresh = false
		if bytes.HasPrefix(buf, p.delim[1:]) && p.delimiter(buf, len(p.delim)-1, err == io.EOF) {
			return nil
		}
	}
	at := bytes.Index(buf, p.delim)
	switch {
	case at < 0 && err == nil:
		// The rest may be the first bytes of a delimiter with its CR.
		p.ready = len(buf) - len(p.delim)
	case at < 0 && len(buf) == 0:
		return errTruncated
	case at < 0:
		p.ready = len(buf)
	case at > 1 || at == 1 && buf[0] != '\r':
		p.ready = at
		if buf[at-1] == '\r' {
			p.ready--
		}
	case !p.delimiter(buf, at+len(p.delim), err == io.EOF):
		p.ready = at + len(p.delim)
	}
	return nil
}

// delimiter consumes a delimiter whose boundary ends at the offset end of buf,
// or reports that it is none because its line goes on.
func (p *partReader) delimiter(buf []byte, end int, eof bool) bool {
	rest := buf[end:]
	last := bytes.HasPrefix(rest, []byte("--"))
	if last {
		rest = rest[2:]
	}
	line := bytes.TrimLeft(rest, " \t")
	padding := len(rest) - len(line)
	rest = bytes.TrimPrefix(line, []byte("\r"))
	switch {
	case padding > maxPadding:
		return false
	case len(rest) > 0 && rest[0] == '\n':
		rest = rest[1:]
	case len(rest) == 0 && eof && last:
	default:
		return false
	}
	_, _ = p.r.Discard(len(buf) - len(rest)) // it is buffered
	p.over, p.last = true, last
	return true
}
