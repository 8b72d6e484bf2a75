package xroad_test

import (
	"bytes"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/faulttest"
	"ristmik/adapters/provetest"
	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// Answers come through a network that slices, drips, resets, cuts off and swallows: no part of an answer is taken for
// the whole, whatever came whole is read, and no goroutine is left behind. This test runs alone, so that every
// goroutine of the package is its own.
func TestBug25NoPartialAnswerIsTakenForTheWhole(t *testing.T) { //nolint:paralleltest // see above
	padding := strings.Repeat("<!-- padding -->", 3000)
	s := server(t, func(w http.ResponseWriter, _ *http.Request, body []byte) {
		sendSOAP(w, 200, strings.Replace(soapAnswer(t, body), "<p:permitNoticeResponse", padding+"<p:permitNoticeResponse", 1))
	})
	proxy := faulttest.NewProxy(t, "tcp", strings.TrimPrefix(s.URL, "http://"))
	goroutines := func() int {
		buf := make([]byte, 1<<24)
		return bytes.Count(buf[:runtime.Stack(buf, true)], []byte("ristmik/adapters/xroad."))
	}
	before := goroutines()
	rounds := provetest.Count(3, 200)
	whole, cut := 0, 0
	for round := range rounds {
		for name, c := range map[string]struct {
			fault faulttest.Fault
			whole bool
		}{
			"nothing":                      {faulttest.Fault{}, true},
			"slices":                       {faulttest.Fault{Piece: 100 + round}, true},
			"latency and jitter":           {faulttest.Fault{Piece: 10_000, Every: time.Duration(1+round%7) * time.Millisecond}, true},
			"a reset in the header":        {faulttest.Fault{After: 20, Then: faulttest.Reset}, false},
			"an end in the header":         {faulttest.Fault{After: 20, Then: faulttest.Close}, false},
			"a reset in the body":          {faulttest.Fault{After: 2000 + 200*round%40_000, Then: faulttest.Reset}, false},
			"an end in the body":           {faulttest.Fault{After: 2000 + 200*round%40_000, Then: faulttest.Close}, false},
			"a silence in the body":        {faulttest.Fault{After: 2000 + 200*round%40_000, Then: faulttest.Blackhole}, false},
			"a silence from the beginning": {faulttest.Fault{Then: faulttest.Blackhole}, false},
			"a drip that takes too long":   {faulttest.Fault{Piece: 1, Every: 2 * time.Millisecond}, false},
		} {
			proxy.Set(c.fault)
			calls := client(t, "http://"+proxy.Addr().String(), func(o *xroad.Options) {
				o.Timeout = 30 * time.Second
				if !c.whole {
					o.Timeout = 300 * time.Millisecond
				}
			})
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					a, err := calls.Call(t.Context(), xroad.Call{Service: them, Body: notice(), UserID: "EE80001010000", Issue: "CASE-1"})
					switch {
					case c.whole && err != nil:
						t.Errorf("%s: %v", name, err)
					case c.whole:
						if r := soap.Child(a.Message.Body(), "", "receiptId"); r == nil || r.Text() != "R-1" {
							t.Errorf("%s: %v", name, a.Message.Body())
						}
					case err == nil:
						t.Errorf("%s: a part of an answer was taken for the whole", name)
					default:
						if f := failure(t, err); f.Kind != soap.KindUnknownResult {
							t.Errorf("%s: %s, and the message had left: %v", name, f.Kind, err)
						}
					}
				})
			}
			all.Wait()
			if c.whole {
				whole++
			} else {
				cut++
			}
			proxy.Cut()
		}
	}
	s.CloseClientConnections()
	limit := time.After(time.Minute)
	for goroutines() > before+5 {
		select {
		case <-limit:
			t.Fatalf("%d goroutines are left of %d", goroutines(), before)
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Log(fmt.Sprint(4*whole, " answers came whole, ", 4*cut, " in part or not at all"))
}
