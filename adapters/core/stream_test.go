package core_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/core"
	"ristmik/adapters/web"
	"ristmik/outbox"
)

func happened(id, kind string, n int) outbox.Event {
	return outbox.Event{ID: id, Type: kind, Source: "/test", Subject: "s", Time: noon, Data: []byte(fmt.Sprintf("{\"n\":\n%d}", n))}
}

// sse is one message of a stream, or a comment.
type sse struct{ id, event, data, comment string }

// reader reads a stream as a browser does.
type reader struct {
	t     *testing.T
	res   *http.Response
	lines *bufio.Scanner
}

func (w *world) stream(t *testing.T, query string, header ...string) *reader {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/v1/events/stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v", res.StatusCode, res.Header)
	}
	r := &reader{t: t, res: res, lines: bufio.NewScanner(res.Body)}
	r.lines.Buffer(nil, 1<<20)
	return r
}

// next is the next message or comment that has something to say.
func (r *reader) next() sse {
	r.t.Helper()
	m, ok := r.read()
	if !ok {
		r.t.Fatalf("the stream has ended: %v", r.lines.Err())
	}
	return m
}

func (r *reader) read() (m sse, ok bool) {
	for r.lines.Scan() {
		line := r.lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if m != (sse{}) {
				return m, true
			}
		case field == "":
			m.comment = value
		case field == "id":
			m.id = value
		case field == "event":
			m.event = value
		case field == "data":
			m.data += value
		}
	}
	return m, false
}

// A stream tells what is there and what comes, in the order and with the
// positions of the feed; a reader that comes back goes on where it was.
func TestTheStreamIsTheFeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.append(happened("e1", "test.happened", 1), happened("e2", "test.happened", 2))
	r := w.stream(t, "")
	for i := 1; i <= 4; i++ {
		if i == 3 {
			w.append(happened("e3", "test.happened", 3))
			w.append(happened("e4", "test.happened", 4))
		}
		m := r.next()
		var e struct {
			ID, Type, Position, SpecVersion string
			Data                            struct{ N int }
		}
		if err := json.Unmarshal([]byte(m.data), &e); err != nil || e.ID != fmt.Sprint("e", i) || e.Data.N != i || e.Position != m.id ||
			e.SpecVersion != "1.0" || m.event != "test.happened" {
			t.Errorf("message %d: %+v %v", i, m, err)
		}
		if i == 2 { // what the reader that comes back has not seen
			again := w.stream(t, "?after=", "Last-Event-ID", m.id)
			defer func() {
				if m := again.next(); !strings.Contains(m.data, `"e3"`) {
					t.Errorf("the reader that came back reads %+v", m)
				}
			}()
		}
	}
	feed, _ := w.settled(4)
	fromTheMiddle := w.stream(t, "?after="+url.QueryEscape(feed[0]["position"].(string)))
	if m := fromTheMiddle.next(); m.id != feed[1]["position"] {
		t.Errorf("after the first event comes %+v", m)
	}
}

// Without events there are signs of life; events of other types move the
// position and nothing else.
func TestTheStreamGivesSignsOfLife(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, newPool(t), func(o *core.Options) { o.Heartbeat = 20 * time.Millisecond })
	r := w.stream(t, "?types=consultation.answered")
	if m := r.next(); m.comment == "" || m.id+m.event+m.data != "" {
		t.Errorf("%+v", m)
	}
	w.append(happened("e1", "test.happened", 1))
	m := r.next()
	for m.comment != "" {
		m = r.next()
	}
	if _, next := w.settled(1); m.id != next || m.event+m.data != "" {
		t.Errorf("%+v, the feed is at %s", m, next)
	}
}

// A reader that does not read is left, and holds neither memory nor a place.
func TestASlowReaderOfTheStreamIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, newPool(t), func(o *core.Options) { o.WriteTimeout, o.MaxStreams = 50*time.Millisecond, 1 })
	filler := strings.Repeat("x", 200_000)
	for i := range 100 {
		w.append(outbox.Event{ID: fmt.Sprint("e", i), Type: "test.happened", Source: "/test", Subject: "s", Time: noon, Data: []byte(`"` + filler + `"`)})
	}
	w.stream(t, "") // nobody reads it
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); !strings.Contains(w.log.String(), `"route":"GET /v1/events/stream"`); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the reader is not left:\n%s", w.log.String())
		}
	}
	if !strings.Contains(w.log.String(), "too slow") {
		t.Errorf("the log does not say why:\n%s", w.log.String())
	}
	w.stream(t, "") // its place is free again
}

func TestTooManyStreamsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorldWith(t, newPool(t), func(o *core.Options) { o.MaxStreams = 1 })
	w.stream(t, "")
	if r := w.do("GET", "/v1/events/stream", ""); r.status != http.StatusServiceUnavailable || r.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", r.status, r.header)
	}
}

// When the process stops, what waits for events ends at once and in order.
func TestStoppingEndsWhatWaits(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	w := newWorldWith(t, newPool(t), func(o *core.Options) { o.Stop = stop; o.Heartbeat = 10 * time.Millisecond })
	r := w.stream(t, "")
	r.next() // it is there
	polled := make(chan reply, 1)
	go func() {
		r, err := w.try("GET", "/v1/events?wait=60", "")
		if err != nil {
			t.Error(err)
		}
		polled <- r
	}()
	close(stop)
	for {
		if _, ok := r.read(); !ok {
			break
		}
	}
	if err := r.lines.Err(); err != nil {
		t.Errorf("the stream ends with %v", err)
	}
	select {
	case r := <-polled:
		if r.status != http.StatusOK || !strings.Contains(r.body, `"events":[]`) {
			t.Errorf("%d %s", r.status, r.body)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the long poll does not end")
	}
}

// settled reads the feed when it has n events: what others of the cluster write
// may keep it back for a moment.
func (w *world) settled(n int) (events []map[string]any, next string) {
	w.t.Helper()
	for range 100 {
		if events, next = w.page(""); len(events) >= n {
			return events, next
		}
		w.page("?wait=1&after=" + url.QueryEscape(next))
	}
	w.t.Fatalf("%d events of %d", len(events), n)
	return nil, ""
}

func ids(events []map[string]any) []string {
	list := []string{}
	for _, e := range events {
		list = append(list, e["id"].(string))
	}
	return list
}

// A client reads what its rights and its question have in common, and the
// position moves past the rest.
func TestEventsAreFilteredByTypesAndRights(t *testing.T) {
	t.Parallel()
	const ris, portal, nobody = "ris-token-0123456789abcdef", "portal-token-0123456789abc", "nobody-token-0123456789abc"
	w := newWorldWith(t, newPool(t), func(o *core.Options) {
		o.Tokens = []web.Token{web.NewToken("ris", ris), web.NewToken("portal", portal), web.NewToken("nobody", nobody)}
		o.Rights = map[string]core.Types{"ris": {"*"}, "portal": {"consultation.round_completed", "employment.*"}}
	})
	var all []string
	for i, kind := range []string{"consultation.requested", "employment.ended", "consultation.round_completed", "consultation.answered", "employment.changed", "test.happened"} {
		e := happened(fmt.Sprint("e", i), kind, i)
		e.Data = []byte(examples[kind])
		w.append(e)
		all = append(all, e.ID)
	}
	w.token = ris
	events, end := w.settled(6)
	if diff := cmp.Diff(all, ids(events)); diff != "" {
		t.Error(diff)
	}
	for query, want := range map[string][]string{
		"?types=consultation.*": {"e0", "e2", "e3"}, "?types=employment.ended,consultation.answered": {"e1", "e3"}, "?types=*&limit=2": {"e0", "e1"},
		"?types=consultation.withdrawn": {},
	} {
		events, next := w.page(query)
		if diff := cmp.Diff(want, ids(events)); diff != "" || !strings.Contains(query, "limit") && next != end {
			t.Errorf("%s: next %s, end %s\n%s", query, next, end, diff)
		}
	}
	if r := w.do("GET", "/v1/events?types=consultation.answerd,employment", ""); r.status != http.StatusBadRequest || !slices.Equal(r.codes(t), []string{"?types enum"}) {
		t.Errorf("%d %s", r.status, r.body)
	}
	w.token = portal
	for query, want := range map[string][]string{
		"": {"e1", "e2", "e4"}, "?types=*": {"e1", "e2", "e4"}, "?types=consultation.*": {"e2"}, "?types=employment.ended": {"e1"},
	} {
		events, next := w.page(query)
		if diff := cmp.Diff(want, ids(events)); diff != "" || next != end {
			t.Errorf("%s: next %s, end %s\n%s", query, next, end, diff)
		}
	}
	for _, path := range []string{"/v1/events", "/v1/events/stream"} {
		if r := w.do("GET", path+"?types=consultation.answered,employment.ended", ""); r.status != http.StatusForbidden ||
			!strings.Contains(r.body, "consultation.answered") || strings.Contains(r.body, "employment.ended") {
			t.Errorf("%s: %d %s", path, r.status, r.body)
		}
	}
	w.token = nobody
	if r := w.do("GET", "/v1/events", ""); r.status != http.StatusForbidden {
		t.Errorf("%d", r.status)
	}
	w.token = ""
	if r := w.do("GET", "/v1/events/stream", ""); r.status != http.StatusUnauthorized {
		t.Errorf("%d", r.status)
	}
}

// examples are data of events, good by the description.
var examples = map[string]string{
	"consultation.requested": `{"consultation_id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","round":1,"case_reference":"c","case_type":"t",
		"leg_id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","authority":"tax","mandatory":true,"binding":"facts"}`,
	"consultation.answered": `{"consultation_id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","round":1,"case_reference":"c","case_type":"t",
		"leg_id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","authority":"tax","leg_state":"ANSWERED","answer_code":"FACTS","door":"soap"}`,
	"consultation.round_completed": `{"consultation_id":"6f9619ff-8b86-4d01-b42d-00cf4fc964ff","round":1,"case_reference":"c","case_type":"t",
		"outcome":"CLEAR","legs":[]}`,
	"employment.changed": `{"permit_id":"EL-1","toot_id":7,"started":"2026-03-01","changed_at":"2026-03-02T10:00:00Z"}`,
	"employment.ended":   `{"permit_id":"EL-1","toot_id":7,"started":"2026-03-01","changed_at":"2026-03-02T10:00:00Z","ended":"2026-03-02","end_ground_code":"X"}`,
	"contract.changed": `{"register":"cars","verdict":"breaking","previous_verdict":"same","pinned_sha256":"a","live_sha256":"b","breaking":1,"harmless":0,
		"differences":[{"operation":"find","version":"v1","direction":"answer","path":"/car","change":"field_removed","breaking":true,"used":true,"message":"the field is gone"}]}`,
	"test.happened": `{}`,
}

// The description holds every type of event that a room tells, with the form
// of its data: a wrong form is refused.
func TestEveryTypeOfEventIsDescribed(t *testing.T) {
	t.Parallel()
	described, err := core.EventTypes()
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, dir := range []string{"../consultation", "../tax", "../labour", "../registers/contractwatch", "subscriber"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`\b(?:[eE]vent[A-Z]\w*|kind)\s*:?= "((?:consultation|contract|employment|subscription)\.[a-z_]+)"`).FindAllSubmatch(source, -1) {
				told = append(told, string(m[1]))
			}
		}
	}
	slices.Sort(told)
	slices.Sort(described)
	if diff := cmp.Diff(slices.Compact(told), described); diff != "" || len(told) < 20 {
		t.Errorf("types that the rooms tell (-) and those in the cases of the schema Event in openapi.yaml (+)\n%s", diff)
	}
	w := newWorld(t)
	for kind, data := range examples {
		if kind == "test.happened" {
			continue
		}
		event := fmt.Sprintf(`{"events":[{"specversion":"1.0","id":"e","type":%q,"source":"/x","subject":"s","time":"2026-03-02T12:00:00Z","position":"1-1","data":%s}],"next":"1-1"}`, kind, data)
		r := reply{status: 200, header: http.Header{"Content-Type": {"application/json"}}, body: event}
		if err := w.doc.check("GET", "/v1/events", r); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for _, wrong := range []string{strings.Replace(data, "2026-03-01", "soon", 1), strings.Replace(data, `"round":1`, `"round":"1"`, 1), strings.Replace(data, `"breaking":1`, `"breaking":"1"`, 1), strings.Replace(data, `"verdict":"breaking"`, `"verdict":"bad"`, 1)} {
			if wrong == data {
				continue
			}
			r.body = strings.Replace(event, data, wrong, 1)
			if w.doc.check("GET", "/v1/events", r) == nil {
				t.Errorf("%s: %s is taken", kind, wrong)
			}
		}
	}
}
