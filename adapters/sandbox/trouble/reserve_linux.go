package trouble

import (
	"net"
	"syscall"
)

// reserve keeps an address for us while nobody listens there: a socket that is
// bound and does not listen refuses connections, and the system gives its port
// to nobody who asks for any. It is best effort: without it the port could be
// lost while the door is shut, which opening it tells.
func reserve(address net.Addr) (release func()) {
	a, ok := address.(*net.TCPAddr)
	if !ok {
		return func() {}
	}
	family, to := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())})
	if v4 := a.IP.To4(); v4 != nil {
		family, to = syscall.AF_INET, &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(v4)}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	if syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1) == nil {
		syscall.Bind(fd, to)
	}
	return func() { syscall.Close(fd) }
}
