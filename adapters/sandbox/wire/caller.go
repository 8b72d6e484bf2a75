package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// answerHead is the size of the status line and the headers of an answer.
	answerHead = 64 << 10
	// idleLimit is how long a connection is kept without a call.
	idleLimit = 15 * time.Second
	// idleCount is how many idle connections are kept for one address.
	idleCount = 64
)

// Caller calls HTTP/1.1 servers and keeps the order and the spelling of header
// fields both ways. Nothing is ever sent twice, no redirect is followed, no
// content coding is undone. It is safe for many goroutines.
type Caller struct {
	// TLS is how https addresses are called.
	TLS *tls.Config

	mu   sync.Mutex
	idle map[string][]*link
}

// Call is one request: Target as it stands in the request line. With Body nil
// there is none; Length -1 sends it in chunks.
type Call struct {
	Method, Target string
	Fields         Fields
	Body           io.Reader
	Length         int64
}

// Answer is what came back. Body has to be read and closed; a connection whose
// answer was read to its end is used again.
type Answer struct {
	Status int
	Reason string
	Fields Fields
	Body   io.ReadCloser
}

// link is one connection to a server.
type link struct {
	net.Conn
	raw   net.Conn // beneath TLS
	r     *bufio.Reader
	since time.Time // idle since then
}

// Do sends a call to the server of an address, of which only scheme and host
// count. The context bounds the call until Body is closed.
func (c *Caller) Do(ctx context.Context, to *url.URL, call Call) (*Answer, error) {
	key := to.Scheme + "://" + to.Host
	l, err := c.link(ctx, key, to)
	if err != nil {
		return nil, err
	}
	// A context that ends makes every read and write end.
	stop := context.AfterFunc(ctx, func() { l.SetDeadline(time.Unix(1, 0)) })
	sent := make(chan error, 1)
	go func() { sent <- call.write(l, to.Host) }()
	a, keep, err := l.answer(call.Method)
	if err != nil {
		stop()
		l.Close()
		if failed := <-sent; failed != nil && errors.Is(err, io.EOF) {
			err = failed
		}
		return nil, err
	}
	a.Body = &answerBody{ReadCloser: a.Body, end: func(whole bool) {
		// A server that answers before it has the whole request has lost the thread.
		select {
		case failed := <-sent:
			if stop() && whole && keep && failed == nil && l.r.Buffered() == 0 {
				c.put(key, l)
				return
			}
			l.Close()
		default:
			stop()
			l.Close()
			<-sent
		}
	}}
	return a, nil
}

// Close lets go of the idle connections.
func (c *Caller) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, list := range c.idle {
		for _, l := range list {
			l.Close()
		}
	}
	c.idle = nil
}

func (c *Caller) put(key string, l *link) {
	l.since = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.idle == nil {
		c.idle = map[string][]*link{}
	}
	if len(c.idle[key]) >= idleCount {
		l.Close()
		return
	}
	c.idle[key] = append(c.idle[key], l)
}

// link takes the connection that was used last, as long as it lives, or makes
// one.
func (c *Caller) link(ctx context.Context, key string, to *url.URL) (*link, error) {
	for {
		c.mu.Lock()
		list := c.idle[key]
		if len(list) == 0 {
			c.mu.Unlock()
			break
		}
		l := list[len(list)-1]
		c.idle[key] = list[:len(list)-1]
		c.mu.Unlock()
		if time.Since(l.since) < idleLimit && quiet(l.raw) {
			return l, nil
		}
		l.Close()
	}
	address := to.Host
	if to.Port() == "" {
		address = net.JoinHostPort(to.Hostname(), map[string]string{"http": "80", "https": "443"}[to.Scheme])
	}
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn := raw
	if to.Scheme == "https" {
		config := c.TLS.Clone()
		config.ServerName = to.Hostname()
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return nil, err
		}
		conn = secure
	}
	return &link{Conn: conn, raw: raw, r: bufio.NewReaderSize(conn, answerHead)}, nil
}

// quiet says that nothing has come in on an idle connection: what comes then is
// its end.
func quiet(c net.Conn) bool {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	err = raw.Read(func(fd uintptr) bool {
		_, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = errors.Is(err, syscall.EAGAIN)
		return true
	})
	return err == nil && alive
}

func (call Call) write(l *link, host string) error {
	w := bufio.NewWriter(l)
	fmt.Fprintf(w, "%s %s HTTP/1.1\r\nHost: %s\r\n", call.Method, call.Target, host)
	for _, f := range call.Fields {
		fmt.Fprintf(w, "%s: %s\r\n", clean(f.Name), clean(f.Value))
	}
	switch {
	case call.Body == nil:
		fmt.Fprint(w, "\r\n")
	case call.Length >= 0:
		fmt.Fprintf(w, "Content-Length: %d\r\n\r\n", call.Length)
		if _, err := io.Copy(w, call.Body); err != nil {
			return err
		}
	default:
		fmt.Fprint(w, "Transfer-Encoding: chunked\r\n\r\n")
		if _, err := io.Copy(chunked{w}, call.Body); err != nil {
			return err
		}
		fmt.Fprint(w, "0\r\n\r\n")
	}
	return w.Flush()
}

// answer reads the head of an answer; those of 1xx are passed over.
func (l *link) answer(method string) (a *Answer, keep bool, err error) {
	for {
		fields, err := l.fields()
		if err != nil {
			return nil, false, err
		}
		resp, err := http.ReadResponse(l.r, &http.Request{Method: method})
		if err != nil {
			return nil, false, err
		}
		if resp.StatusCode >= 200 {
			reason := strings.TrimSpace(strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode)))
			return &Answer{Status: resp.StatusCode, Reason: reason, Fields: fields, Body: resp.Body}, !resp.Close, nil
		}
	}
}

// fields waits for the head of an answer and reads its fields without consuming
// anything.
func (l *link) fields() (Fields, error) {
	for n := 1; ; n = l.r.Buffered() + 1 {
		if _, err := l.r.Peek(n); err != nil {
			return nil, err
		}
		head, _ := l.r.Peek(l.r.Buffered())
		end := bytes.Index(head, []byte("\r\n\r\n"))
		if bare := bytes.Index(head, []byte("\n\n")); bare >= 0 && (end < 0 || bare < end) {
			end = bare
		}
		if end < 0 {
			continue
		}
		lines := strings.Split(string(head[:end]), "\n")
		for i := range lines {
			lines[i] = strings.TrimSuffix(lines[i], "\r")
		}
		return fieldsOf(lines[1:]), nil
	}
}

// answerBody tells once, at its closing, whether it was read to its end.
type answerBody struct {
	io.ReadCloser
	whole bool
	once  sync.Once
	end   func(whole bool)
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.whole = b.whole || errors.Is(err, io.EOF)
	return n, err
}

func (b *answerBody) Close() error {
	b.once.Do(func() { b.end(b.whole) })
	return nil
}
