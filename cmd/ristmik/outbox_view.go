package main

import (
	"fmt"
	"time"

	"ristmik/outbox"
)

// messageView is a message as the command prints it; the names are stable.
type messageView struct {
	ID          int64     `json:"id"`
	Destination string    `json:"destination"`
	Lane        string    `json:"lane"`
	Kind        string    `json:"kind"`
	Key         string    `json:"key"`
	State       string    `json:"state"`
	Attempts    int       `json:"attempts"`
	Reason      string    `json:"reason,omitempty"`
	Published   time.Time `json:"published"`
	Due         time.Time `json:"due,omitzero"`
	Settled     time.Time `json:"settled,omitzero"`
}

func viewOfMessage(m outbox.Row) messageView {
	return messageView{
		ID: m.ID, Destination: m.Destination, Lane: m.Lane, Kind: m.Kind, Key: m.Key, State: string(m.State),
		Attempts: m.Attempt, Reason: m.Reason, Published: m.Published, Due: m.Due, Settled: m.Settled,
	}
}

// storyView is a message with all that has happened to it.
type storyView struct {
	messageView
	Generation    int                `json:"generation"`
	Tried         []attemptView      `json:"tried"`
	Interventions []interventionView `json:"interventions"`
}

type attemptView struct {
	Attempt  int       `json:"attempt"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished"`
	Result   string    `json:"result"`
	Reason   string    `json:"reason,omitempty"`
	Exchange string    `json:"exchange,omitempty"`
	Owner    string    `json:"owner"`
}

type interventionView struct {
	Action string    `json:"action"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
}

func viewOfStory(s outbox.Story) storyView {
	v := storyView{messageView: viewOfMessage(s.Row), Generation: s.Generation, Tried: []attemptView{}, Interventions: []interventionView{}}
	for _, a := range s.Attempts {
		v.Tried = append(v.Tried, attemptView{a.Attempt, a.Started, a.Finished, string(a.Result), a.Reason, a.Exchange, a.Owner})
	}
	for _, i := range s.Interventions {
		v.Interventions = append(v.Interventions, interventionView{i.Action, i.By, i.Reason, i.At})
	}
	return v
}

// statsView is how a destination stands; the names are stable.
type statsView struct {
	Destination   string    `json:"destination"`
	Ready         int64     `json:"ready"`
	Sending       int64     `json:"sending"`
	Waiting       int64     `json:"waiting"`
	Blocked       int64     `json:"blocked"`
	Parked        int64     `json:"parked"`
	Dead          int64     `json:"dead"`
	Delivered     int64     `json:"delivered"`
	Discarded     int64     `json:"discarded"`
	OldestSeconds float64   `json:"oldest_unsent_seconds"`
	Breaker       string    `json:"breaker"`
	BreakerReason string    `json:"breaker_reason,omitempty"`
	ProbeReason   string    `json:"probe_reason,omitempty"`
	Gateway       string    `json:"gateway,omitempty"`
	OpenUntil     time.Time `json:"open_until,omitzero"`
	RetriesOffBy  string    `json:"retries_off_by,omitempty"`
	RetriesOff    string    `json:"retries_off_reason,omitempty"`
	PausedBy      string    `json:"paused_by,omitempty"`
	PausedReason  string    `json:"paused_reason,omitempty"`
	PausedUntil   time.Time `json:"paused_until,omitzero"`
	ShutUntil     time.Time `json:"shut_until,omitzero"`
	DownFrom      time.Time `json:"downtime_from,omitzero"` // of the outage that lasts, or of the next one that is announced
	DownUntil     time.Time `json:"downtime_until,omitzero"`
	DownBy        string    `json:"downtime_by,omitempty"`
	DownReason    string    `json:"downtime_reason,omitempty"`
	Down          bool      `json:"downtime,omitempty"` // it lasts
}

func viewOfStats(list []outbox.DestinationStats, breakers []outbox.Breaker) []statsView {
	byName := map[string]outbox.Breaker{}
	for _, b := range breakers {
		byName[b.Destination] = b
	}
	shown := make([]statsView, 0, len(list))
	for _, s := range list {
		b := byName[s.Destination]
		shown = append(shown, statsView{
			Destination: s.Destination, Ready: s.Ready, Sending: s.Sending, Waiting: s.Waiting, Blocked: s.Blocked, Parked: s.Parked,
			Dead: s.Dead, Delivered: s.Delivered, Discarded: s.Discarded, OldestSeconds: s.OldestUnsent.Seconds(),
			Breaker: b.State, BreakerReason: b.Reason, ProbeReason: b.ProbeReason, RetriesOffBy: b.RetriesOffBy, RetriesOff: b.RetriesOffReason, Gateway: b.Gateway, OpenUntil: b.OpenUntil,
			PausedBy: b.HeldBy, PausedReason: b.HeldReason, PausedUntil: b.HeldUntil, ShutUntil: b.ShutUntil,
			DownFrom: b.DownFrom, DownUntil: b.DownUntil, DownBy: b.DownBy, DownReason: b.DownReason, Down: b.Down,
		})
	}
	return shown
}

// stands is what keeps the destination from being sent to, for people.
func (v statsView) stands() string {
	switch {
	case v.PausedBy != "":
		return fmt.Sprintf("paused by %s: %s", v.PausedBy, v.PausedReason)
	case v.Down:
		return fmt.Sprintf("away until %s, announced by %s: %s", moment(v.DownUntil), v.DownBy, v.DownReason)
	case v.RetriesOffBy != "" && v.Breaker != "open" && v.Breaker != "half_open":
		return fmt.Sprintf("failed ones are not tried again, by %s: %s", v.RetriesOffBy, v.RetriesOff)
	case v.Breaker != "open" && v.Breaker != "half_open" && !v.ShutUntil.IsZero():
		return "outside its opening hours until " + moment(v.ShutUntil)
	case v.Breaker == "closed" || v.Breaker == "":
		return "-"
	default:
		return fmt.Sprintf("%s until %s: %s", v.Breaker, moment(v.OpenUntil), v.BreakerReason)
	}
}
