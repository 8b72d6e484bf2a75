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
