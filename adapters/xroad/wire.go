package xroad

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// errHead is why a request cannot be written: what stands in it would make
// another request of it.
var errHead = errors.New("the request's head holds characters that it cannot")

// appendRequest appends the whole of an HTTP/1.1 request, whose length must be
// known, as net/http writes it. Nothing has been sent when it fails. The body is
// closed in any case.
func appendRequest(b []byte, req *http.Request) (_ []byte, err error) {
	defer func() { err = errors.Join(err, req.Body.Close()) }()
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	target := req.URL.RequestURI()
	if !token(req.Method) || !noBlank(target) || !noBlank(host) {
		return b, errHead
	}
	b = append(append(append(b, req.Method...), ' '), target...)
	b = append(append(b, " HTTP/1.1\r\nHost: "...), host...)
	b = append(b, "\r\n"...)
	var room [16]string
	names := room[:0]
	for name := range req.Header {
		if !slices.ContainsFunc(unsent, func(own string) bool { return strings.EqualFold(own, name) }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range req.Header[name] {
			if !token(name) || strings.ContainsAny(value, "\r\n\x00") {
				return b, errHead
			}
			b = append(append(b, name...), ": "...)
			b = append(append(b, strings.TrimSpace(value)...), "\r\n"...)
		}
	}
	if req.Close {
		b = append(b, "Connection: close\r\n"...)
	}
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, req.ContentLength, 10)
	b = append(b, "\r\n\r\n"...)
	head, end := len(b), len(b)+int(req.ContentLength)
	b = slices.Grow(b, int(req.ContentLength)+1)
	// One byte more than announced is asked for, which sees the end of the body.
	n, err := io.ReadFull(req.Body, b[head:end+1])
	if n != int(req.ContentLength) || err != io.ErrUnexpectedEOF {
		if err == nil || err == io.EOF || err == io.ErrUnexpectedEOF {
			err = fmt.Errorf("the body has not the %d bytes that were announced", req.ContentLength)
		}
		return b, err
	}
	return b[:end], nil
}

// unsent are the header fields that describe the connection, or that stand in
// the request elsewhere.
var unsent = []string{"Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection"}

// token tells whether s is a name in the sense of RFC 9110, 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// noBlank tells whether s has neither blanks nor control characters, which would
// end it.
func noBlank(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}
