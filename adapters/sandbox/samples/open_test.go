package samples_test

import (
	"bytes"
	"errors"
	"io"

	"ristmik/soap"
)

// open takes the envelope out of the HTTP body of a request or an answer and
// counts the attachments, each read to its end. The
// envelope comes with the errors of what follows it.
func open(as role, contentType string, data []byte) (envelope []byte, attachments int, err error) {
	opened := soap.OpenRequest
	if as == answer {
		opened = soap.OpenAnswer
	}
	in, err := opened(contentType, bytes.NewReader(data), soap.Limits{})
	if err != nil {
		return nil, 0, err
	}
	for ; ; attachments++ {
		part, err := in.Next()
		if errors.Is(err, io.EOF) {
			return in.Envelope(), attachments, nil
		}
		if err != nil {
			return in.Envelope(), attachments, err
		}
		if _, err := io.Copy(io.Discard, part.Body); err != nil {
			return in.Envelope(), attachments, err
		}
	}
}
