package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxDepth is how deep objects and arrays of a request may nest, maxValues how
// many values they may hold.
const (
	maxDepth  = 64
	maxValues = 10_000
)

// bodyTimeout is how long a caller may take to send a body. It is set for each
// request and not on the server, where it would also cut event streams.
const bodyTimeout = 30 * time.Second

// ReadJSON reads the body of r, of limit bytes at most, and returns it when it
// is exactly one JSON document that means the same to every reader: declared
// as application/json, UTF-8 without byte order mark, no key twice in one
// object, at most 64 levels and 10,000 values, no text that the database cannot hold. Otherwise
// it returns the problem to answer with: 415, 413 or 400. It writes nothing.
func ReadJSON(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *Problem) {
	if p := checkContentType(r); p != nil {
		return nil, p
	}
	if r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every writer has one (tests)
	data, err := readBody(http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
	if err == nil {
		// Otherwise it stays, because the server reads on what the caller still
		// sends before it hangs up.
		_ = control.SetReadDeadline(time.Time{})
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge(limit)
	}
	if err != nil {
		return nil, malformed("The body could not be read to its end.")
	}
	if onePass(data) {
		return data, nil
	}
	if p := checkJSON(data); p != nil {
		return nil, p
	}
	return data, nil
}

func tooLarge(limit int64) *Problem {
	return &Problem{Type: TypeTooLarge, Status: http.StatusRequestEntityTooLarge, Detail: fmt.Sprintf("The body is larger than %d bytes.", limit)}
}

// mostAhead is how much room a body is given before its bytes have come.
const mostAhead = 64 << 10

// readBody reads a body that says to have so many bytes.
func readBody(body io.Reader, length int64) ([]byte, error) {
	if length < 0 || length > mostAhead {
		return io.ReadAll(body)
	}
	// One byte more finds the end without another read.
	data := make([]byte, length+1)
	n, err := io.ReadFull(body, data)
	if err == io.EOF || err == io.ErrUnexpectedEOF && int64(n) == length {
		err = nil
	}
	return data[:n], err
}

func checkContentType(r *http.Request) *Problem {
	if values := r.Header["Content-Type"]; len(values) == 1 && values[0] == "application/json" && len(r.Header["Content-Encoding"]) == 0 {
		return nil // as most say it
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err == nil && media == "application/json" && (charset == "" || strings.EqualFold(charset, "utf-8")) {
		if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
			return &Problem{Type: TypeMediaType, Status: http.StatusUnsupportedMediaType, Detail: "The body must not be compressed (Content-Encoding)."}
		}
		return nil
	}
	return &Problem{Type: TypeMediaType, Status: http.StatusUnsupportedMediaType, Detail: "Content-Type must be application/json in UTF-8."}
}

func malformed(detail string, fields ...FieldError) *Problem {
	return &Problem{Type: TypeMalformed, Status: http.StatusBadRequest, Detail: detail, Errors: fields}
}

func checkJSON(data []byte) *Problem {
	if bytes.HasPrefix(data, []byte("\xef\xbb\xbf")) {
		return malformed("The body starts with a byte order mark.")
	}
	if !utf8.Valid(data) {
		return malformed("The body is not valid UTF-8.")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return malformed("The body is empty.")
	}
	if !json.Valid(data) {
		return malformed(syntaxDetail(data))
	}
	if at := badEscape(data); at >= 0 {
		return malformed(fmt.Sprintf("A text at byte %d holds U+0000 or half of a surrogate pair.", at))
	}
	var errs []FieldError
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	values := 0
	if !walk(dec, "", 0, &values, &errs) {
		return malformed(fmt.Sprintf("The document nests deeper than %d levels or holds more than %d values.", maxDepth, maxValues))
	}
	if len(errs) > 0 {
		return malformed("An object has a key twice.", errs...)
	}
	return nil
}

// syntaxDetail says where the document stops being JSON, without its text.
func syntaxDetail(data []byte) string {
	dec := json.NewDecoder(bytes.NewReader(data))
	var first json.RawMessage
	err := dec.Decode(&first)
	if err == nil {
		return fmt.Sprintf("Something follows the JSON document after byte %d.", dec.InputOffset())
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Sprintf("The body is not JSON: error at byte %d.", syntax.Offset)
	}
	return "The body is not a complete JSON document."
}

// walk visits one value of a valid document, notes keys that an object has
// twice, and reports false when it nests too deep or has too many values.
func walk(dec *json.Decoder, path string, depth int, values *int, errs *[]FieldError) bool {
	if *values++; *values > maxValues {
		return false
	}
	token, err := dec.Token()
	if err != nil {
		return true // valid documents have no errors
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return true
	}
	if depth++; depth > maxDepth {
		return false
	}
	seen := make(map[string]bool)
	for i := 0; dec.More(); i++ {
		step := strconv.Itoa(i)
		if delim == '{' {
			key, err := dec.Token()
			if err != nil {
				return true
			}
			name, _ := key.(string)
			step = pointerEscape.Replace(name)
			if seen[name] {
				*errs = append(*errs, FieldError{Path: path + "/" + step, Code: "duplicate_key", Message: "The key is in the object twice."})
			}
			seen[name] = true
		}
		if !walk(dec, path+"/"+step, depth, values, errs) {
			return false
		}
	}
	_, _ = dec.Token() // the closing delimiter
	return true
}

// pointerEscape writes a key as a step of a JSON pointer (RFC 6901, section 3).
var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// badEscape returns where a valid document escapes U+0000 or a lone surrogate,
// which PostgreSQL's text and jsonb cannot hold, or -1.
func badEscape(data []byte) int {
	for i := 0; i < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		i++ // an escape; the document is valid, so something follows
		if data[i] != 'u' {
			continue
		}
		switch first := hex4(data[i+1:]); {
		case first == 0, first >= 0xDC00 && first <= 0xDFFF:
			return i - 1
		case first >= 0xD800 && first <= 0xDBFF:
			next := data[i+5:]
			if !bytes.HasPrefix(next, []byte(`\u`)) {
				return i - 1
			}
			if second := hex4(next[2:]); second < 0xDC00 || second > 0xDFFF {
				return i - 1
			}
			i += 6
		}
		i += 4
	}
	return -1
}

func hex4(b []byte) uint64 {
	n, err := strconv.ParseUint(string(b[:4]), 16, 16)
	if err != nil {
		return 0 // not reached: the document is valid
	}
	return n
}
