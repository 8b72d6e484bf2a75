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
	// Head is the value with no more than the first 16 items of each array: what
	// can be known of the message without holding it all.
	Head map[string]any

	el       *contract.Element
	m        *soap.Message
	tolerant bool
}

// headItems is how many items of an array are held.
const headItems = 16

// ReadLarge reads the wrapper of a message as [DecodeMessage] does, or tolerant as
// [DecodeMessageTolerant], in memory that does not grow with the message.
func ReadLarge(el *contract.Element, m *soap.Message, tolerant bool) (*Large, Violations, error) {
	walk := wrapperOf(m)
	out := headSink{values: values{walk: walk}}
	strangers, err := decode(el, walk, &out, tolerant)
	if err != nil {
		return nil, strangers, err
	}
	head, _ := out.root.(map[string]any)
	return &Large{head, el, m, tolerant}, strangers, nil
}

// WriteTo writes the JSON text that [DecodeJSON] makes, piece by piece. The error
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

// headSink keeps the beginning of every array.
type headSink struct {
	values
	items   []int // of each array that is open and kept; -1 for an object
	skipped int   // values that are open and left out, in one another
}

// skip counts a value that comes and says whether it is left out.
func (h *headSink) skip() bool {
	if h.skipped > 0 {
		return true
	}
	last := len(h.items) - 1
	if last < 0 || h.items[last] < 0 {
		return false
	}
	h.items[last]++
	return h.items[last] > headItems
}

func (h *headSink) enter(container func(), items int) {
	if h.skip() {
		h.skipped++
		return
	}
	h.items = append(h.items, items)
	container()
}

func (h *headSink) leave(container func()) {
	if h.skipped > 0 {
		h.skipped--
		return
	}
	h.items = h.items[:len(h.items)-1]
	container()
}

func (h *headSink) beginObject() { h.enter(h.values.beginObject, -1) }
func (h *headSink) endObject()   { h.leave(h.values.endObject) }
func (h *headSink) beginArray()  { h.enter(h.values.beginArray, 0) }
func (h *headSink) endArray()    { h.leave(h.values.endArray) }

func (h *headSink) key(key string) {
	if h.skipped == 0 {
		h.values.key(key)
	}
}

func (h *headSink) text(value string) {
	if !h.skip() {
		h.values.text(value)
	}
}

func (h *headSink) number(value string) {
	if !h.skip() {
		h.values.number(value)
	}
}

func (h *headSink) bool(value bool) {
	if !h.skip() {
		h.values.bool(value)
	}
}

func (h *headSink) null() {
	if !h.skip() {
		h.values.null()
	}
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
