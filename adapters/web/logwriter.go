package web

import (
	"io"
	"sync"
	"time"
)

const (
	// logDelay is how long lines of the log may wait for others.
	logDelay = 20 * time.Millisecond
	// logRoom is how many bytes of it may wait.
	logRoom = 32 << 10
)

// LogWriter writes lines to out, those of 20 ms at once: a write costs a busy
// process more than the line. It may be used by many goroutines at once, and has
// to be closed; what is written behind that is not held back any more. Lines that
// wait are lost with the process only where that is killed.
type LogWriter struct {
	out io.Writer

	mu     sync.Mutex
	lines  []byte
	timer  *time.Timer // that writes; nil before the first line
	armed  bool
	closed bool
	err    error // of a write that nobody waited for
}

// NewLogWriter returns a writer to out.
func NewLogWriter(out io.Writer) *LogWriter { return &LogWriter{out: out} }

// Write implements io.Writer. An error is that of an earlier line.
func (l *LogWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line...)
	switch {
	case l.closed || len(l.lines) >= logRoom:
		l.flush()
	case l.armed:
	case l.timer == nil:
		l.armed, l.timer = true, time.AfterFunc(logDelay, l.tick)
	default:
		l.armed = true
		l.timer.Reset(logDelay)
	}
	return len(line), l.err
}

func (l *LogWriter) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armed = false
	l.flush()
}

// flush writes what waits; l is locked.
func (l *LogWriter) flush() {
	if len(l.lines) > 0 {
		_, l.err = l.out.Write(l.lines)
		l.lines = l.lines[:0]
	}
}

// Close writes what waits.
func (l *LogWriter) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.flush()
	return l.err
}
