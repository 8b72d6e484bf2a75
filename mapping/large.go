package mapping

import (
	"io"

	"ristmik/soap"
	"ristmik/soap/contract"
)

// Large is a message that keeps to its contract and is not held as values: it is
// read from its bytes once more when its JSON text is written. It must not be used
// by two goroutines at once, and the message must not change.
type Large struct {
	el       *contract.Element
	m        *soap.Message
	tolerant bool
}

// ReadLarge reads the wrapper of a message as [AppendJSON] does, in memory that
// does not grow with the message.
func ReadLarge(el *contract.Element, m *soap.Message, o Reading) (*Large, Noted, Violations, error) {
	noted, strangers, err := read(el, wrapperOf(m), nothing{}, o)
	if err != nil {
		return nil, Noted{}, strangers, err
	}
	return &Large{el, m, o.Tolerant}, noted, strangers, nil
}

// WriteTo writes the JSON text that [AppendJSON] makes, piece by piece. The error
// is that of the writer.
func (l *Large) WriteTo(w io.Writer) (int64, error) {
	out := jsonStream{w: w}
	// It has been read before and keeps to the contract.
	if _, err := decode(l.el, wrapperOf(l.m), &out, l.tolerant); err != nil {
		return out.written, err
	}
	out.flush(0)
	return out.written, out.err
}

// jsonStream writes JSON text to a writer, some of it at a time.
type jsonStream struct {
	jsonWriter
	w       io.Writer
	written int64
	err     error
}

// streamed is how much text is gathered before it is written, in bytes.
const streamed = 32 << 10

// flush writes what is gathered but for the last bytes: what comes next may need
// to know them.
func (s *jsonStream) flush(keep int) {
	n := len(s.out) - keep
	if n <= 0 {
		return
	}
	if s.err == nil {
		var written int
		written, s.err = s.w.Write(s.out[:n])
		s.written += int64(written)
	}
	s.out = s.out[:copy(s.out, s.out[n:])]
}

func (s *jsonStream) key(key string) {
	if len(s.out) > streamed {
		s.flush(1)
	}
	s.jsonWriter.key(key)
}

func (s *jsonStream) endObject() {
	s.jsonWriter.endObject()
	if len(s.out) > streamed {
		s.flush(1)
	}
}

func (s *jsonStream) text(value string) {
	s.jsonWriter.text(value)
	if len(s.out) > streamed {
		s.flush(1)
	}
}
