package sockets_test

import (
	"errors"
	"os"
	"testing"
	"time"
)

// A deadline that lies ahead ends what waits when it comes, whether it was set
// before or while that waits, and ends nothing once another has been set.
func TestDeadlinesThatLieAhead(t *testing.T) {
	t.Parallel()
	const soon = 10 * time.Millisecond
	a, b := pair(t)
	set := func(at time.Time) {
		t.Helper()
		if err := a.SetDeadline(at); err != nil {
			t.Fatal(err)
		}
	}
	read := func() error {
		_, err := a.Read(make([]byte, 1))
		return err
	}
	set(time.Now().Add(soon))
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("set before: %v", err)
	}
	// It has passed: what has arrived since is not read.
	if _, err := b.Write([]byte("12")); err != nil {
		t.Fatal(err)
	}
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("behind it: %v", err)
	}
	set(time.Time{})
	if err := read(); err != nil {
		t.Errorf("without one: %v", err)
	}
	// One that was only remembered passes all the same. (Those of plain
	// connections end reads when their timer has fired, a little later.)
	set(time.Now().Add(soon))
	<-time.After(10 * soon)
	if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("remembered: %v", err)
	}
	set(time.Now().Add(time.Hour))
	if err := read(); err != nil {
		t.Errorf("a later one: %v", err)
	}
	// One that was set for a read does not end the next, which has another.
	began, ended := waiting(a)
	<-began
	set(time.Now().Add(soon))
	if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("set while it waits: %v", err)
	}
	set(time.Now().Add(time.Hour))
	began, ended = waiting(a)
	<-began
	set(time.Time{})
	if _, err := b.Write([]byte("3")); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("taken back while it waits: %v", err)
	}
	c, _ := pair(t)
	if err := c.SetWriteDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 64<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("writing to who does not read: %v", err)
	}
}
