// Package wire is a small HTTP/1.1 server that keeps what net/http forgets: the
// order and the spelling of header fields in both directions, and the request
// target as it came. X-Road fixes the order of its response headers (PR-REST
// 4.3) and hashes the request headers as they were sent, so a Security Server
// cannot be built on a map of canonical names.
//
// Messages are kept whole, as a Security Server does before it signs: in memory,
// but for long multipart messages, which are kept in a file.
package wire

import (
	"bytes"
	"context"
	"crypto/x509"
	"io"
	"net"
	"strings"
)

// Field is one header field as it stands in the message.
type Field struct{ Name, Value string }

// Fields are the header fields of a message in their order. Names are compared
// without regard to case.
type Fields []Field

// Has says whether a field of that name is there.
func (f Fields) Has(name string) bool {
	_, ok := f.Last(name)
	return ok
}

// Get returns the value of the first field of that name, "" when there is none.
func (f Fields) Get(name string) string {
	for _, h := range f {
		if strings.EqualFold(h.Name, name) {
			return h.Value
		}
	}
	return ""
}

// Last returns the value of the last field of that name.
func (f Fields) Last(name string) (string, bool) {
	for i := len(f) - 1; i >= 0; i-- {
		if strings.EqualFold(f[i].Name, name) {
			return f[i].Value, true
		}
	}
	return "", false
}

// Values returns the values of all fields of that name in order.
func (f Fields) Values(name string) []string {
	var values []string
	for _, h := range f {
		if strings.EqualFold(h.Name, name) {
			values = append(values, h.Value)
		}
	}
	return values
}

// Without returns the fields whose name is none of names, in order.
func (f Fields) Without(names ...string) Fields {
	kept := make(Fields, 0, len(f))
	for _, h := range f {
		if !named(h.Name, names) {
			kept = append(kept, h)
		}
	}
	return kept
}

func named(name string, names []string) bool {
	for _, n := range names {
		if strings.EqualFold(name, n) {
			return true
		}
	}
	return false
}

// Request is one request: Target is the request target as it stood in the
// request line, still percent-encoded; TooLarge says that the body was longer
// than the server takes, in which case Body is empty. Secure says that it came
// over TLS, Certificate is the one that the client offered there, nil when none.
// A multipart/related body that is too long for memory is in Long instead of
// Body; it is good until the answer has been written.
type Request struct {
	Method, Target string
	Fields         Fields
	Body           []byte
	Long           *Spool
	TooLarge       bool
	Secure         bool
	Certificate    *x509.Certificate
}

// Open reads the body, wherever it is kept.
func (r *Request) Open() io.Reader {
	if r.Long != nil {
		return r.Long.From(0)
	}
	return bytes.NewReader(r.Body)
}

// Response is one answer. An empty Reason means the usual one for Status. The
// server adds Date and the framing (Transfer-Encoding, Connection) itself. Rest,
// where it is set, is streamed after Body; Done, where it is set, is called when
// nothing is needed of the answer any more.
//
// Send, when set, writes the message instead of the server: it gets the
// connection and the bytes that would have been written, may write what it
// likes, and closes the connection by an error.
type Response struct {
	Status int
	Reason string
	Fields Fields
	Body   []byte
	Rest   io.Reader
	Done   func()
	Send   func(ctx context.Context, c net.Conn, message []byte) error
}
