package xroad

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ristmik/soap"
)

// Part chooses one direction of an exchange.
type Part string

// The parts of an exchange.
const (
	PartBoth     Part = ""
	PartRequest  Part = "request"
	PartResponse Part = "response"
)

// DocumentQuery says which signed documents are wanted (UG-SIGDOC 2).
type DocumentQuery struct {
	// MessageID is the id of the exchange, whatever characters it has.
	MessageID string
	Part      Part
	// Unique asks for one container instead of a zip of all; it needs a Part.
	Unique bool
	// Force has a signature time-stamped now instead of with its batch.
	Force bool
	// Wait pauses between the attempts while a signature is not time-stamped;
	// it returns an error when ctx is over. Nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

// Document is a file of our Security Server.
type Document struct {
	// Name is made from the message id and fit for any file system.
	Name, ContentType string
	// Body has to be closed. Its errors are *soap.Failure.
	Body io.ReadCloser
}

// The pauses while a signature waits for its time stamp: batches run about once
// a minute (UG-SIGDOC 2.3).
const (
	stampFirst    = 5 * time.Second
	stampLongest  = time.Minute
	stampAttempts = 10
)

// notStamped is what a server says of a signature without a time stamp.
const notStamped = "not been timestamped yet"

// SignedDocuments fetches the containers that prove an exchange of our
// subsystem. While the signature has not been time-stamped yet it waits and
// asks again, ten times with pauses from five seconds to a minute; then the
// kind is KindWait. "No signed documents found" is final: KindFixData with the
// code asic.not_found.
func (c *Client) SignedDocuments(ctx context.Context, q DocumentQuery) (*Document, error) {
	if q.MessageID == "" || q.Unique && q.Part == PartBoth {
		return nil, notSent(q.MessageID, "request.document", "a message id is needed, and a part for one container")
	}
	wait := q.Wait
	if wait == nil {
		wait = sleep
	}
	for attempt, pause := 1, stampFirst; ; attempt, pause = attempt+1, min(2*pause, stampLongest) {
		got, err := c.get(ctx, "/asic", c.documentQuery(q), "application/zip, application/octet-stream, text/plain", maxStream)
		if err != nil {
			return nil, named(err, q.MessageID)
		}
		if got.status == http.StatusOK {
			return document(got, q.MessageID+part(q.Part)), nil
		}
		why := refusedDocument(got, q.MessageID)
		if why.Kind != soap.KindWait || attempt == stampAttempts {
			return nil, why
		}
		if err := wait(ctx, pause); err != nil {
			why.Err = err
			return nil, why
		}
	}
}

// VerificationConf fetches what the verifier of signed documents needs: the
// global configuration of every known instance (UG-SIGDOC 3.2).
func (c *Client) VerificationConf(ctx context.Context) (*Document, error) {
	got, err := c.get(ctx, "/verificationconf", "", "application/zip", maxStream)
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		_ = got.body.Close()
		return nil, page(got.status, "")
	}
	return document(got, "verificationconf"), nil
}

// documentQuery writes the query. Message ids are arbitrary strings, so every
// value is escaped.
func (c *Client) documentQuery(q DocumentQuery) string {
	id := c.o.Client
	pairs := [][2]string{
		{"queryId", q.MessageID}, {"xRoadInstance", id.Instance}, {"memberClass", id.Class}, {"memberCode", id.Member}, {"subsystemCode", id.Subsystem},
	}
	var b strings.Builder
	for _, p := range pairs {
		if p[1] != "" {
			b.WriteString("&" + p[0] + "=" + url.QueryEscape(p[1]))
		}
	}
	for _, f := range []struct {
		name string
		set  bool
	}{{"requestOnly", q.Part == PartRequest}, {"responseOnly", q.Part == PartResponse}, {"unique", q.Unique}, {"force", q.Force}} {
		if f.set {
			b.WriteString("&" + f.name)
		}
	}
	return b.String()[1:]
}

// refusedDocument reads the words of a server that gives no document.
func refusedDocument(got *reply, id string) *soap.Failure {
	text, _ := io.ReadAll(io.LimitReader(got.body, maxRefusal))
	_ = got.body.Close()
	f := &soap.Failure{MessageID: id}
	switch {
	case got.status == http.StatusNotFound:
		f.Kind, f.Code, f.Message = soap.KindFixData, "asic.not_found", "the Security Server has no signed documents of this exchange"
	case got.status == http.StatusUnauthorized:
		f.Kind, f.Code, f.Message = soap.KindOwnServer, "asic.unauthorized", "our Security Server wants another connection type or client certificate"
	case got.status == http.StatusBadRequest:
		f.Kind, f.Code, f.Message = soap.KindFixData, "asic.parameters", "the Security Server does not take the parameters"
	case strings.Contains(string(text), notStamped):
		f.Kind, f.Code, f.Message = soap.KindWait, "asic.not_timestamped", "the signature has not been time-stamped yet"
	default:
		return page(got.status, id)
	}
	return f
}

func document(got *reply, name string) *Document {
	media, _, _ := mime.ParseMediaType(got.media)
	ending := ".zip"
	switch media {
	case "application/vnd.etsi.asic-e+zip":
		ending = ".asice"
	case "application/octet-stream": // encrypted archives
		ending = ".gpg"
	}
	return &Document{Name: FileName(name) + ending, ContentType: media, Body: got.body}
}

func part(p Part) string {
	if p == PartBoth {
		return ""
	}
	return "-" + string(p)
}

// maxFileName leaves room for an ending.
const maxFileName = 200

// FileName makes one file name of any text: what is not a letter, digit, "-", "_" or
// a dot behind the beginning is percent-encoded. Long texts are cut.
func FileName(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < maxFileName; i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
