package sandbox_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/beevik/etree"

	"ristmik/adapters/sandbox"
	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// The services of the stage's provider.
var (
	echo = soap.ServiceID{Provider: tor, Code: "echo", Version: "v1"}
	ping = soap.ServiceID{Provider: tor, Code: "ping"}
)

// stage is a sandbox with one provider behind it and the hub's client before it.
type stage struct {
	box    *sandbox.Sandbox
	client *xroad.Client

	mu  sync.Mutex
	got []string // the message ids that the provider received, in order
}

// newStage opens a stage; when it ends, not one goroutine of it is left.
func newStage(t *testing.T, timeout time.Duration) *stage {
	t.Helper()
	noneLeft(t)
	s := &stage{}
	provider := httptest.NewServer(http.HandlerFunc(s.provide))
	t.Cleanup(provider.Close)
	title := sandbox.Title{ET: "x", EN: "x"}
	o := options(t, "")
	o.Config = sandbox.Config{Instance: "EE", Server: "EE/GOV/70008440/arendus", Spelling: securityserver.Spelling78, Members: []sandbox.Member{
		{Class: "GOV", Code: hub.Member, Name: title, Subsystems: []sandbox.Subsystem{{Code: hub.Subsystem, Name: title}}},
		{Class: "GOV", Code: tor.Member, Name: title, Subsystems: []sandbox.Subsystem{{Code: tor.Subsystem, Name: title, Party: sandbox.Party{Services: []sandbox.Service{
			{Code: echo.Code, Version: echo.Version, Type: securityserver.WSDL, URL: provider.URL + "/soap", Clients: []string{hub.String()}},
			{Code: ping.Code, Type: securityserver.REST, URL: provider.URL + "/rest", Clients: []string{hub.String()}},
		}}}}},
	}}
	s.box = start(t, o)
	transport := xroad.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	var err error
	if s.client, err = xroad.New(xroad.Options{SecurityServer: s.box.URL(), Client: hub, Timeout: timeout, Transport: transport}); err != nil {
		t.Fatal(err)
	}
	return s
}

// noneLeft checks at the end of a test that no goroutine which it started, or
// which one of those started, is left: they all inherit a label.
func noneLeft(t *testing.T) {
	t.Helper()
	pprof.SetGoroutineLabels(pprof.WithLabels(t.Context(), pprof.Labels("stage", t.Name())))
	t.Cleanup(func() {
		pprof.SetGoroutineLabels(context.Background())
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for left := labelled(t.Name()); left != ""; left = labelled(t.Name()) {
			select {
			case <-ctx.Done():
				t.Fatalf("left behind: %s", left)
			case <-tick.C:
			}
		}
	})
}

// labelled returns the stack of one of the goroutines of a stage, "" when there
// is none.
func labelled(stage string) string {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 1) // a buffer takes everything
	for one := range strings.SplitSeq(b.String(), "\n\n") {
		if strings.Contains(one, fmt.Sprintf("%q", stage)) {
			return one
		}
	}
	return ""
}

// provide is the information system of the provider.
func (s *stage) provide(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if strings.HasPrefix(r.URL.Path, "/rest") {
		s.note(r.Header.Get("X-Road-Id"))
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"pong": true, "padding": "0123456789012345678901234567890123456789"}`)
		return
	}
	m, err := soap.ReadRequest(data, soap.DefaultLimits())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.note(m.Header.ID)
	answer, err := soap.BuildAnswer(m, wrapper("echoResponse"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	contentType, body := soap.ContentType, io.Reader(bytes.NewReader(answer))
	if m.Header.Issue == withFile {
		file := soap.Attachment{ContentID: "file", ContentType: "application/pdf", Body: strings.NewReader(fileText)}
		if contentType, body, err = soap.WriteMessage(answer, soap.PackagingSwA, "boundary", []soap.Attachment{file}); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	w.Header().Set("Content-Type", contentType)
	io.Copy(w, body)
}

// A question with this reference is answered with a file of this text.
const withFile, fileText = "with a file", "the text of a file"

// fetch makes one call whose answer has a file and reads it all.
func (s *stage) fetch(ctx context.Context) (id string, err error) {
	a, err := s.client.Open(ctx, xroad.Call{Service: echo, Body: wrapper("echo"), UserID: "EE30101010007", Issue: withFile})
	if err != nil {
		return "", err
	}
	defer a.Close()
	file, err := a.Next()
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(file.Body)
	if err != nil {
		return "", err
	}
	if string(text) != fileText {
		return "", fmt.Errorf("the file says %q", text)
	}
	if _, err := a.Next(); err != io.EOF {
		return "", fmt.Errorf("behind the file: %w", err)
	}
	return a.Exchange.MessageID, nil
}

func (s *stage) note(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, id)
}

// received lists the message ids that came to the provider.
func (s *stage) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

func wrapper(name string) *etree.Element {
	el := etree.NewElement("e:" + name)
	el.CreateAttr("xmlns:e", "http://echo.example/v1")
	el.CreateElement("text").SetText("made up")
	return el
}

// call makes one call by a protocol and returns the id of its message.
func (s *stage) call(ctx context.Context, protocol string) (id string, err error) {
	switch protocol {
	case "soap with a file":
		return s.fetch(ctx)
	case "soap":
		a, err := s.client.Call(ctx, xroad.Call{Service: echo, Body: wrapper("echo"), UserID: "EE30101010007"})
		if err != nil {
			return "", err
		}
		return a.Exchange.MessageID, nil
	}
	a, err := s.client.REST(ctx, xroad.RESTCall{Service: ping, Method: http.MethodPost, Path: "/ping", Body: []byte(`{"text": "made up"}`), ContentType: "application/json"})
	if err != nil {
		return "", err
	}
	return a.Exchange.MessageID, nil
}

// arm arms a fault and returns its id.
func (s *stage) arm(t testing.TB, fault map[string]any) string {
	t.Helper()
	var out struct{ ID string }
	if status := control(t, s.box, "POST", "faults", fault, &out); status != http.StatusCreated || out.ID == "" {
		t.Fatalf("arming %v: status %d", fault, status)
	}
	return out.ID
}

// disarm deletes every fault.
func (s *stage) disarm(t testing.TB) {
	t.Helper()
	if status := control(t, s.box, "DELETE", "faults", nil, nil); status != http.StatusNoContent {
		t.Fatalf("deleting the faults: status %d", status)
	}
}
