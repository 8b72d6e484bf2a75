// Package faulttest is a proxy between a client and a server of a test that does to their connections what networks do:
// it delays, drips, cuts off, resets, and swallows.
package faulttest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// Fault is what the proxy does to bytes that go from the server to the client. The zero value passes them on.
type Fault struct {
	// Piece is the most bytes that are passed on at a time; 0 means as they come.
	Piece int
	// Every is the pause before each piece.
	Every time.Duration
	// After is how many bytes of a connection pass before Then happens; counted from its beginning.
	After int
	// Then is what happens after that many bytes.
	Then Ending
}

// Ending is how a connection ends, or does not.
type Ending int

const (
	// Pass means that nothing happens.
	Pass Ending = iota
	// Reset cuts both sides off at once, with RST.
	Reset
	// Close ends both sides as if all had been said.
	Close
	// Blackhole keeps the connections open and lets nothing through any more.
	Blackhole
)

// Proxy listens on an address of its own and passes connections on to a server.
type Proxy struct {
	listener net.Listener
	network  string
	target   string

	mu    sync.Mutex
	fault Fault
	conns map[net.Conn]bool
	ended chan struct{}
	all   sync.WaitGroup
}

// NewProxy starts a proxy before the server at the given address ("tcp" or "unix"); it ends with the test.
func NewProxy(t testing.TB, network, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: l, network: network, target: target, conns: map[net.Conn]bool{}, ended: make(chan struct{})}
	p.all.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Addr is where clients connect.
func (p *Proxy) Addr() *net.TCPAddr { return p.listener.Addr().(*net.TCPAddr) }

// Set changes the fault, for connections that are open as well.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Cut resets all connections that are open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		reset(c)
	}
}

// Close ends the proxy and all connections, and waits for them.
func (p *Proxy) Close() {
	p.mu.Lock()
	select {
	case <-p.ended:
		p.mu.Unlock()
		return
	default:
	}
	close(p.ended)
	_ = p.listener.Close()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.all.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(p.network, p.target)
		if err != nil {
			reset(client)
			continue
		}
		if !p.keep(client, server) {
			return
		}
		var both sync.WaitGroup
		both.Go(func() { p.pass(server, client, false) })
		both.Go(func() { p.pass(client, server, true) })
		p.all.Go(func() {
			both.Wait()
			p.forget(client, server)
		})
	}
}

func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.ended:
		for _, c := range conns {
			_ = c.Close()
		}
		return false
	default:
	}
	for _, c := range conns {
		p.conns[c] = true
	}
	return true
}

func (p *Proxy) forget(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
		delete(p.conns, c)
	}
}

func (p *Proxy) current() Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault
}

// pass copies until one side ends; answer says that the bytes come from the server.
func (p *Proxy) pass(to, from net.Conn, answer bool) {
	buf := make([]byte, 32<<10)
	passed := 0
	for {
		n, err := from.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			f := p.current()
			piece := f.next(rest, passed, answer)
			if len(piece) == 0 { // nothing passes any more
				switch f.Then {
				case Reset:
					reset(to)
					reset(from)
					return
				case Close:
					_ = to.Close()
					_ = from.Close()
					return
				}
				break // swallowed
			}
			if answer && f.Every > 0 && !p.pause(f.Every) {
				return
			}
			if _, err := to.Write(piece); err != nil {
				reset(from)
				return
			}
			passed += len(piece)
			rest = rest[len(piece):]
		}
		switch {
		case err == nil:
		case p.current().Then == Blackhole:
			<-p.ended // the end is swallowed too
			return
		case errors.Is(err, io.EOF):
			closeWrite(to)
			return
		default:
			reset(to)
			return
		}
	}
}

// next is the piece of rest that may pass, after as many bytes have passed.
func (f Fault) next(rest []byte, passed int, answer bool) []byte {
	if !answer { // requests pass, but into a hole from the beginning
		if f.Then == Blackhole && f.After == 0 {
			return nil
		}
		return rest
	}
	if f.Then != Pass {
		rest = rest[:min(len(rest), max(0, f.After-passed))]
	}
	if f.Piece > 0 {
		rest = rest[:min(len(rest), f.Piece)]
	}
	return rest
}

// pause waits and says whether the proxy still works.
func (p *Proxy) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ended:
		return false
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

func closeWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = c.Close()
}
