package authority_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/authority"
	"ristmik/adapters/web"
	"ristmik/soap"
)

// badInput is one row of the table of bad inputs: what is tried at the doors
// and what has to come back. Numbers are those of the table.
type badInput struct {
	row  int
	what string
	try  func(h *hostile)
}

// elsewhere are the rows that do not concern these doors, and who stands there.
var elsewhere = map[int]string{
	42: "answers of partners: adapters/xroad",
	52: "no attachment is unpacked by anything",
	71: "requests of ours: adapters/core names the official, adapters/consultation sends",
	72: "adapters/core", 73: "adapters/core",
	74: "no JSON web tokens are taken", 75: "no OpenID Connect is spoken",
	76: "TestThePinnedSecurityServerIsServed",
	77: "adapters/xroad", 78: "no web hooks are sent", 79: "soap/contract", 80: "no web hooks are sent",
	81: "the log writes JSON; adapters/web", 82: "adapters/console", 83: "adapters/console",
	85: "adapters/core", 86: "schedules", 87: "configs, cmd/ristmik",
}

// TestBadInputs sends every bad input through the real doors: sockets, the
// product's own server, a database behind it. After each nothing is stored, no
// content and no panic is in the log, and the doors still work.
func TestBadInputs(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	met := map[int]bool{}
	for _, in := range slices.Concat(xmlInputs(), encodingInputs(), soapInputs(), mimeInputs(), httpInputs(), restInputs()) {
		met[in.row] = true
		t.Run(fmt.Sprintf("row %d: %s", in.row, in.what), func(t *testing.T) {
			h := h.in(t)
			in.try(h)
			h.unharmed()
		})
	}
	for row := 1; row <= 88; row++ {
		if _, other := elsewhere[row]; met[row] == other {
			t.Errorf("row %d is tried here: %v; and elsewhere: %v", row, met[row], other)
		}
	}
}

// hostile is a world whose doors are served as the product serves them.
type hostile struct {
	*world
	addr string
	good string // a message that is good, about a consultation that is not there
}

func newHostile(t *testing.T, change ...func(*authority.Options)) *hostile {
	t.Helper()
	w := newWorld(t, change...)
	log := slog.New(slog.NewJSONHandler(w.log, nil))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := web.Server(web.Recover(log, w.handler), log)
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(web.StrictHeads(listener, nil, log)) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	w.url = "http://" + listener.Addr().String()
	// Nothing of it is ever stored, so the whole way can be gone.
	good := strings.Replace(w.answerOf("A-1"), w.leg("security"), "0b1d2a7e-5c0f-4b7e-9a55-000000000000", 1)
	return &hostile{world: w, addr: listener.Addr().String(), good: good}
}

// in is the same world for a subtest.
func (h *hostile) in(t *testing.T) *hostile {
	w := &world{t: t, pool: h.pool, handler: h.handler, url: h.url, round: h.round, log: h.log}
	return &hostile{w, h.addr, h.good}
}

// swap is the good message with something else in it.
func (h *hostile) swap(old, new string) string {
	h.t.Helper()
	if !strings.Contains(h.good, old) {
		h.t.Fatalf("the message has no %s", old)
	}
	return strings.Replace(h.good, old, new, 1)
}

// put is the good message with something in front of its justification.
func (h *hostile) put(text string) string { return h.swap("<justification>", text+"<justification>") }

// unharmed checks what must be true after every bad input.
func (h *hostile) unharmed() {
	h.t.Helper()
	if n := h.stored(); n != 0 {
		h.t.Errorf("%d rows are stored", n)
	}
	for _, line := range h.log.take() {
		if strings.Contains(line, "panic") || strings.Contains(line, "MARKER") || strings.Contains(line, "71506150400") {
			h.t.Errorf("log: %.500s", line)
		}
	}
	h.accepted(h.send(h.good))
	h.log.take()
}

// accepted checks that a message was read and understood to its end: the
// procedure itself says that there is no such consultation.
func (h *hostile) accepted(got response) {
	h.t.Helper()
	if got.status != http.StatusOK || !strings.Contains(got.body, "<faultCode>consultation.unknown</faultCode>") {
		h.t.Errorf("not understood: %d %.300s", got.status, got.body)
	}
}

// refused checks a Fault with this code, in either spelling.
func (h *hostile) refused(code string, got response) {
	h.t.Helper()
	if got.status != http.StatusInternalServerError || got.header.Get("Content-Type") != soap.ContentType || len(got.body) > 8192 || strings.Contains(got.body, "MARKER") {
		h.t.Errorf("not a Fault of ours: %d %s %.300s", got.status, got.header.Get("Content-Type"), got.body)
		return
	}
	m, err := soap.ReadAnswer([]byte(got.body), soap.DefaultLimits())
	if err != nil || m.Fault == nil || len(m.Fault.Detail) != 36 {
		h.t.Errorf("not a Fault with an id: %v %.300s", err, got.body)
	} else if soap.Normalize(m.Fault.Code) != soap.Normalize(code) {
		h.t.Errorf("code %s, want %s: %s", m.Fault.Code, code, m.Fault.String)
	}
}

// all sends each message and wants the same refusal.
func (h *hostile) all(code string, messages ...string) {
	h.t.Helper()
	for _, m := range messages {
		h.refused(code, h.send(m))
	}
}

// problem checks a problem document with one of these statuses.
func (h *hostile) problem(got response, statuses ...int) {
	h.t.Helper()
	if !slices.Contains(statuses, got.status) || got.header.Get("Content-Type") != "application/problem+json" || len(got.body) > 64<<10 || strings.Contains(got.body, "MARKER") {
		h.t.Errorf("status %d (want %v) %s: %.300s", got.status, statuses, got.header.Get("Content-Type"), got.body)
	}
}

// json posts a REST answer about a consultation that is not there; headers are
// added to those of a good message, "-NAME" takes one away.
func (h *hostile) json(body string, headers ...string) response {
	h.t.Helper()
	list := []string{"X-Road-Client", labour.String(), "X-Road-Id", messageID, "Content-Type", "application/json"}
	for _, name := range headers {
		if gone, ok := strings.CutPrefix(name, "-"); ok {
			at := slices.Index(list, gone)
			list = slices.Delete(list, at, at+2)
		}
	}
	headers = slices.DeleteFunc(slices.Clone(headers), func(n string) bool { return strings.HasPrefix(n, "-") })
	return h.rest("0b1d2a7e-5c0f-4b7e-9a55-000000000000", body, append(list, headers...)...)
}

// raw writes bytes to the door's socket and returns the status of the answer,
// 0 when there is none, and whether the door then closes the connection.
func (h *hostile) raw(text string) (status int, closed bool) {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a door that hangs fails the test
	written := make(chan struct{})
	go func() { defer close(written); _, _ = io.WriteString(conn, text) }() // the door may hang up first
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		_ = conn.Close()
		<-written
		return 0, true
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	_, err = in.ReadByte()
	timeout, ok := err.(net.Error)
	_ = conn.Close()
	<-written
	return res.StatusCode, err != nil && (!ok || !timeout.Timeout())
}

// canary listens and tells whether anything has come.
type canary struct{ net.Listener }

func newCanary(t *testing.T) canary {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return canary{l}
}

func (c canary) url() string { return "http://" + c.Addr().String() + "/x" }

// silent checks that nobody has called: a connection would already be waiting,
// because whoever was asked to call has answered by now.
func (c canary) silent(h *hostile) {
	h.t.Helper()
	_ = c.Listener.(*net.TCPListener).SetDeadline(time.Now().Add(time.Millisecond))
	if conn, err := c.Accept(); err == nil {
		_ = conn.Close()
		h.t.Error("something was fetched")
	}
}
