// Package sockets makes reading and writing of kept connections cheap, for the
// listeners, the client of the Security Server and the database.
//
// Go announces every system call to its scheduler, which then wakes its watcher
// thread when the process was idle. For a message of a few kilobytes on a socket
// that never blocks, the announcement costs more than the call: a fifth to a
// quarter of the CPU of an exchange (ristmik bench xroad). So the calls here go
// unannounced. What they can hold up is bounded: they never wait, and move at
// most [most] bytes, which is some tens of microseconds.
package sockets

import (
	"net"
)

// most bounds the bytes of one system call.
const most = 64 << 10

// Listen is l whose connections are [Quick].
func Listen(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept implements net.Listener.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return Quick(c), nil
}
