package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"ristmik/adapters/faulttest"
	"ristmik/adapters/provetest"
)

// An authority's system reads its questions page by page over a connection that
// breaks, while more are added.
func TestScenario20OwnSystemPull(t *testing.T) {
	t.Parallel()
	s := newScene(t, sceneOptions{consultations: one("one", "mandatory: true, binding: facts, term: {working_days: 5}, silence: escalate"), authorities: allSilent()})
	there, added, page, cuts := provetest.Sized(200, 5000), provetest.Sized(100, 1000), provetest.Sized(50, 500), 20
	var mu sync.Mutex
	want := map[string]bool{}
	open := func(name string) {
		c := s.open("one", name)
		mu.Lock()
		defer mu.Unlock()
		want[c.leg("town").ID] = true
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for n := i; n < there; n += 4 {
				open(fmt.Sprintf("C-%d", n))
			}
		})
	}
	all.Wait()
	box, err := url.Parse(s.box.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := faulttest.NewProxy(t, "tcp", box.Host)
	done := make(chan struct{})
	go func() { // a hundred a second
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for n := range added {
			<-tick.C
			open(fmt.Sprintf("N-%d", n))
		}
	}()
	seen, position, broken := map[string]int{}, json.Number("0"), 0
	for last := false; ; {
		select {
		case <-done:
			last = true
		default:
		}
		proxy.Set(faulttest.Fault{})
		if broken < cuts {
			// Now in the head of the answer, now in its middle.
			proxy.Set(faulttest.Fault{After: 1 + 997*broken%4000, Then: faulttest.Reset})
		}
		list, ok := readPage(t, "http://"+proxy.Addr().String(), position, page)
		if !ok {
			if broken++; broken > cuts {
				t.Fatal("a reader that is not cut off gets nothing")
			}
			continue
		}
		for _, n := range list {
			seen[n.ID]++
			position = n.Position
		}
		if last && len(list) == 0 {
			break
		}
	}
	if broken < cuts {
		t.Errorf("the connection broke %d times", broken)
	}
	for id, n := range seen {
		if n != 1 || !want[id] {
			t.Errorf("%s was seen %d times", id, n)
		}
	}
	if len(seen) != len(want) || len(want) != there+added {
		t.Errorf("%d of %d were seen", len(seen), len(want))
	}
}

type noticeView struct {
	Position json.Number `json:"position"`
	ID       string      `json:"consultation_id"`
}

// readPage reads one page; false when it did not come whole.
func readPage(t *testing.T, server string, after json.Number, limit int) ([]noticeView, bool) {
	t.Helper()
	// A connection of its own for each: the proxy counts bytes from the beginning.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("%s/r1/EE/GOV/70008747/ristmik/konsult/notices?after=%s&limit=%d", server, after, limit), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Road-Client", subsystemOf("town"))
	resp, err := client.Do(req)
	if err != nil {
		return nil, false
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, false
	}
	var out struct{ Notices []noticeView }
	if resp.StatusCode != http.StatusOK || json.Unmarshal(data, &out) != nil {
		t.Fatalf("%d %s", resp.StatusCode, data)
	}
	return out.Notices, true
}
