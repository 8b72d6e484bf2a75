package consultation_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/soap"
)

// keepAttachment stores a file of the core under an id.
func (w *world) keepAttachment(id, content string) {
	w.t.Helper()
	f, err := (&files.Store{Pool: w.pool}).Put(context.Background(), strings.NewReader(content), "", nil)
	if err == nil {
		err = w.in(func(ctx context.Context, tx pgx.Tx) error {
			_, err := w.Attach(ctx, tx, consultation.NewAttachment{ID: id, Name: "leping.pdf", File: f})
			return err
		})
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// Whatever a stored question names, only a file of that question goes out: an
// edited one cannot show an authority the files of another case, and one whose
// file has been deleted since says so. Nothing is sent.
func TestOnlyFilesOfTheQuestionGoOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const mine, other = "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c11", "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c12"
	w.keepAttachment(mine, "%PDF-1.7 mine")
	w.keepAttachment(other, "%PDF-1.7 other")
	opened := func(id string) consultation.Consultation {
		r := request("short")
		r.Attachments = []string{id}
		var c consultation.Consultation
		err := w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
			c, err = w.Open(ctx, tx, r)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	q := question()
	q.LegID = leg(opened(mine), "security").ID
	opened(other)
	sent := 0
	c := client(t, func(rw http.ResponseWriter, _ *http.Request) {
		sent++
		rw.WriteHeader(http.StatusServiceUnavailable)
	})
	wire := consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, operation(t),
		consultation.Enclosed{Store: &files.Store{Pool: w.pool}})
	ask := func(id string) string {
		a, _, err := w.FindAttachment(t.Context(), w.pool, id)
		if err != nil {
			t.Fatal(err)
		}
		q.Attachments = []consultation.Attached{a}
		_, err = wire.Ask(t.Context(), q)
		return err.Error()
	}
	if text := ask(other); !strings.Contains(text, "not there any more") || sent != 0 {
		t.Errorf("%d messages left: %s", sent, text)
	}
	if text := ask(mine); sent != 1 {
		t.Errorf("%d messages left: %s", sent, text)
	}
}

// Of the files of a question as many go with it as one message may bring; the
// others are named with their hashes, in either packaging.
func TestFilesBeyondTheMostAreNamedOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ids := []string{"1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c11", "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c12", "1f0e4a52-6c1f-4e0b-9d0a-3a6b9f0d2c13"}
	const content = "%PDF-1.7 leping"
	for _, id := range ids {
		w.keepAttachment(id, content)
	}
	r := request("short")
	r.Attachments = ids
	var opened consultation.Consultation
	if err := w.in(func(ctx context.Context, tx pgx.Tx) (err error) {
		opened, err = w.Open(ctx, tx, r)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	q := question()
	q.LegID = leg(opened, "security").ID
	for _, id := range ids {
		a, _, err := w.FindAttachment(t.Context(), w.pool, id)
		if err != nil {
			t.Fatal(err)
		}
		q.Attachments = append(q.Attachments, a)
	}
	for packaging, mark := range map[soap.Packaging]string{soap.PackagingSwA: "<contentRef>cid:", soap.PackagingMTOM: `href="cid:`} {
		var sent string
		c := client(t, func(rw http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			sent = string(text)
			rw.WriteHeader(http.StatusServiceUnavailable)
		})
		wire := consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, operation(t),
			consultation.Enclosed{Store: &files.Store{Pool: w.pool}, Packaging: packaging, Most: 2*int64(len(content)) + 1})
		if _, err := wire.Ask(t.Context(), q); err == nil {
			t.Fatal("nobody was there, and yet it was taken")
		}
		if strings.Count(sent, content) != 2 || strings.Count(sent, mark) != 2 || strings.Count(sent, "<sha256>") != 3 {
			t.Errorf("%d files, %d references, %d names in\n%s", strings.Count(sent, content), strings.Count(sent, mark), strings.Count(sent, "<sha256>"), sent)
		}
	}
}
