package trouble

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"

	"ristmik/adapters/sandbox/wire"
)

// delivery is how the bytes of an answer leave.
type delivery struct {
	t             *Troubles
	first, middle []*armed // the delays before the answer and in the middle of its body
	cutAt         string   // AtAnswer, AtBody, or "" for not at all
	reset         bool
	drip          *armed
	page          int // the status of a bare page that goes out instead
}

func (d *delivery) needed() bool {
	return len(d.first) > 0 || len(d.middle) > 0 || d.cutAt != "" || d.drip != nil || d.page != 0
}

// send is the Send of a [wire.Response].
func (d *delivery) send(ctx context.Context, c net.Conn, message []byte) error {
	attended, stop := wire.Attended(ctx)
	defer stop()
	if err := d.rest(attended, d.first); err != nil {
		return err
	}
	if d.cutAt == AtAnswer {
		return cut(c, d.reset)
	}
	if d.page != 0 {
		return sendPage(c, d.page)
	}
	half := middleOf(message)
	if err := d.write(attended, c, message[:half]); err != nil {
		return err
	}
	if err := d.rest(attended, d.middle); err != nil {
		return err
	}
	if d.cutAt == AtBody {
		return cut(c, d.reset)
	}
	return d.write(attended, c, message[half:])
}

func (d *delivery) rest(ctx context.Context, delays []*armed) error {
	for _, a := range delays {
		if err := d.t.wait(ctx, a, a.Fault.Delay); err != nil {
			return err
		}
	}
	return nil
}

func (d *delivery) write(ctx context.Context, c net.Conn, data []byte) error {
	if d.drip == nil {
		_, err := c.Write(data)
		return err
	}
	for len(data) > 0 {
		n := min(d.drip.Fault.Bytes, len(data))
		if _, err := c.Write(data[:n]); err != nil {
			return err
		}
		if data = data[n:]; len(data) == 0 {
			break
		}
		if err := d.t.wait(ctx, d.drip, d.drip.Fault.Delay); err != nil {
			return err
		}
	}
	return nil
}

// middleOf is the middle of the body of a message; of a message without one it
// is the middle of its head.
func middleOf(message []byte) int {
	head := bytes.Index(message, []byte("\r\n\r\n")) + len("\r\n\r\n")
	if head >= len(message) {
		return len(message) / 2
	}
	return head + (len(message)-head)/2
}

// cut ends a connection, with a reset if wanted.
func cut(c net.Conn, reset bool) error {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if t, ok := c.(*net.TCPConn); ok && reset {
		t.SetLinger(0)
		t.Close()
	}
	return errCut
}

// sendPage writes the page of an HTTP layer that never came to X-Road, and ends
// the connection as such layers do.
func sendPage(c net.Conn, status int) error {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	body := "<html><head><title>" + text + "</title></head><body><h1>" + text + "</h1></body></html>\n"
	_, err := fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Type: text/html;charset=iso-8859-1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", text, len(body), body)
	if err != nil {
		return err
	}
	return errCut
}
