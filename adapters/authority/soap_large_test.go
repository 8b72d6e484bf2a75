package authority_test

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/authority"
	filestore "ristmik/adapters/consultation/files"
	"ristmik/soap"
)

// largeFile is a file that is made while it is read.
type largeFile struct {
	left int64
	sum  hash.Hash
}

// Read implements io.Reader.
func (l *largeFile) Read(b []byte) (int, error) {
	if l.left == 0 {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), l.left)]
	for i := range b {
		b[i] = byte(l.left) ^ byte(i*7)
	}
	l.left -= int64(len(b))
	l.sum.Write(b)
	return len(b), nil
}

// A file of 100 MiB comes in by MTOM and goes out by SwA in the memory of a few
// pieces of it.
func TestALargeFileThroughSOAPTakesLittleMemory(t *testing.T) {
	const size, most = 100 << 20, 64 << 20
	w := newWorld(t, func(o *authority.Options) {
		o.Files = &filestore.Store{Pool: o.Pool, Size: size + 9, Now: time.Now}
		o.Callers["getAttachment"] = o.Callers["submitAnswer"]
	})
	file := &largeFile{left: size, sum: sha256.New()}
	head := "%PDF-1.7\n"
	file.sum.Write([]byte(head))
	wrapped := func(operation, request string) string {
		return strings.ReplaceAll(message(`<p:`+operation+` xmlns:p="http://ristmik.x-road.eu/consultation"><request>`+request+`</request></p:`+operation+`>`), "<id:serviceCode>submitAnswer<", "<id:serviceCode>"+operation+"<")
	}
	leg := w.leg("security")
	post := func(contentType string, body io.Reader) *soap.Incoming {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/soap", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", contentType)
		res, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = res.Body.Close() })
		in, err := soap.OpenAnswer(res.Header.Get("Content-Type"), res.Body, soap.DefaultLimits())
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%d (%v)", res.StatusCode, err)
		}
		return in
	}
	peak := watchHeap()
	contentType, body, err := soap.WriteMessage([]byte(wrapped("submitAnswer", strings.Replace(answerWith(leg, "a", fileElement(fileB, includesF)), "OPINION_POSITIVE", "NO_OBJECTION", 1))), soap.PackagingMTOM, "b-17",
		[]soap.Attachment{{ContentID: "f-1", ContentType: "application/pdf", Body: io.MultiReader(strings.NewReader(head), file)}})
	if err != nil {
		t.Fatal(err)
	}
	if in := post(contentType, body); !strings.Contains(string(in.Envelope()), "<status>accepted</status>") {
		t.Fatalf("%s", in.Envelope())
	}
	in := post(soap.ContentType, strings.NewReader(wrapped("getAttachment", "<consultationId>"+leg+"</consultationId><attachmentId>"+fileB+"</attachmentId>")))
	a, err := in.Next()
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	if n, err := io.Copy(got, a.Body); err != nil || n != size+int64(len(head)) {
		t.Fatalf("%d bytes (%v)", n, err)
	}
	want := hex.EncodeToString(file.sum.Sum(nil))
	if hex.EncodeToString(got.Sum(nil)) != want || !strings.Contains(string(in.Envelope()), want) {
		t.Error("another file came back")
	}
	if got := peak(); got > most {
		t.Errorf("the heap grew to %d MiB", got>>20)
	} else {
		t.Logf("the heap had %d MiB at most", got>>20)
	}
}

// watchHeap looks at the heap until the returned function is called, which says
// how large it was at most.
func watchHeap() func() uint64 {
	stop, done := make(chan struct{}), make(chan uint64)
	go func() {
		var most uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-tick.C:
			case <-stop:
				done <- most
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-done }
}
