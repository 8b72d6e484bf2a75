//go:build !race

// The race detector allocates for itself.

package authority_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"ristmik/soap/conformance"
)

// What a message costs is bounded by its own size, whatever is in it: at most
// ten bytes are allocated for each byte sent, and twice the input costs at most
// twice as much. Bytes are counted, because time depends on the machine. Not
// parallel: the counter is the whole process's.
func TestBadInputsCostNoMoreThanTheirSize(t *testing.T) {
	conformance.Covers(t, "C-167")
	h := newHostile(t)
	cost := func(message string) float64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r := httptest.NewRequest(http.MethodPost, "/soap", strings.NewReader(message))
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Content-Type", "text/xml; charset=UTF-8")
		w := httptest.NewRecorder()
		h.handler.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		if w.Code != http.StatusInternalServerError && w.Code != http.StatusOK {
			t.Errorf("status %d", w.Code)
		}
		return float64(after.TotalAlloc-before.TotalAlloc) / float64(len(message))
	}
	for name, grow := range map[string]func(n int) string{ // about n bytes
		"depth":  func(n int) string { return h.put(repeat("<a>", n/7) + repeat("</a>", n/7)) },
		"levels": func(n int) string { return h.put(repeat(repeat("<a>", 50)+repeat("</a>", 50), n/350)) },
		"attributes": func(n int) string {
			return h.put("<a" + numbered(n/11, func(i int) string { return fmt.Sprintf(" b%06d=''", i) }) + "/>")
		},
		"elements":          func(n int) string { return h.put(repeat("<a/>", n/4)) },
		"as many as may be": func(n int) string { return h.put(repeat("<a/>"+repeat(" ", 92), n/96)) },
		"namespaces":        func(n int) string { return h.put(repeat(`<a xmlns:p="urn:p"/>`, n/20)) },
		"a text":            func(n int) string { return h.put(repeat("x", n)) },
		"references":        func(n int) string { return h.put(repeat("&amp;", n/5)) },
		"a value":           func(n int) string { return h.swap(marker, repeat("x", n)) },
		"comments":          func(n int) string { return h.put(repeat("<!---->", n/7)) },
		"CDATA":             func(n int) string { return h.put(repeat("<![CDATA[]]>", n/12)) },
		"a name":            func(n int) string { return h.put("<" + repeat("a", n) + "/>") },
		"no end":            func(n int) string { return h.put("<a b='" + repeat("x", n)) },
		"faults":            func(n int) string { return h.put(repeat("<condition/>", n/12)) },
		"header blocks":     func(n int) string { return h.swap("<e:Header>", "<e:Header>"+repeat("<x/>", n/4)) },
		"document type": func(n int) string {
			return h.swap("<e:Envelope", "<!DOCTYPE x ["+repeat("<!ENTITY a 'b'>", n/15)+"]><e:Envelope")
		},
	} {
		cost(grow(1 << 16)) // what is made once is made
		small, large := cost(grow(1<<20)), cost(grow(1<<21))
		t.Logf("%s: %.1f and %.1f bytes for each", name, small, large)
		if small > 10 || large > 10 {
			t.Errorf("%s: %.1f and %.1f bytes allocated for each byte sent", name, small, large)
		}
		h.log.take()
	}
}
