package authority

import (
	"errors"
	"io"
	"net/http"
	"time"

	"ristmik/adapters/consultation/files"
	"ristmik/soap"
)

// maxUnread is what is read behind an envelope though nobody wants it, in bytes:
// who sends it then gets to know why it is not taken.
const maxUnread = 64 << 20

// parts is a message that is read: its envelope, and the attachments that are
// still to come. It is for one goroutine.
type parts struct {
	in   *soap.Incoming
	body *metered
	w    http.ResponseWriter
}

// metered reads no more than is left.
type metered struct {
	from io.Reader
	left int64
}

// Read implements io.Reader.
func (m *metered) Read(b []byte) (int, error) {
	if m.left <= 0 {
		if n, err := m.from.Read(make([]byte, 1)); n == 0 && err != nil {
			return 0, err
		}
		return 0, refuse(codeInvalidRequest, "the message is too large")
	}
	n, err := m.from.Read(b[:min(int64(len(b)), m.left)])
	m.left -= int64(n)
	return n, err
}

// open begins to read a message.
func (p *Provider) open(w http.ResponseWriter, r *http.Request, contentType string) (*parts, error) {
	out := &parts{w: w, body: &metered{r.Body, int64(p.o.Limits.Bytes) + maxUnread}}
	var err error
	if out.in, err = soap.OpenRequest(contentType, out.body, p.o.Limits); err != nil {
		return nil, unread(err)
	}
	return out, nil
}

// next is the next attachment, io.EOF behind the last one.
func (p *parts) next() (*soap.Attachment, error) {
	a, err := p.in.Next()
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, unread(err)
	}
	return a, err
}

// wanted gives the sender room and time for one file of up to size bytes; in
// base64 it is longer.
func (p *parts) wanted(size int64) {
	p.body.left += 2*size + 64<<10
	_ = http.NewResponseController(p.w).SetReadDeadline(time.Now().Add(files.Timeout(size)))
}

// done says that all has been read: answering may take its time.
func (p *parts) done() { _ = http.NewResponseController(p.w).SetReadDeadline(time.Time{}) }

// refused reads what is left of a message that is refused, so that its sender, who
// may still be sending, gets to know why: first that it is broken, if it is.
func (p *parts) refused(err error) error {
	if p == nil {
		return err
	}
	if broken, ok := technical(p.skip(nil)); ok && broken.Code != codeInvalidRequest {
		return broken
	}
	return err
}

// skip reads a and what is left behind it; without a, only that.
func (p *parts) skip(a *soap.Attachment) error {
	for {
		if a != nil {
			if _, err := io.Copy(io.Discard, a.Body); err != nil {
				return unread(err)
			}
		}
		var err error
		if a, err = p.next(); errors.Is(err, io.EOF) {
			p.done()
			return nil
		} else if err != nil {
			return err
		}
	}
}
