package sandbox_test

import (
	"net/http"
	"testing"
	"time"
)

type clockState struct {
	Now     time.Time `json:"now"`
	Frozen  bool      `json:"frozen"`
	Offset  string    `json:"offset"`
	Waiting int       `json:"waiting"`
}

// One clock rules the Security Server and the authorities behind it.
func TestClockOfTheSandboxIsMoved(t *testing.T) {
	t.Parallel()
	s := start(t, options(t, ""))
	var c clockState
	mustControl(t, s, "PUT", "clock", map[string]any{"now": "2030-01-02T03:04:05Z", "frozen": true}, &c)
	at := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	if !c.Now.Equal(at) || !c.Frozen {
		t.Errorf("the clock says %+v", c)
	}
	call(t, s, envelope(hub, torikService, "clock-1", "", torik("1", "", "")))
	var x struct {
		Exchanges []struct {
			StartedAt time.Time `json:"started_at"`
		}
	}
	mustControl(t, s, "GET", "exchanges", nil, &x)
	if len(x.Exchanges) != 1 || !x.Exchanges[0].StartedAt.Equal(at) {
		t.Errorf("the exchange was at %+v", x.Exchanges)
	}
	mustControl(t, s, "PUT", "clock", map[string]any{"advance": "36h"}, nil)
	mustControl(t, s, "GET", "clock", nil, &c)
	if !c.Now.Equal(at.Add(36 * time.Hour)) {
		t.Errorf("after a day and a half it says %s", c.Now)
	}
	var p struct {
		Errors []struct{ Path string }
	}
	if status := control(t, s, "PUT", "clock", map[string]any{"now": "noon", "advance": "a bit"}, &p); status != http.StatusBadRequest || len(p.Errors) != 2 {
		t.Errorf("status %d, %+v", status, p)
	}
	if status := control(t, s, "PUT", "clock", map[string]any{}, &p); status != http.StatusBadRequest {
		t.Errorf("an empty move: status %d", status)
	}
}

// An authority that takes an hour answers when the hour has passed on the
// sandbox's clock.
func TestAuthoritiesWaitForTheClock(t *testing.T) {
	t.Parallel()
	s, h := start(t, options(t, "")), newHub(t)
	h.register(s)
	mustControl(t, s, "PUT", "clock", params{"frozen": true}, nil)
	mustControl(t, s, "PUT", "authorities/labour-inspectorate", params{"delay_ms": 3600000}, nil)
	if status, _, _ := askREST(t, s, "slow-1"); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	waiting(t, s, 1)
	mustControl(t, s, "PUT", "clock", params{"advance": "59m"}, nil)
	waiting(t, s, 1)
	if n := len(h.got()); n != 0 {
		t.Errorf("%d answers after 59 minutes", n)
	}
	mustControl(t, s, "PUT", "clock", params{"advance": "1m"}, nil)
	eventually(t, "the answer", func() bool { return len(h.got()) == 1 })
}
