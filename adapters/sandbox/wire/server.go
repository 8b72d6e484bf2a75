package wire

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// headLimit is the size of request line and headers that Jetty takes by
// default.
const headLimit = 8 << 10

// Handler answers one request. It is called from many goroutines; ctx ends when
// the server is closed, not when the client goes away, because a Security
// Server does not reliably cancel the provider's call either.
type Handler func(ctx context.Context, r *Request) *Response

// longMemory is how much of a multipart/related body is kept in memory, in bytes.
const longMemory = 1 << 20

// Options of a [Server]. MaxBody and, for multipart/related bodies, MaxLong are
// in bytes; with MaxLong zero MaxBody counts for all. Idle is how long a connection may
// wait for its next request, Read how long a request may take to arrive.
// Connected, when set, is asked before anything of a new connection is read; its
// error closes the connection.
type Options struct {
	MaxBody    int64
	MaxLong    int64
	Idle, Read time.Duration
	Connected  func(ctx context.Context, c net.Conn) error
	Now        func() time.Time
	Log        *slog.Logger
}

// Server serves one listener until it is closed.
type Server struct {
	handler Handler
	o       Options
	ln      net.Listener
	ctx     context.Context
	cancel  context.CancelFunc
	wg      sync.WaitGroup

	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]bool // the value says whether the connection is idle
}

// Serve starts answering the connections of ln and returns at once. The server
// owns the listener from here on; a listener of crypto/tls makes it an HTTPS
// server.
func Serve(ctx context.Context, ln net.Listener, h Handler, o Options) *Server {
	s := &Server{handler: h, o: o, ln: ln, conns: map[net.Conn]bool{}}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.wg.Go(s.accept)
	return s
}

// Close takes no more requests, waits for those under way until ctx ends, and
// then cuts what is left.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.DropIdle()
	err := s.ln.Close()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.Abort()
		<-done
		err = ctx.Err()
	}
	s.cancel()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// DropIdle closes the connections on which nothing is under way.
func (s *Server) DropIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, idle := range s.conns {
		if idle {
			c.Close()
		}
	}
}

// Abort cuts every connection at once, as when the machine goes down.
func (s *Server) Abort() {
	s.cancel()
	s.ln.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
}

func (s *Server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			if !errors.Is(err, net.ErrClosed) {
				s.o.Log.Error("taking connections", "listener", s.ln.Addr().String(), "error", err)
			}
			return
		}
		if !s.mark(c, true) {
			c.Close()
			return
		}
		s.wg.Go(func() { s.serve(c) })
	}
}

// mark notes whether c is idle; false means that the server is closing and c
// must not go on.
func (s *Server) mark(c net.Conn, idle bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.conns[c] = idle
	return true
}

func (s *Server) serve(c net.Conn) {
	defer func() {
		if p := recover(); p != nil {
			s.o.Log.Error("answering a request", "panic", fmt.Sprint(p))
		}
		c.Close()
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
	}()
	if s.o.Connected != nil && s.o.Connected(s.ctx, c) != nil {
		return
	}
	r, w := bufio.NewReaderSize(c, headLimit), bufio.NewWriter(c)
	ctx := withWatcher(s.ctx, c, r)
	for {
		c.SetReadDeadline(time.Now().Add(s.o.Idle))
		if _, err := r.Peek(1); err != nil || !s.mark(c, false) {
			return
		}
		c.SetReadDeadline(time.Now().Add(s.o.Read))
		target, fields, err := peekHead(r)
		if errors.Is(err, bufio.ErrBufferFull) {
			status := http.StatusRequestHeaderFieldsTooLarge
			if head, _ := r.Peek(r.Buffered()); !bytes.Contains(head, []byte("\n")) {
				status = http.StatusRequestURITooLong
			}
			s.refuse(w, status)
			return
		} else if err != nil {
			return
		}
		hr, err := http.ReadRequest(r)
		if err != nil {
			s.refuse(w, http.StatusBadRequest)
			return
		}
		if strings.EqualFold(fields.Get("Expect"), "100-continue") {
			fmt.Fprint(w, "HTTP/1.1 100 Continue\r\n\r\n")
			if w.Flush() != nil {
				return
			}
		}
		req := &Request{Method: hr.Method, Target: target, Fields: fields}
		req.Secure, req.Certificate = secured(c)
		if err := s.readBody(c, req, hr.Body); err != nil {
			return
		}
		last := hr.Close || req.TooLarge || !hr.ProtoAtLeast(1, 1)
		if s.answer(ctx, c, w, hr, req, last) != nil || last || !s.mark(c, true) {
			return
		}
	}
}

// readBody reads the whole body; what arrives without a pause may take as long
// as it needs.
func (s *Server) readBody(c net.Conn, req *Request, body io.Reader) error {
	memory, most := s.o.MaxBody, s.o.MaxBody
	contentType, _, _ := strings.Cut(req.Fields.Get("Content-Type"), ";")
	if s.o.MaxLong > 0 && strings.EqualFold(strings.TrimSpace(contentType), "multipart/related") {
		memory, most = longMemory, s.o.MaxLong
	}
	spool, err := NewSpool(arriving{body, c, s.o.Read}, memory, most)
	switch {
	case errors.Is(err, ErrTooLarge):
		req.TooLarge = true
		return nil
	case err != nil:
		return err
	case spool.file != nil:
		req.Long = spool
	default:
		req.Body = spool.memory
	}
	return nil
}

// arriving gives every read of a body its own time.
type arriving struct {
	io.Reader
	c     net.Conn
	pause time.Duration
}

func (a arriving) Read(b []byte) (int, error) {
	a.c.SetReadDeadline(time.Now().Add(a.pause))
	return a.Reader.Read(b)
}

// answer has the request handled and writes the answer.
func (s *Server) answer(ctx context.Context, c net.Conn, w *bufio.Writer, hr *http.Request, req *Request, last bool) error {
	if req.Long != nil {
		defer req.Long.Close()
	}
	resp := s.handler(ctx, req)
	if resp.Done != nil {
		defer resp.Done()
	}
	if resp.Send != nil {
		var message bytes.Buffer
		if err := s.write(bufio.NewWriter(&message), hr, resp, last); err != nil {
			return err
		}
		return resp.Send(ctx, c, message.Bytes())
	}
	return s.write(w, hr, resp, last)
}

// secured says whether a connection is TLS, and which certificate its client
// offered. The handshake is over by then: a request has been read.
func secured(c net.Conn) (bool, *x509.Certificate) {
	t, ok := c.(*tls.Conn)
	if !ok {
		return false, nil
	}
	if offered := t.ConnectionState().PeerCertificates; len(offered) > 0 {
		return true, offered[0]
	}
	return true, nil
}

// refuse writes the bare page of an HTTP layer: nothing of X-Road in it.
func (s *Server) refuse(w *bufio.Writer, status int) {
	text := http.StatusText(status)
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", status, text, len(text), text)
	w.Flush()
}

func (s *Server) write(w *bufio.Writer, r *http.Request, resp *Response, last bool) error {
	reason := resp.Reason
	if reason == "" {
		reason = http.StatusText(resp.Status)
	}
	fmt.Fprintf(w, "HTTP/1.1 %d %s\r\nDate: %s\r\n", resp.Status, clean(reason), s.o.Now().UTC().Format(http.TimeFormat))
	for _, f := range resp.Fields {
		fmt.Fprintf(w, "%s: %s\r\n", clean(f.Name), clean(f.Value))
	}
	if last {
		fmt.Fprint(w, "Connection: close\r\n")
	}
	bodiless := resp.Status == http.StatusNoContent || resp.Status == http.StatusNotModified || r.Method == http.MethodHead
	switch {
	case bodiless:
		fmt.Fprint(w, "\r\n")
	case r.ProtoAtLeast(1, 1):
		fmt.Fprint(w, "Transfer-Encoding: chunked\r\n\r\n")
		chunks := chunked{w}
		chunks.Write(resp.Body)
		if err := rest(chunks, resp); err != nil {
			return err
		}
		fmt.Fprint(w, "0\r\n\r\n")
	case resp.Rest != nil: // HTTP/1.0: the end of the connection is the end of the body
		fmt.Fprint(w, "\r\n")
		w.Write(resp.Body)
		if err := rest(w, resp); err != nil {
			return err
		}
	default:
		fmt.Fprintf(w, "Content-Length: %d\r\n\r\n", len(resp.Body))
		w.Write(resp.Body)
	}
	return w.Flush()
}

func rest(w io.Writer, resp *Response) error {
	if resp.Rest == nil {
		return nil
	}
	_, err := io.Copy(w, resp.Rest)
	return err
}

// chunked writes each write as a chunk of its own.
type chunked struct{ w *bufio.Writer }

func (c chunked) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	fmt.Fprintf(c.w, "%x\r\n", len(b))
	c.w.Write(b)
	_, err := c.w.WriteString("\r\n")
	return len(b), err
}

// clean keeps a value that came from a provider from ending the header block.
func clean(s string) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(s)
}

// peekHead waits for the whole header block and reads the target and the fields
// in order and spelling without consuming anything, so that net/http can parse
// the request (and find what is wrong with it) afterwards. What net/http would
// refuse in a target, a broken percent sequence, is for X-Road to judge: it is
// shown another target of the same length.
func peekHead(r *bufio.Reader) (target string, fields Fields, err error) {
	for n := 1; ; n = r.Buffered() + 1 {
		if _, err := r.Peek(n); err != nil {
			return "", nil, err
		}
		head, _ := r.Peek(r.Buffered())
		end := bytes.Index(head, []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		lines := strings.Split(string(head[:end]), "\r\n")
		if _, rest, ok := strings.Cut(lines[0], " "); ok {
			target = rest[:max(0, strings.LastIndexByte(rest, ' '))]
			for i, c := range head[:len(lines[0])] {
				if c == '%' {
					head[i] = '-'
				}
			}
		}
		return target, fieldsOf(lines[1:]), nil
	}
}

// fieldsOf reads header lines; a folded line belongs to the one above it.
func fieldsOf(lines []string) Fields {
	var fields Fields
	for _, line := range lines {
		if folded := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"); folded && len(fields) > 0 {
			fields[len(fields)-1].Value += " " + strings.Trim(line, " \t")
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		fields = append(fields, Field{name, strings.Trim(value, " \t")})
	}
	return fields
}
