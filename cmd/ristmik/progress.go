package main

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// barWidth is the width of a progress bar, in characters.
const barWidth = 30

// progress shows how far something has come: on a terminal in one line that
// changes, elsewhere in a line for each change.
type progress struct {
	out      io.Writer
	terminal bool
	last     string
}

func newProgress(out io.Writer) *progress {
	p := &progress{out: out}
	if f, ok := out.(*os.File); ok {
		info, err := f.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// show tells that done of total is done; a total of 0 is not known.
func (p *progress) show(what string, done, total int64) {
	line := what
	switch {
	case total > 0:
		line = fmt.Sprintf("%s %d of %d", what, done, total)
		if p.terminal {
			full := int(min(done, total) * barWidth / total)
			line = fmt.Sprintf("%s [%s%s] %d of %d", what, strings.Repeat("#", full), strings.Repeat(".", barWidth-full), done, total)
		}
	case done > 0:
		line = fmt.Sprintf("%s %d", what, done)
	}
	if line == p.last {
		return
	}
	if p.terminal {
		fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, len(p.last)-len(line))))
	} else {
		fmt.Fprintln(p.out, line)
	}
	p.last = line
}

// end leaves the line.
func (p *progress) end() {
	if p.terminal && p.last != "" {
		fmt.Fprintln(p.out)
	}
}
