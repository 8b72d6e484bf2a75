//go:build !linux || race

package sockets

import (
	"net"
	"syscall"
)

// Quick is c: the race detector learns from announced calls that what one side
// wrote before it sent was there for the other when it read, and other systems
// want theirs announced.
func Quick(c net.Conn) net.Conn { return c }

// Quiet tells whether an unused connection is still open and nothing has
// arrived on it. It does not wait.
func Quiet(c net.Conn) bool {
	s, ok := c.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false
	}
	var peeked error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, peeked = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && (peeked == syscall.EAGAIN || peeked == syscall.EWOULDBLOCK)
}
