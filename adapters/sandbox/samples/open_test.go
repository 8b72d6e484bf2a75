package samples_test

import "errors"

// open takes the envelope out of an HTTP body and counts the attachments.
func open(contentType string, data []byte) (envelope []byte, attachments int, err error) {
	if multipart(contentType) {
		return nil, 0, errors.New("not yet")
	}
	return data, 0, nil
}
