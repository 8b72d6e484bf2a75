package xroad

import (
	"bufio"
	"net/http"
	"strings"
	"testing"
)

// plainHeads are heads that are read where they lie.
var plainHeads = []string{
	"HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 500 Internal Server Error\r\ncontent-length:7\r\nCONTENT-TYPE:\ttext/xml \r\nDate: x\r\n\r\n<a/>",
	"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n",
	"HTTP/1.1 599 \r\nContent-Length: 999999999999999\r\nConnection: Keep-Alive\r\nX:\r\n\r\n",
}

// strangeHeads are left to net/http, which knows the rules for them, or refuses
// them.
var strangeHeads = []string{
	"",
	"HTTP/1.1 200 OK\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n",
	"HTTP/1.1 200 OK\r\n\r\n",
	"HTTP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 100 Continue\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 204 No Content\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 304 Not Modified\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 600 X\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 2000 X\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 20x X\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1  200 OK\r\nContent-Length: 12\r\n\r\n",
	"http/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: +12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12, 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: \r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000000\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nConnection: close\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nTrailer: X\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX: a\r\n b\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length : 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\n: 12\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX Y: 12\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: 12\n\n\r\n\r\n",
	"HTTP/1.1 200 OK\nContent-Length: 12\r\n\r\n",
	"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n",
}

func TestPlainHeads(t *testing.T) {
	t.Parallel()
	for _, head := range plainHeads {
		if _, ok := plainHead([]byte(head)); !ok {
			t.Errorf("%q is not read", head)
		}
		asNetHTTP(t, head)
	}
	for _, head := range strangeHeads {
		if h, ok := plainHead([]byte(head)); ok {
			t.Errorf("%q is read as %+v", head, h)
		}
	}
}

// FuzzPlainHead looks for a head that is read in another way than net/http reads
// it.
func FuzzPlainHead(f *testing.F) {
	for _, head := range append(plainHeads, strangeHeads...) {
		f.Add(head)
	}
	f.Fuzz(func(t *testing.T, head string) { asNetHTTP(t, head) })
}

// asNetHTTP fails when plainHead takes what net/http refuses or understands
// differently.
func asNetHTTP(t *testing.T, head string) {
	t.Helper()
	h, ok := plainHead([]byte(head))
	if !ok {
		return
	}
	reader := bufio.NewReaderSize(strings.NewReader(head), 1<<20)
	resp, err := http.ReadResponse(reader, &http.Request{Method: http.MethodPost})
	switch {
	case err != nil:
		t.Fatalf("%q is read; net/http says %v", head, err)
	case resp.StatusCode != h.status, resp.ContentLength != h.length, len(resp.TransferEncoding) > 0, resp.Close, len(resp.Trailer) > 0:
		t.Fatalf("%q is read as %+v; net/http has %d, %d bytes, %v, closing %t", head, h, resp.StatusCode, resp.ContentLength, resp.TransferEncoding, resp.Close)
	case strings.Trim(resp.Header.Get("Content-Type"), " \t") != string(h.media):
		t.Fatalf("%q has the type %q; net/http has %q", head, h.media, resp.Header.Get("Content-Type"))
	case len(head)-reader.Buffered() != h.size:
		t.Fatalf("%q ends at %d; for net/http at %d", head, h.size, len(head)-reader.Buffered())
	}
}
