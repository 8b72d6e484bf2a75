package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"ristmik/outbox"
)

// outboxDowntime shows, announces and withdraws outages of destinations.
type outboxDowntime struct {
	Ls       downtimeLs       `cmd:"" help:"Outages that are announced and not over."`
	Announce downtimeAnnounce `cmd:"" help:"Announce one: what is to be sent waits while it lasts, and no attempt is counted."`
	Withdraw downtimeWithdraw `cmd:"" help:"Take an announcement back; sending goes on at once."`
}

// downtimeView is an announced outage; the names are stable.
type downtimeView struct {
	ID          int64     `json:"id"`
	Destination string    `json:"destination"`
	From        time.Time `json:"from"`
	Until       time.Time `json:"until"`
	By          string    `json:"by"`
	Reason      string    `json:"reason"`
}

func viewOfDowntime(d outbox.Downtime) downtimeView {
	return downtimeView{d.ID, d.Destination, d.From, d.Until, d.By, d.Reason}
}

type downtimeLs struct {
	outboxCommon
}

// Run prints the outages.
func (c downtimeLs) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		list, err := outbox.Downtimes(p.ctx, db.pool)
		if err != nil {
			return err
		}
		shown := make([]downtimeView, 0, len(list))
		for _, d := range list {
			shown = append(shown, viewOfDowntime(d))
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "ID\tDESTINATION\tFROM\tUNTIL\tBY\tREASON")
			for _, v := range shown {
				fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\n", v.ID, v.Destination, moment(v.From), moment(v.Until), v.By, v.Reason)
			}
		})
	})
}

type downtimeAnnounce struct {
	outboxCommon
	author
	Destination string        `arg:"" help:"The destination, or security-server for our own."`
	From        string        `help:"When it begins: 2026-12-01T22:00 in Estonian time, or with a zone as in 2026-12-01T20:00:00Z; without it, now."`
	Until       string        `help:"When it ends, in the same form."`
	For         time.Duration `help:"Instead of --until: how long it lasts."`
	Reason      string        `required:"" help:"Why; kept, and shown beside the destination."`
}

// Run announces.
func (c downtimeAnnounce) Run(p *surroundings) error {
	from, err := wallTime(c.From)
	if err != nil {
		return usage(fmt.Errorf("--from: %w", err))
	}
	until, err := wallTime(c.Until)
	if err != nil {
		return usage(fmt.Errorf("--until: %w", err))
	}
	switch {
	case (c.Until == "") == (c.For == 0):
		return usage(errors.New("either --until or --for is needed"))
	case c.For < 0:
		return usage(errors.New("--for is not negative"))
	case c.For > 0 && from.IsZero():
		until = time.Now().Add(c.For)
	case c.For > 0:
		until = from.Add(c.For)
	}
	return c.with(p, func(db *database) error {
		d, err := outbox.Announce(p.ctx, db.pool, c.Destination, from, until, c.name(), c.Reason)
		if err != nil {
			return err
		}
		return c.print(p.out, viewOfDowntime(d), func(w io.Writer) {
			fmt.Fprintf(w, "downtime %d: nothing is sent to %s from %s until %s\n", d.ID, d.Destination, moment(d.From), moment(d.Until))
		})
	})
}

type downtimeWithdraw struct {
	outboxCommon
	author
	ID     int64  `arg:"" help:"The announcement's id."`
	Reason string `required:"" help:"Why; kept."`
}

// Run withdraws.
func (c downtimeWithdraw) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		err := outbox.Withdraw(p.ctx, db.pool, c.ID, c.name(), c.Reason)
		if errors.Is(err, outbox.ErrNoDowntime) {
			return usage(err)
		}
		if err != nil {
			return err
		}
		return c.print(p.out, map[string]any{"id": c.ID, "state": "withdrawn"}, func(w io.Writer) { fmt.Fprintf(w, "downtime %d is withdrawn\n", c.ID) })
	})
}

// wallTime reads a time of Estonian clocks, or one with a zone; empty is zero.
func wallTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		return time.Time{}, err
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 2026-12-01T22:00", s)
}
