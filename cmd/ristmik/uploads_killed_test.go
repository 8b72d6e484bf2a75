package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	attachments "ristmik/adapters/consultation/files"
	"ristmik/adapters/postgres"
	"ristmik/adapters/provetest"
	"ristmik/soap"
)

// uploads is the program that is killed while files come, and what is known of them.
type uploads struct {
	t            *testing.T
	dir, files   string // files: "" where they go to the database
	serve        *exec.Cmd
	core, xroad  string // addresses
	pool         *pgxpool.Pool
	whole        int // files that are there
	consultation int
}

// start starts the program, and connects to its database.
func (u *uploads) start() {
	u.t.Helper()
	serve, out := program(u.t, "serve", "-c", "ristmik.yaml", "--log-level", "error")
	serve.Dir, u.serve = u.dir, serve
	if err := serve.Start(); err != nil {
		u.t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for u.core, u.xroad = "", ""; (u.core == "" || u.xroad == "") && lines.Scan(); {
		name, address, _ := strings.Cut(lines.Text(), "http")
		switch strings.TrimSpace(name) {
		case "core API":
			u.core = "http" + strings.TrimSuffix(address, "/")
		case "X-Road":
			u.xroad = "http" + strings.TrimSuffix(address, "?wsdl")
		}
	}
	if u.core == "" {
		u.t.Fatalf("serve ended: %v", serve.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	url, err := postgres.RunningURL(filepath.Join(u.dir, "ristmik-data"), postgres.Database)
	if err == nil {
		u.pool, err = pgxpool.New(u.t.Context(), url)
	}
	if err != nil {
		u.t.Fatal(err)
	}
}

func (u *uploads) kill() {
	_ = u.serve.Process.Kill()
	_ = u.serve.Wait()
	u.pool.Close()
}

func (u *uploads) count(query string, args ...any) (n int) {
	u.t.Helper()
	if err := u.pool.QueryRow(u.t.Context(), query, args...).Scan(&n); err != nil {
		u.t.Fatal(err)
	}
	return n
}

// half is how much lies there of files that have not come to their end, in bytes.
func (u *uploads) half() int {
	n := u.count(`select coalesce(sum(length(data)), 0) from consultation.chunk join consultation.file on id = file_id where sha256 is null`)
	if u.files == "" {
		return n
	}
	list, err := os.ReadDir(filepath.Join(u.files, "incoming"))
	if err != nil {
		u.t.Fatal(err)
	}
	for _, f := range list {
		if info, err := f.Info(); err == nil { // else it has come to its end
			n += int(info.Size())
		}
	}
	return n
}

// upload is a request that brings a file.
type upload struct {
	id, leg string // leg: "" for the core's
	content []byte
	request func(body io.Reader) (*http.Request, error)
}

// fromCore is a file that the core puts.
func (u *uploads) fromCore(content []byte) upload {
	id := uuid.NewString()
	return upload{id: id, content: content, request: func(body io.Reader) (*http.Request, error) {
		r, err := http.NewRequest(http.MethodPut, u.core+"/v1/attachments/"+id, body)
		if err == nil {
			r.Header.Set("Content-Type", "application/pdf")
			r.ContentLength = int64(len(content))
		}
		return r, err
	}}
}

// fromAuthority is a file that comes with an answer, by MTOM.
func (u *uploads) fromAuthority(content []byte) upload {
	u.t.Helper()
	u.consultation++
	reference := fmt.Sprint("C-", u.consultation)
	body, err := json.Marshal(openRequest("residence_permit.employment", reference, nil))
	if err != nil {
		u.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, u.core+"/v1/consultations", bytes.NewReader(body))
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Idempotency-Key", reference)
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close()
	var c consultationView
	if err := json.NewDecoder(res.Body).Decode(&c); err != nil || res.StatusCode != http.StatusAccepted {
		u.t.Fatalf("%d (%v)", res.StatusCode, err)
	}
	leg, id := c.leg("security").ID, uuid.NewString()
	security, err := soap.ParseClientID("EE/GOV/70000591/konsult")
	if err != nil {
		u.t.Fatal(err)
	}
	hub, err := soap.ParseClientID("EE/GOV/70008747/ristmik")
	if err != nil {
		u.t.Fatal(err)
	}
	envelope, err := soap.BuildRequestXML(soap.Header{
		Client: security, Service: soap.ServiceID{Provider: hub, Code: "submitAnswer", Version: "v1"}, ID: uuid.NewString(), UserID: official, ProtocolVersion: soap.ProtocolVersion,
	}, []byte(`<p:submitAnswer xmlns:p="http://ristmik.x-road.eu/consultation"><request><answerId>`+id+`</answerId><consultationId>`+leg+`</consultationId><round>1</round>`+
		`<answerCode>NO_OBJECTION</answerCode><answeredAt>2026-11-20T12:00:00Z</answeredAt><attachment><id>`+id+`</id><name>a.pdf</name>`+
		`<content><xop:Include xmlns:xop="`+soap.NSXOP+`" href="cid:f"/></content></attachment></request></p:submitAnswer>`))
	if err != nil {
		u.t.Fatal(err)
	}
	return upload{id: id, leg: leg, content: content, request: func(body io.Reader) (*http.Request, error) {
		contentType, message, err := soap.WriteMessage(envelope, soap.PackagingMTOM, "part-of-"+id, []soap.Attachment{{ContentID: "f", ContentType: "application/pdf", Body: body}})
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequest(http.MethodPost, u.xroad, message)
		if err == nil {
			r.Header.Set("Content-Type", contentType)
		}
		return r, err
	}}
}

// send sends a file as a whole, and says what came back.
func (u *uploads) send(up upload) string {
	u.t.Helper()
	r, err := up.request(bytes.NewReader(up.content))
	if err != nil {
		u.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return fmt.Sprint(res.StatusCode, " ", string(text))
}

// dies kills the program when it has so many bytes of a file, all of which are
// sent; with all of the file, at any moment around its end.
func (u *uploads) dies(up upload, after int) {
	u.t.Helper()
	ctx, cancel := context.WithCancel(u.t.Context())
	defer cancel()
	sent := make(chan struct{})
	r, err := up.request(io.MultiReader(bytes.NewReader(up.content[:after]), waits{ctx, sent, after == len(up.content)}))
	if err != nil {
		u.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if res, err := http.DefaultTransport.RoundTrip(r.WithContext(ctx)); err == nil { // it may have been answered
			_ = res.Body.Close()
		}
	}()
	<-sent
	if after < len(up.content) {
		limit := time.After(time.Minute)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for before := after - after%(256<<10); u.half() < before; {
			select {
			case <-tick.C:
			case <-limit:
				u.t.Fatalf("of %d bytes %d have arrived", after, u.half())
			}
		}
	}
	u.kill()
	cancel()
	<-ended
}

// waits is the end of what is sent: it tells when it has been reached, and then is
// the end, or lasts until ctx ends.
type waits struct {
	ctx  context.Context
	sent chan struct{}
	end  bool
}

// Read implements io.Reader.
func (w waits) Read([]byte) (int, error) {
	close(w.sent)
	if w.end {
		return 0, io.EOF
	}
	<-w.ctx.Done()
	return 0, w.ctx.Err()
}

// The program is killed while files come, over the core's door and by MTOM with
// answers: what was half is nothing for anybody, the file that is sent again is
// there once, and a day later nothing of the halves lies anywhere.
func TestAKilledUploadLeavesNothingHalf(t *testing.T) {
	t.Parallel()
	for _, store := range []string{"database", "directory"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			u := &uploads{t: t, dir: openDir(t)}
			file := asShipped(t, u.dir, "http://127.0.0.1:1")
			if store == "directory" {
				u.files = filepath.Join(u.dir, "files")
				text, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, append(text, "\nattachments: {store: directory, directory: "+u.files+"}\n"...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			u.start()
			halves := 0
			for i := range provetest.Count(4, 40) {
				content := append([]byte("%PDF-1.7\n"), bytes.Repeat(fmt.Appendf(nil, "\x00upload %d", i), 150_000)...)
				up := u.fromCore(content)
				if i%2 == 1 {
					up = u.fromAuthority(content)
				}
				after := []int{len(content) / 3, len(content) - 1000, len(content)}[i%3]
				u.dies(up, after)
				u.start()
				halves += min(u.half(), 1)
				sum := sha256.Sum256(content)
				files := u.count(`select count(*) from consultation.file where sha256 is not null`)
				attached := u.count(`select count(*) from consultation.attachment where id = $1`, up.id)
				answers := u.count(`select count(*) from consultation.answer where answer_id = $1`, up.id)
				if after < len(content) && (files != u.whole || attached+answers != 0) || up.leg != "" && attached != answers {
					t.Errorf("killed after %d of %d bytes: %d files of %d, %d attachments, %d answers", after, len(content), files, u.whole, attached, answers)
				}
				for n := range 2 {
					if said := u.send(up); !strings.HasPrefix(said, "200 ") || up.leg != "" && !strings.Contains(said, "<status>accepted<") && (n == 0 && answers == 0 || !strings.Contains(said, "<status>duplicate<")) {
						t.Errorf("sent again: %s", said)
					}
				}
				u.whole++
				if n := u.count(`select count(*) from consultation.file f join consultation.attachment a on a.file_id = f.id where f.sha256 = $1 and a.id = $2`, sum[:], up.id); n != 1 {
					t.Errorf("the file is there %d times", n)
				}
			}
			if halves == 0 {
				t.Error("no upload was half")
			}
			u.tomorrow()
			_ = u.serve.Process.Signal(syscall.SIGTERM)
			if err := u.serve.Wait(); err != nil {
				t.Errorf("serve ended with %v", err)
			}
		})
	}
}

// tomorrow deletes what belongs to nothing, a day later, and reads what is there.
func (u *uploads) tomorrow() {
	u.t.Helper()
	s := &attachments.Store{Pool: u.pool, Dir: u.files, ToDirectory: u.files != ""}
	lies := 0
	if u.files != "" {
		old := time.Now().Add(-25 * time.Hour)
		err := filepath.WalkDir(u.files, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				err = os.Chtimes(name, old, old)
			}
			return err
		})
		if err != nil {
			u.t.Fatal(err)
		}
	}
	if _, err := s.Prune(u.t.Context(), time.Now().Add(25*time.Hour), 1000); err != nil {
		u.t.Fatal(err)
	}
	if u.files != "" {
		err := filepath.WalkDir(u.files, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				lies++
			}
			return err
		})
		if err != nil || lies != u.whole {
			u.t.Errorf("%d files lie in the directory, not %d (%v)", lies, u.whole, err)
		}
	}
	if n := u.count(`select count(*) from consultation.file`); n != u.whole || u.half() != 0 {
		u.t.Errorf("%d files, not %d, and %d bytes of halves", n, u.whole, u.half())
	}
	rows, err := u.pool.Query(u.t.Context(), `select id, sha256, size, in_directory from consultation.file`)
	if err != nil {
		u.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var f attachments.File
		if err := rows.Scan(&f.ID, &f.SHA256, &f.Size, &f.InDirectory); err != nil {
			u.t.Fatal(err)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, s.Open(u.t.Context(), f)); err != nil || !bytes.Equal(sum.Sum(nil), f.SHA256) || f.InDirectory != (u.files != "") {
			u.t.Errorf("%+v is another one (%v)", f, err)
		}
	}
}
