package trouble_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ristmik/adapters/sandbox/trouble"
)

var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func still() time.Time { return noon }

func TestClockIsSetMovedAndStopped(t *testing.T) {
	t.Parallel()
	real := noon
	c := trouble.NewClock(func() time.Time { return real })
	yes, no := true, false
	for _, step := range []struct {
		move trouble.Move
		pass time.Duration
		want time.Time
	}{
		{trouble.Move{}, time.Minute, noon.Add(time.Minute)},
		{trouble.Move{Advance: time.Hour}, 0, noon.Add(time.Hour + time.Minute)},
		{trouble.Move{Advance: -time.Hour}, time.Minute, noon.Add(2 * time.Minute)},
		{trouble.Move{Set: noon.AddDate(1, 0, 0), Advance: time.Second, Freeze: &yes}, time.Hour, noon.AddDate(1, 0, 0).Add(time.Second)},
		{trouble.Move{Advance: time.Second}, time.Hour, noon.AddDate(1, 0, 0).Add(2 * time.Second)},
		{trouble.Move{Freeze: &no}, time.Hour, noon.AddDate(1, 0, 0).Add(time.Hour + 2*time.Second)},
	} {
		c.Move(step.move)
		real = real.Add(step.pass)
		if got := c.Now(); !got.Equal(step.want) {
			t.Errorf("after %+v and %s: %s, want %s", step.move, step.pass, got, step.want)
		}
	}
	if s := c.State(); s.Offset != noon.AddDate(1, 0, 0).Add(time.Hour+2*time.Second).Sub(real) || s.Frozen {
		t.Errorf("state %+v", s)
	}
}

func TestTimersGoByTheClock(t *testing.T) {
	t.Parallel()
	yes := true
	c := trouble.NewClock(still)
	c.Move(trouble.Move{Freeze: &yes})
	near, stopNear := c.After(time.Hour)
	far, stopFar := c.After(3 * time.Hour)
	c.Move(trouble.Move{Advance: 2 * time.Hour})
	<-near
	select {
	case <-far:
		t.Error("a timer fired an hour early")
	default:
	}
	if n := c.State().Waiting; n != 1 {
		t.Errorf("%d timers wait", n)
	}
	stopNear()
	stopFar()
	if n := c.State().Waiting; n != 0 {
		t.Errorf("%d timers wait after the end", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting in a context that ended: %v", err)
	}
	// Real time drives a clock that runs, even one whose base stands still.
	running := trouble.NewClock(still)
	if err := running.Wait(t.Context(), time.Millisecond); err != nil {
		t.Error(err)
	}
}
