package crash_test

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// receiver takes messages and recognises duplicates by their keys. It remembers what was acknowledged to publishers. To
// some messages it answers at first that it is busy, to some with an error although it has taken them, and it refuses a few.
type receiver struct {
	url    string
	target int // how many messages publishers are to publish
	kill   func(pid int)
	hold   func(ctx context.Context, key, owner string) int // when set: the status to answer with, 0 for the usual one

	lost atomic.Int64 // outcomes that were not recorded because the lane was somebody else's

	mu         sync.Mutex
	effects    map[string]int      // by key
	arrivals   map[string][]string // by lane: keys as they first took effect
	refused    map[string]bool
	odd        map[string]int  // how often a message that is not taken at once has come
	expected   map[string]bool // messages that come again because of what the receiver said
	duplicates int
	hits       int
	last       time.Time
	acked      map[string]bool
	points     map[string]bool
	killNext   bool
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{effects: map[string]int{}, arrivals: map[string][]string{}, refused: map[string]bool{}, odd: map[string]int{},
		expected: map[string]bool{}, acked: map[string]bool{}, points: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /message", r.message)
	mux.HandleFunc("POST /acknowledge", r.acknowledge)
	mux.HandleFunc("POST /lost", func(http.ResponseWriter, *http.Request) { r.lost.Add(1) })
	mux.HandleFunc("POST /point", func(_ http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.points[req.PostFormValue("name")] = true
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

func (r *receiver) message(w http.ResponseWriter, req *http.Request) {
	key, lane, owner := req.PostFormValue("key"), req.PostFormValue("lane"), req.PostFormValue("owner")
	if r.hold != nil {
		if status := r.hold(req.Context(), key, owner); status != 0 {
			w.WriteHeader(status)
			return
		}
	}
	status, dies := r.take(key, lane)
	if dies {
		if pid, err := strconv.Atoi(req.PostFormValue("pid")); err == nil {
			r.kill(pid)
		}
	}
	w.WriteHeader(status)
}

// take takes a message and gives the status to answer with; dies says that whoever sends it is to be killed before.
func (r *receiver) take(key, lane string) (status int, dies bool) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	kind := h.Sum32() % 1000
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hits++
	r.last = time.Now()
	switch {
	case r.effects[key] > 0 || r.refused[key]:
		if r.expected[key] {
			delete(r.expected, key)
		} else {
			r.duplicates++
		}
		if r.refused[key] {
			return http.StatusConflict, false
		}
		return http.StatusOK, false
	case kind < 2:
		r.refused[key] = true
		return http.StatusConflict, false
	case kind < 20 && r.odd[key] == 0:
		r.odd[key]++
		return http.StatusServiceUnavailable, false
	}
	r.effects[key]++
	r.arrivals[lane] = append(r.arrivals[lane], key)
	dies, r.killNext = r.killNext, false
	if kind >= 20 && kind < 30 {
		r.expected[key] = true
		return http.StatusInternalServerError, dies
	}
	return http.StatusOK, dies
}

// acknowledge takes keys that are published, as far as it wants more.
func (r *receiver) acknowledge(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm()
	keys := req.PostForm["key"]
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		r.acked[key] = true
	}
	if len(r.acked) >= r.target || len(r.acked)-len(r.effects) > 4000 { // enough is waiting
		w.WriteHeader(http.StatusTooManyRequests)
	}
}

// want asks publishers for messages until as many are acknowledged.
func (r *receiver) want(n int) { r.mu.Lock(); r.target = n; r.mu.Unlock() }

// count gives how many effects there were, and how many messages came once more although nothing asked for it.
func (r *receiver) count() (effects, duplicates, acked int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.effects) + len(r.refused), r.duplicates, len(r.acked)
}

func (r *receiver) known() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name := range r.points {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
