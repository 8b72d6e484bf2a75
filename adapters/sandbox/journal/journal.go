// Package journal is an append-only file of JSON lines that survives the death
// of the process at any moment: what was waited for is on the disk, and a line
// that was being written when the process died is cut off at the next start.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
)

// ErrClosed is what a wait ends with when the journal was closed before the
// line was on the disk.
var ErrClosed = errors.New("the journal is closed")

// Journal takes lines from many goroutines and syncs them together: one fsync
// serves everybody who is waiting. A nil *Journal keeps nothing and is always
// done, for worlds that live in memory only.
type Journal struct {
	file *os.File

	mu      sync.Mutex
	wake    *sync.Cond
	buffer  []byte
	waiting []chan error
	failed  error // sticky: after a write that went wrong nothing later may be acknowledged
	done    chan struct{}
}

// Ticket is one line under way to the disk.
type Ticket struct{ done <-chan error }

// Wait returns when the line is on the disk (nil) or cannot get there.
func (t Ticket) Wait() error {
	if t.done == nil {
		return nil
	}
	return <-t.done
}

// Open opens or makes the journal at path and hands every line in it to replay,
// in order. A last line without its end is cut off; any other line that is not
// JSON, or that replay refuses, is an error that names the line. So is a
// journal that another process has open.
func Open(path string, replay func(line json.RawMessage) error) (*Journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("making the journal's directory: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	// Two processes would write between one another's lines.
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("the journal %s is in use by another process", path)
	}
	if err := read(file, replay); err != nil {
		file.Close()
		return nil, fmt.Errorf("reading the journal %s: %w", path, err)
	}
	if err := syncDirectory(filepath.Dir(path)); err != nil {
		file.Close()
		return nil, err
	}
	j := &Journal{file: file, done: make(chan struct{})}
	j.wake = sync.NewCond(&j.mu)
	go j.write()
	return j, nil
}

func read(file *os.File, replay func(json.RawMessage) error) error {
	r := bufio.NewReader(file)
	var whole int64
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				return file.Truncate(whole)
			}
			return nil
		}
		whole += int64(len(line))
		line = bytes.TrimSpace(line)
		if !json.Valid(line) {
			return fmt.Errorf("line %d is not JSON", n)
		}
		if err := replay(line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
}

// syncDirectory makes the file's name as durable as its content.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("opening the journal's directory: %w", err)
	}
	defer d.Close()
	if err := d.Sync(); err != nil {
		return fmt.Errorf("syncing the journal's directory: %w", err)
	}
	return nil
}

// Append puts record at the end as one line. The order of calls is the order of
// lines, so a caller that holds a lock while it changes its memory and appends
// gets a journal that replays to the same memory. Acknowledge nothing before
// the ticket's Wait returned nil.
func (j *Journal) Append(record any) Ticket {
	if j == nil {
		return Ticket{}
	}
	done := make(chan error, 1)
	line, err := json.Marshal(record)
	if err != nil {
		done <- fmt.Errorf("writing a journal line: %w", err)
		return Ticket{done}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.failed != nil {
		done <- j.failed
		return Ticket{done}
	}
	j.buffer = append(append(j.buffer, line...), '\n')
	j.waiting = append(j.waiting, done)
	j.wake.Signal()
	return Ticket{done}
}

func (j *Journal) write() {
	defer close(j.done)
	for {
		j.mu.Lock()
		for len(j.waiting) == 0 && j.failed == nil {
			j.wake.Wait()
		}
		data, waiting, failed := j.buffer, j.waiting, j.failed
		j.buffer, j.waiting = nil, nil
		j.mu.Unlock()
		if len(waiting) == 0 {
			return
		}
		err := failed
		if err == nil || errors.Is(err, ErrClosed) {
			// A closing journal still brings home what was handed to it.
			if _, err = j.file.Write(data); err == nil {
				err = j.file.Sync()
			}
		}
		if err != nil {
			err = fmt.Errorf("writing the journal: %w", err)
			j.mu.Lock()
			j.failed = err
			j.mu.Unlock()
		}
		for _, done := range waiting {
			done <- err
		}
	}
}

// Close brings what was appended to the disk and closes the file.
func (j *Journal) Close() error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	failed := j.failed
	if failed == nil {
		j.failed = ErrClosed
	}
	j.wake.Signal()
	j.mu.Unlock()
	<-j.done
	if errors.Is(failed, ErrClosed) {
		return nil
	}
	return errors.Join(failed, j.file.Close())
}

// Abort closes the file at once; what was appended and not yet waited for may
// be lost, as when the process dies.
func (j *Journal) Abort() {
	if j == nil {
		return
	}
	j.mu.Lock()
	waiting := j.waiting
	j.buffer, j.waiting = nil, nil
	if j.failed == nil {
		j.failed = ErrClosed
	}
	j.wake.Signal()
	j.mu.Unlock()
	j.file.Close()
	for _, done := range waiting {
		done <- ErrClosed
	}
	<-j.done
}
