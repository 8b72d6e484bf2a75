// Package web holds what every HTTP listener of the hub shares: problem
// documents, strict reading of JSON, a server with limits, logging that never
// sees data, and the guards at the door. It knows nothing of any room.
package web

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// The problem types that this package itself answers with, and that every
// listener uses for the same thing. They are relative URI references.
const (
	TypeValidation   = "/problems/validation"   // 422: understood, but values are wrong; Errors names each
	TypeMalformed    = "/problems/malformed"    // 400: not the JSON that was asked for
	TypeMediaType    = "/problems/media-type"   // 415
	TypeTooLarge     = "/problems/too-large"    // 413
	TypeUnauthorized = "/problems/unauthorized" // 401: no token or an unknown one
	TypeForbidden    = "/problems/forbidden"    // 403
	TypeNotFound     = "/problems/not-found"    // 404
	TypeConflict     = "/problems/conflict"     // 409
	TypeUnavailable  = "/problems/unavailable"  // 503
	TypeInternal     = "/problems/internal"     // 500: our fault; the log has more
	TypeWrongHost    = "/problems/wrong-host"   // 421
	TypeCrossOrigin  = "/problems/cross-origin" // 403: a page of another site sent it
)

// Problem is a problem document (RFC 9457): what an answer with an error
// status says. It goes back to the caller only; nothing of it is logged.
type Problem struct {
	// Type is a URI reference; empty means "about:blank".
	Type string `json:"type"`
	// Title is the same for every problem of the type; empty means the text of
	// the status.
	Title string `json:"title"`
	// Status is the HTTP status; 0 means 500.
	Status int `json:"status"`
	// Detail tells about this occurrence, as a sentence for a person.
	Detail string `json:"detail,omitempty"`
	// Instance identifies this occurrence.
	Instance string `json:"instance,omitempty"`
	// Errors names every offending field, not only the first.
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is one thing wrong with one field.
type FieldError struct {
	// Path is a JSON pointer (RFC 6901) into the request; "" is the document.
	Path string `json:"path"`
	// Code is for programs, for example "required".
	Code string `json:"code"`
	// Message is for people.
	Message string `json:"message"`
}

// WriteProblem answers with a problem document.
func WriteProblem(w http.ResponseWriter, p Problem) {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Status == 0 {
		p.Status = http.StatusInternalServerError
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	write(w, p.Status, problemType, p)
}

// WriteProblemDocument answers with a problem document that has members of its
// own (RFC 9457, 3.2); v embeds a [Problem] that is filled in.
func WriteProblemDocument(w http.ResponseWriter, status int, v any) {
	write(w, status, problemType, v)
}

// WriteJSON answers with v as JSON. A value that has no JSON form becomes a
// problem with status 500 instead of half an answer.
func WriteJSON(w http.ResponseWriter, status int, v any) {
	write(w, status, jsonType, v)
}

func write(w http.ResponseWriter, status int, contentType []string, v any) {
	var body bytes.Buffer
	if err := EncodeJSON(&body, v); err != nil {
		WriteProblem(w, Problem{Type: TypeInternal, Detail: "The answer could not be written as JSON."})
		return
	}
	whole(w, status, contentType, body.Bytes())
}

// EncodeJSON writes v as JSON and the end of its line; "<" and "&" stay readable,
// for this is never HTML.
func EncodeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// WriteText answers with JSON text.
func WriteText(w http.ResponseWriter, status int, text []byte) {
	whole(w, status, jsonType, text)
}

// whole answers with a body of known length, so that head and body leave together.
func whole(w http.ResponseWriter, status int, contentType []string, body []byte) {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	head(w, status, contentType)
	_, _ = w.Write(body) // a caller who has gone needs no answer
}

// StreamJSON answers with JSON text that body writes piece by piece. Where that
// ends with an error the answer is cut off, so that nobody takes it for whole.
func StreamJSON(w http.ResponseWriter, status int, body func(io.Writer) error) {
	head(w, status, jsonType)
	if err := body(w); err != nil {
		panic(http.ErrAbortHandler)
	}
}

func head(w http.ResponseWriter, status int, contentType []string) {
	h := w.Header()
	h["Content-Type"] = contentType
	h["X-Content-Type-Options"] = noSniff
	if len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = noStore
	}
	w.WriteHeader(status)
}

// Values of headers that every answer has; nobody changes them.
var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}

	noSniff = []string{"nosniff"}
	noStore = []string{"no-store"} // answers hold personal data
)
