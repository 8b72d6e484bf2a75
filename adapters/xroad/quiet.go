package xroad

import (
	"crypto/tls"
	"net"

	"ristmik/adapters/web/sockets"
)

// quiet tells whether an unused connection is still open and nothing has
// arrived on it: a server that closes it, or speaks unasked, has had enough of
// it. It does not wait. A request sent over a closed connection would have an
// unknown result.
func quiet(c net.Conn) bool {
	if counting, ok := c.(*countingConn); ok {
		c = counting.Conn
	}
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return sockets.Quiet(c)
}
