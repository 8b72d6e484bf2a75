package story

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// call sends one JSON request and reads the answer into out; any status but a
// 2xx is an error that holds the answer's own words.
func (s *Story) call(ctx context.Context, method, address string, header http.Header, body, out any) (int, error) {
	var r io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		r = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, r)
	if err != nil {
		return 0, err
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return resp.StatusCode, err
	}
	if resp.StatusCode/100 != 2 {
		return resp.StatusCode, fmt.Errorf("%s %s: %d %s", method, req.URL.Path, resp.StatusCode, bytes.TrimSpace(data))
	}
	if out == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.Unmarshal(data, out)
}

func idempotent(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }

// errNotYet makes until look again.
var errNotYet = errors.New("not yet")

// until looks until look no longer says errNotYet. What it waits for shows at
// a door, and a door can only be asked.
func until(ctx context.Context, look func() error) error {
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := look()
		if !errors.Is(err, errNotYet) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain: %w", err)
		case <-tick.C:
		}
	}
}

// The core's door.

type consultationView struct {
	ID      string    `json:"id"`
	State   string    `json:"state"`
	Outcome string    `json:"outcome"`
	Legs    []legView `json:"legs"`
}

type legView struct {
	ID        string `json:"id"`
	Authority string `json:"authority"`
	State     string `json:"state"`
	Answer    *struct {
		Code string `json:"code"`
	} `json:"answer"`
}

func (v consultationView) leg(authority string) legView {
	for _, l := range v.Legs {
		if l.Authority == authority {
			return l
		}
	}
	return legView{}
}

func (s *Story) consultation(ctx context.Context, id string) (consultationView, error) {
	var v consultationView
	_, err := s.call(ctx, http.MethodGet, s.o.Core+"/v1/consultations/"+url.PathEscape(id), nil, nil, &v)
	return v, err
}

type event struct {
	ID       string         `json:"id"`
	Type     string         `json:"type"`
	Subject  string         `json:"subject"`
	Position string         `json:"position"`
	Data     map[string]any `json:"data"`
}

// events reads the whole feed from the start, in small pages as a careful
// reader would.
func (s *Story) events(ctx context.Context) ([]event, error) {
	var all []event
	after := ""
	for {
		var page struct {
			Events []event `json:"events"`
			Next   string  `json:"next"`
		}
		_, err := s.call(ctx, http.MethodGet, s.o.Core+"/v1/events?limit=4&after="+url.QueryEscape(after), nil, nil, &page)
		if err != nil {
			return nil, err
		}
		if len(page.Events) == 0 {
			return all, nil
		}
		all = append(all, page.Events...)
		after = page.Next
	}
}

// The operators' door.

type breakerView struct {
	Destination string `json:"destination"`
	State       string `json:"state"`
}

type breakersView struct {
	Breakers []breakerView `json:"breakers"`
	History  []struct {
		Destination string `json:"destination"`
		To          string `json:"to"`
	} `json:"history"`
}

func (s *Story) breakers(ctx context.Context) (breakersView, error) {
	var v breakersView
	_, err := s.call(ctx, http.MethodGet, s.o.Console+"/api/v1/breakers", nil, nil, &v)
	return v, err
}

func (v breakersView) state(destination string) string {
	for _, b := range v.Breakers {
		if b.Destination == destination {
			return b.State
		}
	}
	return "closed"
}

// The sandbox's door.

type person struct {
	PersonalCode string       `json:"personal_code"`
	GivenName    string       `json:"given_name"`
	Surname      string       `json:"surname"`
	Employments  []employment `json:"employments"`
}

type employment struct {
	ID       int64  `json:"toot_id"`
	Employer string `json:"employer_code"`
	Start    string `json:"start"`
	End      string `json:"end"`
}

type received struct {
	Consultations []struct {
		ID             string `json:"id"`
		TimesReceived  int    `json:"times_received"`
		Answered       bool   `json:"answered"`
		DeliveriesDone int    `json:"deliveries_done"`
		AnswerStatus   string `json:"answer_status"`
	} `json:"consultations"`
	Notices []struct {
		EventID   string `json:"event_id"`
		EventType string `json:"event_type"`
		PermitID  string `json:"permit_id"`
	} `json:"notices"`
}

func (s *Story) received(ctx context.Context, system string) (received, error) {
	var v received
	_, err := s.call(ctx, http.MethodGet, s.o.Control+"/control/v1/received/"+system, nil, nil, &v)
	return v, err
}

// setDown switches a simulated system off or on and returns what the sandbox
// says it is now.
func (s *Story) setDown(ctx context.Context, system string, down bool) (bool, error) {
	var v struct {
		Down bool `json:"down"`
	}
	_, err := s.call(ctx, http.MethodPut, s.o.Control+"/control/v1/services/"+system, nil, map[string]any{"down": down}, &v)
	return v.Down, err
}

func (s *Story) setCharacter(ctx context.Context, authority string, character map[string]any) error {
	_, err := s.call(ctx, http.MethodPut, s.o.Control+"/control/v1/authorities/"+authority, nil, character, nil)
	return err
}
