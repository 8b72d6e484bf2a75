package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// ErrTooLarge is a body that is longer than is taken.
var ErrTooLarge = errors.New("the body is longer than is taken")

// Spool keeps a body: a short one in memory, a long one in a file without a
// name, which is gone once it is closed. It can be read many times, by many
// goroutines.
type Spool struct {
	memory []byte
	file   *os.File
	size   int64
}

// NewSpool reads r to its end. More than memory bytes go to a file, more than
// most are [ErrTooLarge]; other errors are those of r or of the file.
func NewSpool(r io.Reader, memory, most int64) (*Spool, error) {
	head, err := io.ReadAll(io.LimitReader(r, memory+1))
	if err != nil {
		return nil, err
	}
	if int64(len(head)) <= memory {
		return &Spool{memory: head, size: int64(len(head))}, nil
	}
	file, err := os.CreateTemp("", "ristmik-sandbox-")
	if err != nil {
		return nil, fmt.Errorf("keeping a long body: %w", err)
	}
	s := &Spool{file: file}
	if err := os.Remove(file.Name()); err != nil {
		s.Close()
		return nil, fmt.Errorf("keeping a long body: %w", err)
	}
	s.size, err = io.Copy(file, io.LimitReader(io.MultiReader(bytes.NewReader(head), r), most+1))
	if err == nil && s.size > most {
		err = ErrTooLarge
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Size is the length of the body in bytes.
func (s *Spool) Size() int64 { return s.size }

// From reads the body from an offset to its end.
func (s *Spool) From(offset int64) io.Reader {
	if s.file == nil {
		return bytes.NewReader(s.memory[offset:])
	}
	return io.NewSectionReader(s.file, offset, s.size-offset)
}

// Close lets go of the file, if there is one.
func (s *Spool) Close() {
	if s.file != nil {
		s.file.Close()
	}
}
