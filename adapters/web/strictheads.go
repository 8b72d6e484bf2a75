package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// StrictHeads is l for an HTTP/1.1 server that must not read a request in
// another way than the proxies before it do. net/http takes a request with both
// Content-Length and Transfer-Encoding, and header lines that are folded; both
// are how requests are smuggled (RFC 9112, 5.2, 6.1, 11.2). Such a request is
// answered with 400 and the end of the connection before the server sees the
// whole of it.
//
// With a config the connections are TLS; the handshake takes at most five
// seconds, and log is told of one that fails. Requests then have their TLS
// state, and HTTP/2 is not spoken.
func StrictHeads(l net.Listener, config *tls.Config, log *slog.Logger) net.Listener {
	return strictListener{l, config, log}
}

type strictListener struct {
	net.Listener
	config *tls.Config
	log    *slog.Logger
}

// Accept implements net.Listener.
func (l strictListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if l.config == nil {
		return &strictConn{Conn: conn}, nil
	}
	secure := tls.Server(conn, l.config)
	return &strictTLSConn{strictConn{Conn: secure}, secure, l.log}, nil
}

// handshakeTimeout is how long a caller may take to show who it is.
const handshakeTimeout = 5 * time.Second

// strictTLSConn tells the server its TLS state.
type strictTLSConn struct {
	strictConn
	tls *tls.Conn
	log *slog.Logger
}

// ConnectionState is asked for by net/http before it reads. A handshake that
// fails leaves an empty state, and reading fails with its error.
func (c *strictTLSConn) ConnectionState() tls.ConnectionState {
	ctx, cancel := context.WithTimeout(context.Background(), handshakeTimeout)
	defer cancel()
	if err := c.tls.HandshakeContext(ctx); err != nil {
		c.log.Warn("TLS handshake failed", "remote", c.RemoteAddr().String(), "error", err.Error())
	}
	return c.tls.ConnectionState()
}

const badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\nContent-Length: 16\r\n\r\n400 Bad Request\n"

var errRefused = errors.New("the request was refused")

// The places of a connection's stream of requests.
const (
	inHead = iota
	inBody
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	lost // the framing is broken; net/http finds the same and hangs up
)

// strictConn follows the requests that are read from it. It is read by one
// goroutine at a time, as net/http does.
type strictConn struct {
	net.Conn
	place  int
	left   int64 // bytes of a body or a chunk
	line   []byte
	lines  int // of this head
	length bool
	coding bool
	n      int64 // the Content-Length
	bad    atomic.Bool
}

// maxLine bounds what is kept of a line: net/http bounds whole heads.
const maxLine = 64 << 10

// Read implements net.Conn.
func (c *strictConn) Read(p []byte) (int, error) {
	if c.bad.Load() {
		return 0, errRefused
	}
	n, err := c.Conn.Read(p)
	c.follow(p[:n])
	if c.bad.Load() {
		_, _ = io.WriteString(c.Conn, badRequest) // whoever smuggles may have gone
		return 0, errRefused
	}
	return n, err
}

// Write implements net.Conn. Behind the refusal nothing follows: net/http may
// have seen half of the request and have an answer of its own.
func (c *strictConn) Write(p []byte) (int, error) {
	if c.bad.Load() {
		return 0, errRefused
	}
	return c.Conn.Write(p)
}

// CloseWrite lets net/http say the end and still hear what is on the way.
func (c *strictConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}

// follow walks over bytes that the server is about to get.
func (c *strictConn) follow(b []byte) {
	for len(b) > 0 && !c.bad.Load() && c.place != lost {
		if c.place == inBody || c.place == inChunk {
			n := min(c.left, int64(len(b)))
			b, c.left = b[n:], c.left-n
			if c.left == 0 {
				c.place = map[int]int{inBody: inHead, inChunk: inChunkEnd}[c.place]
			}
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			c.line = append(c.line, b...)
			if len(c.line) > maxLine {
				c.place = lost
			}
			return
		}
		line := string(append(c.line, b[:end]...))
		b, c.line = b[end+1:], c.line[:0]
		c.step(strings.TrimSuffix(line, "\r"))
	}
}

// step takes one line that is not content.
func (c *strictConn) step(line string) {
	switch c.place {
	case inHead:
		c.head(line)
	case inChunkSize:
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseInt(strings.TrimSpace(size), 16, 64)
		switch {
		case err != nil || n < 0:
			c.place = lost
		case n == 0:
			c.place = inTrailer
		default:
			c.place, c.left = inChunk, n
		}
	case inChunkEnd:
		c.place = inChunkSize
		if line != "" {
			c.place = lost
		}
	case inTrailer:
		if line == "" {
			c.place = inHead
		}
	}
}

// head takes one line of a head; an empty one ends it.
func (c *strictConn) head(line string) {
	if line == "" {
		if c.lines == 0 {
			return // net/http refuses it
		}
		switch {
		case c.coding && c.length:
			c.bad.Store(true)
		case c.coding:
			c.place = inChunkSize
		case c.n > 0:
			c.place, c.left = inBody, c.n
		}
		c.lines, c.length, c.coding, c.n = 0, false, false, 0
		return
	}
	if c.lines++; c.lines == 1 {
		return // the request line
	}
	if line[0] == ' ' || line[0] == '\t' {
		c.bad.Store(true)
		return
	}
	name, value, _ := strings.Cut(line, ":")
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "content-length":
		c.length = true
		n, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		if err != nil || n < 0 {
			c.place = lost
			return
		}
		c.n = n
	case "transfer-encoding":
		c.coding = true
	}
}
