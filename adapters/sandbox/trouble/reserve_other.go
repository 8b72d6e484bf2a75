//go:build !linux

package trouble

import "net"

// reserve keeps an address only where the system has a way to.
func reserve(net.Addr) (release func()) { return func() {} }
