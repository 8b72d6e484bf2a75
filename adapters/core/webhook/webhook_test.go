package webhook_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/core/webhook"
	"ristmik/outbox"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func secretOf(b byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32))
}

func secrets(t *testing.T, texts ...string) func() ([]webhook.Secret, error) {
	t.Helper()
	var files []string
	for i, text := range texts {
		file := filepath.Join(t.TempDir(), fmt.Sprint("secret", i))
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return func() ([]webhook.Secret, error) { return webhook.ReadSecrets(files) }
}

// received is a request that a receiver has got.
type received struct {
	header http.Header
	body   []byte
}

// receiver answers as told and hands on what it gets.
func receiver(t *testing.T, answer http.HandlerFunc) (url string, got chan received) {
	t.Helper()
	got = make(chan received, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- received{r.Header, body}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/hooks", got
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func newSink(t *testing.T, o webhook.Options) *webhook.Sink {
	t.Helper()
	if o.Secrets == nil {
		o.Secrets = secrets(t, secretOf(1))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Plaintext = true
	s, err := webhook.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var event = subscriber.Event{ID: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", Type: "test.happened", Subject: "s", Body: []byte(`{"specversion":"1.0","õ":1}`)}

// The receivers' own library takes what is sent, with the old secret and with
// the new one while they change, and refuses what was altered, is old, or was
// signed by somebody else.
func TestReceiversLibraryTakesTheSignature(t *testing.T) {
	t.Parallel()
	url, got := receiver(t, status(http.StatusNoContent))
	oldSecret, newSecret := secretOf(1), secretOf(2)
	s := newSink(t, webhook.Options{URL: url, Allow: loopback, Secrets: secrets(t, newSecret, oldSecret)})
	out := s.Deliver(t.Context(), event)
	if out.Result != outbox.ResultDelivered || out.Exchange != event.ID {
		t.Fatalf("%+v", out)
	}
	r := <-got
	if ct := r.header.Get("Content-Type"); ct != "application/cloudevents+json; charset=utf-8" || r.header.Get("webhook-id") != event.ID {
		t.Errorf("%v", r.header)
	}
	verify := func(secret string, body []byte, header http.Header) error {
		t.Helper()
		w, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		return w.Verify(body, header)
	}
	for _, secret := range []string{oldSecret, newSecret} {
		if err := verify(secret, r.body, r.header); err != nil {
			t.Errorf("%v", err)
		}
	}
	other := r.header.Clone()
	other.Set("webhook-id", "another")
	for name, err := range map[string]error{
		"another secret": verify(secretOf(3), r.body, r.header),
		"another body":   verify(newSecret, append([]byte(" "), r.body...), r.header),
		"another id":     verify(newSecret, r.body, other),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	stale := newSink(t, webhook.Options{URL: url, Allow: loopback, Secrets: secrets(t, newSecret), Now: func() time.Time { return time.Now().Add(-time.Hour) }})
	stale.Deliver(t.Context(), event)
	if r := <-got; verify(newSecret, r.body, r.header) == nil {
		t.Error("an old message is taken")
	}
	dotted := event
	dotted.ID = "a.b"
	s.Deliver(t.Context(), dotted)
	r = <-got
	if id := r.header.Get("webhook-id"); strings.Contains(id, ".") || verify(newSecret, r.body, r.header) != nil {
		t.Errorf("id %q", id)
	}
}

// What the outbox does next follows from the answer; redirects lead nowhere.
func TestOutcomesOfAnswers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var inside atomic.Bool
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Store(true) }))
	t.Cleanup(private.Close)
	with := func(code int, name, value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.Header().Set(name, value); w.WriteHeader(code) }
	}
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   outbox.Outcome
	}{
		"taken":                   {status(202), outbox.Outcome{Result: outbox.ResultDelivered}},
		"redirect":                {with(307, "Location", private.URL), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_307"}},
		"not found":               {status(404), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_404"}},
		"gone":                    {status(410), outbox.Outcome{Result: outbox.ResultRetry, Reason: subscriber.ReasonGone}},
		"out of order":            {status(500), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_500", CountsAgainst: true}},
		"too many":                {with(429, "Retry-After", "120"), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_429", After: 2 * time.Minute, CountsAgainst: true}},
		"later":                   {with(503, "Retry-After", "Mon, 02 Mar 2026 12:05:00 GMT"), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_503", After: 5 * time.Minute, CountsAgainst: true}},
		"in a year":               {with(503, "Retry-After", "31536000"), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_503", After: time.Hour, CountsAgainst: true}},
		"in the past":             {with(503, "Retry-After", "Mon, 02 Mar 2020 12:05:00 GMT"), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_503", CountsAgainst: true}},
		"nonsense":                {with(503, "Retry-After", "soon"), outbox.Outcome{Result: outbox.ResultRetry, Reason: "http_503", CountsAgainst: true}},
		"broken off":              {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer", CountsAgainst: true}},
		"an answer without end":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, zeros{}, 100<<20) }, outbox.Outcome{Result: outbox.ResultDelivered}},
		"an answer in no time":    {func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, outbox.Outcome{Result: outbox.ResultUnknown, Reason: "no_answer", CountsAgainst: true}},
		"a body that never comes": {func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); <-r.Context().Done() }, outbox.Outcome{Result: outbox.ResultDelivered}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, _ := receiver(t, c.answer)
			s := newSink(t, webhook.Options{URL: url, Allow: loopback, Timeout: 500 * time.Millisecond, Now: func() time.Time { return now }})
			out := s.Deliver(t.Context(), event)
			c.want.Exchange = event.ID
			if out.Result != c.want.Result || out.Reason != c.want.Reason || out.After != c.want.After || out.CountsAgainst != c.want.CountsAgainst || out.Exchange != event.ID {
				t.Errorf("%+v, want %+v", out, c.want)
			}
		})
	}
	t.Cleanup(func() {
		if inside.Load() {
			t.Error("a redirect was followed")
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// What did not leave is known not to have been taken.
func TestWhatDidNotLeaveIsTriedAgain(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	secure := httptest.NewTLSServer(status(200))
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = nil
	for name, c := range map[string]struct {
		o    webhook.Options
		want string
	}{
		"nobody there":      {webhook.Options{URL: "http://" + closed, Allow: loopback}, "no_connection"},
		"a strange signer":  {webhook.Options{URL: secure.URL, Allow: loopback}, "certificate"},
		"no secret":         {webhook.Options{URL: secure.URL, Allow: loopback, Secrets: func() ([]webhook.Secret, error) { return nil, nil }}, "no_secret"},
		"no such name":      {webhook.Options{URL: "http://hook.example", Resolver: resolver(t)}, "name_not_found"},
		"a name for inside": {webhook.Options{URL: "http://hook.example", Resolver: resolver(t, "10.1.2.3")}, "address_not_allowed"},
	} {
		s := newSink(t, c.o)
		if out := s.Deliver(t.Context(), event); out.Result != outbox.ResultRetry || out.Reason != c.want {
			t.Errorf("%s: %+v", name, out)
		}
	}
}

// A name that first leads to an allowed address and then inside is refused
// when it leads inside, without a byte being sent.
func TestRebindingGainsNothing(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Connection", "close") // so that the next request dials anew
	}))
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	inside, err := net.Listen("tcp", "127.0.0.2:"+port)
	if err != nil {
		t.Skip("no second loopback address on this system")
	}
	var reached atomic.Bool
	go func() {
		if c, err := inside.Accept(); err == nil {
			reached.Store(true)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = inside.Close() })
	s := newSink(t, webhook.Options{
		URL: "http://hook.example:" + port, Resolver: resolver(t, "127.0.0.1", "127.0.0.2"),
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
	})
	if out := s.Deliver(t.Context(), event); out.Result != outbox.ResultDelivered {
		t.Errorf("first: %+v", out)
	}
	if out := s.Deliver(t.Context(), event); out.Result != outbox.ResultRetry || out.Reason != "address_not_allowed" {
		t.Errorf("second: %+v", out)
	}
	if calls.Load() != 1 || reached.Load() {
		t.Errorf("%d calls outside, inside reached: %t", calls.Load(), reached.Load())
	}
}

// resolver is one whose server answers every question for an IPv4 address with
// the next of the addresses, the last one again and again, and with none when
// there is none.
func resolver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		query, n := make([]byte, 512), 0
		for {
			size, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			q := query[:size]
			end := 12
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			isA := q[end+2] == 1
			end += 5
			answer := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
			switch {
			case len(addresses) == 0:
				answer[3] |= 3 // no such name
			case isA:
				answer[7] = 1
				ip := netip.MustParseAddr(addresses[min(n, len(addresses)-1)]).As4()
				n++
				answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
				answer = append(answer, ip[:]...)
			}
			if _, err := conn.WriteTo(answer, from); err != nil {
				return
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// Addresses that lead to this machine, its networks or nowhere are refused as
// they are written, in every spelling, and taken where they are allowed.
func TestAddressesThatLeadInsideAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"https://127.0.0.1/", "https://127.1.2.3", "https://[::1]/", "https://0.0.0.0/", "https://[::]/", "https://0/", "https://2130706433/",
		"https://0x7f000001/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1./", "https://10.1.2.3/", "https://172.16.0.1/",
		"https://192.168.1.1/", "https://169.254.169.254/latest/meta-data", "https://100.64.0.1/", "https://198.18.0.1/", "https://224.0.0.1/",
		"https://255.255.255.255/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/",
		"https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd12::1]/", "https://[ff02::1]/", "https://localhost/", "https://LOCALHOST./",
		"https://a.localhost:8443/", "https://user@ris.example/", "https://user:pw@ris.example/", "http://ris.example/", "file:///etc/passwd",
		"ftp://ris.example/", "//ris.example/", "ris.example", "https://", "https:ris.example", "https://ris.example/#x", "https://ris.example:0/", "https://ris example/",
	} {
		if err := webhook.CheckURL(bad, false, nil); err == nil {
			t.Errorf("%s is taken", bad)
		} else if strings.Contains(err.Error(), "pw") {
			t.Errorf("%v shows a password", err)
		}
	}
	for _, good := range []string{"https://ris.example/hooks?x=1", "https://ris.example:8443/", "https://8.8.8.8/", "https://[2a00:1450::1]/"} {
		if err := webhook.CheckURL(good, false, nil); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128")}
	for text, want := range map[string]bool{
		"https://10.1.2.3/": true, "https://[::ffff:10.1.2.3]/": true, "https://[::1]/": true, "https://10.2.0.1/": false, "https://127.0.0.1/": false,
	} {
		if err := webhook.CheckURL(text, false, allow); (err == nil) != want {
			t.Errorf("%s: %v", text, err)
		}
	}
	if err := webhook.CheckURL("http://ris.example/", true, nil); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreReadStrictly(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		"", "whsec_", "aGVsbG8=", "whsec_not base64", "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 23)),
		"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)),
	} {
		if _, err := webhook.ParseSecret(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) && bad != "whsec_" {
			t.Errorf("%q: %v", bad, err)
		}
	}
	s, err := webhook.ParseSecret(secretOf(7) + "\n")
	if err != nil || strings.Contains(fmt.Sprintf("%v %+v %#v %s", s, s, s, s), "7") {
		t.Errorf("%v, %v", s, err)
	}
	if _, err := webhook.ReadSecrets([]string{filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a file that is not there is taken")
	}
}
