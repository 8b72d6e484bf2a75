package trouble

import (
	"net"
	"sync"
)

// Door is a listener that can be shut, so that connecting is refused, and opened
// again at the same address.
type Door struct {
	address net.Addr
	drop    func()

	mu      sync.Mutex
	ln      net.Listener // nil while the door is shut
	release func()       // lets go of the address that is reserved while it is shut
	changed chan struct{}
	closed  bool
}

// Door puts a door into ln, which it owns from here on.
func (t *Troubles) Door(ln net.Listener) *Door {
	d := &Door{address: ln.Addr(), ln: ln, drop: func() {}, changed: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.doors = append(t.doors, d)
	return d
}

// OnShut says what else has to happen when the door is shut, such as dropping
// idle connections.
func (d *Door) OnShut(drop func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop = drop
}

// Accept waits for a connection, also while the door is shut.
func (d *Door) Accept() (net.Conn, error) {
	for {
		d.mu.Lock()
		ln, changed, closed := d.ln, d.changed, d.closed
		d.mu.Unlock()
		switch {
		case closed:
			return nil, net.ErrClosed
		case ln == nil:
			<-changed
			continue
		}
		c, err := ln.Accept()
		if err == nil {
			return c, nil
		}
		d.mu.Lock()
		same := d.ln == ln
		d.mu.Unlock()
		if same {
			return nil, err
		}
	}
}

// Addr is the address, which is the same when the door opens again.
func (d *Door) Addr() net.Addr { return d.address }

// Close shuts the door for good.
func (d *Door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return net.ErrClosed
	}
	d.closed = true
	close(d.changed)
	if d.ln == nil {
		d.release()
		return nil
	}
	ln := d.ln
	d.ln = nil
	return ln.Close()
}

// set shuts or opens the door; one that is so already stays as it is.
func (d *Door) set(shut bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || shut == (d.ln == nil) {
		return nil
	}
	if shut {
		ln := d.ln
		d.ln = nil
		err := ln.Close()
		d.release = reserve(d.address)
		d.drop()
		return err
	}
	ln, err := net.Listen(d.address.Network(), d.address.String())
	if err != nil {
		return err
	}
	d.release()
	d.ln = ln
	close(d.changed)
	d.changed = make(chan struct{})
	return nil
}
