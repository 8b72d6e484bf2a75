package rounds

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// drive opens the rounds, kills the hub in between, and waits until every round
// has ended.
func (w *world) drive(ctx context.Context, r *Result) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	began := time.Now()
	d := &driver{w: w, core: &atomic.Value{}, took: make([]time.Duration, w.o.Rounds), floor: make([]time.Duration, w.o.Rounds)}
	if _, err := w.pool.Exec(ctx, `create table public.floor (content bytea); alter table public.floor alter column content set storage external`); err != nil {
		return fmt.Errorf("making the floor: %w", err)
	}
	d.core.Store(w.hub.core)
	next := make(chan int)
	var clients sync.WaitGroup
	for range w.o.Clients {
		clients.Go(func() {
			for i := range next {
				if err := d.open(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	kills := w.moments()
	for i := range w.o.Rounds {
		if w.o.Rate > 0 {
			if err := until(ctx, began.Add(time.Duration(float64(i)/w.o.Rate*float64(time.Second)))); err != nil {
				break
			}
		}
		if i%(1+w.o.Rounds/20) == 0 {
			if err := w.temper(); err != nil {
				return err
			}
		}
		for len(kills) > 0 && kills[0] == i {
			kills = kills[1:]
			if err := w.crash(ctx, d, r); err != nil {
				return err
			}
		}
		select {
		case next <- i:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	clients.Wait()
	if err := context.Cause(ctx); err != nil {
		return err
	}
	r.Opened = w.o.Rounds
	if w.o.Kills == 0 {
		r.Opening, r.Commits = d.took, d.floor
		slices.Sort(r.Opening)
		slices.Sort(r.Commits)
	}
	err := w.settled(ctx)
	r.Took = time.Since(began)
	return err
}

// moments says before which rounds the hub is killed, sorted.
func (w *world) moments() []int {
	list := make([]int, w.o.Kills)
	for i := range list {
		list[i] = w.rand.IntN(w.o.Rounds)
	}
	slices.Sort(list)
	return list
}

// crash kills the hub a moment later, in the middle of whatever it does, and
// starts it again.
func (w *world) crash(ctx context.Context, d *driver, r *Result) error {
	if err := until(ctx, time.Now().Add(time.Duration(w.rand.IntN(300))*time.Millisecond)); err != nil {
		return err
	}
	w.hub.kill()
	// It lives on when the rounds have ended, and ends with everything else.
	if err := w.start(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	d.core.Store(w.hub.core)
	r.Kills++
	if r.Kills%10 == 0 {
		fmt.Fprintf(w.o.Progress, "%d kills\n", r.Kills)
	}
	return nil
}

func until(ctx context.Context, at time.Time) error {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// temper changes what the authorities answer.
func (w *world) temper() error {
	for _, a := range asked {
		code := said[a.system][w.rand.IntN(len(said[a.system]))]
		err := post(http.MethodPut, w.box.ControlURL()+"/control/v1/authorities/"+a.system, nil, map[string]any{"answer_code": code}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// driver opens rounds.
type driver struct {
	w    *world
	core *atomic.Value // the address of the hub's core door now
	took []time.Duration
	// floor is what the database itself needed for as many bytes, committed by the
	// same client right after each call.
	floor []time.Duration
}

// openingBytes is what an opening call of five legs adds to the database's log.
const openingBytes = 20 << 10

// giveUp is after how long an opening call is not made again.
const giveUp = 2 * time.Minute

// open opens one round: whatever happens to the hub, the same call is made again
// until it is acknowledged; that counts as its time.
func (d *driver) open(ctx context.Context, i int) error {
	body := map[string]any{
		"type": kind, "case_reference": fmt.Sprintf("B-%d", i), "legal_basis": "VMS § 31", "purpose": "Elamisloa taotluse läbivaatamine",
		"person":   map[string]any{"personal_code": "71506150007", "given_name": "Oriane", "surname": "Näidis"},
		"employer": map[string]any{"registry_code": "10000001"}, "official": "EE71506150007",
	}
	header := http.Header{"Idempotency-Key": {fmt.Sprintf("open-%d", i)}}
	for began := time.Now(); ; {
		err := post(http.MethodPost, d.core.Load().(string)+"/v1/consultations", header, body, nil)
		d.took[i] = time.Since(began)
		if err == nil {
			return d.commit(ctx, i)
		}
		if _, refused := errors.AsType[*refusedError](err); refused || time.Since(began) > giveUp {
			return err
		}
		if err := until(ctx, time.Now().Add(20*time.Millisecond)); err != nil {
			return err
		}
	}
}

// commit measures the database's own commit.
func (d *driver) commit(ctx context.Context, i int) error {
	content := make([]byte, openingBytes)
	for at := range content {
		content[at] = byte(i * at)
	}
	began := time.Now()
	_, err := d.w.pool.Exec(ctx, `insert into public.floor values ($1)`, content)
	d.floor[i] = time.Since(began)
	return err
}

// refusedError is an answer that does not become another when it is asked for
// again.
type refusedError struct {
	status int
	text   []byte
}

func (e *refusedError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.text) }

var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func post(method, address string, header http.Header, body, out any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, address, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		req.Header[name] = values
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode/100 == 4:
		return &refusedError{resp.StatusCode, text}
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s %s: %d %s", method, address, resp.StatusCode, text)
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}

// settled waits until every round that was opened has ended and every authority
// has been told that its answer was taken.
func (w *world) settled(ctx context.Context) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	last, since := -1, time.Now()
	for {
		var open int
		if err := w.pool.QueryRow(ctx, `select count(*) from consultation.round where state = 'COLLECTING' and type = $1 and case_reference like 'B-%'`, kind).Scan(&open); err != nil {
			return err
		}
		if open == 0 {
			unanswered, err := w.unanswered()
			if err != nil {
				return err
			}
			open = unanswered
		}
		if open == 0 {
			return nil
		}
		if open != last {
			last, since = open, time.Now()
		}
		if time.Since(since) > 2*time.Minute {
			return fmt.Errorf("%d rounds or answers are still open, and nothing moves", open)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
