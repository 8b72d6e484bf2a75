package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ristmik/adapters/core/subscriber"
	"ristmik/outbox"
)

// webhooksCommand shows and steers the receivers of events of the configured
// database.
type webhooksCommand struct {
	List    webhooksList    `cmd:"" help:"How every receiver stands: how far it has been told, since when it fails, whether it is disabled and why."`
	Disable webhooksDisable `cmd:"" help:"Tell a receiver nothing until it is enabled; its events wait."`
	Enable  webhooksEnable  `cmd:"" help:"Go on telling a receiver from where it stopped."`
	Replay  webhooksReplay  `cmd:"" help:"Tell a receiver again of everything after a position."`
}

type webhooksList struct {
	jobsCommon
}

func (c webhooksList) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		list, err := subscriber.List(p.ctx, db.pool)
		if err != nil {
			return err
		}
		type view struct {
			Name           string          `json:"name"`
			Position       outbox.Position `json:"position"`
			Replays        int             `json:"replays"`
			FailingSince   time.Time       `json:"failing_since,omitzero"`
			FailingReason  string          `json:"failing_reason,omitempty"`
			DisabledAt     time.Time       `json:"disabled_at,omitzero"`
			DisabledBy     string          `json:"disabled_by,omitempty"`
			DisabledReason string          `json:"disabled_reason,omitempty"`
		}
		shown := make([]view, 0, len(list))
		for _, s := range list {
			shown = append(shown, view{s.Name, s.Cursor, s.Replays, s.FailingSince, s.FailingReason, s.DisabledAt, s.DisabledBy, s.DisabledReason})
		}
		return c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintln(w, "RECEIVER\tPOSITION\tSTATE")
			for _, v := range shown {
				state := "enabled"
				if !v.FailingSince.IsZero() {
					state = fmt.Sprintf("failing since %s: %s", moment(v.FailingSince), v.FailingReason)
				}
				if !v.DisabledAt.IsZero() {
					state = fmt.Sprintf("DISABLED %s by %s: %s", moment(v.DisabledAt), v.DisabledBy, v.DisabledReason)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\n", v.Name, v.Position, state)
			}
		})
	})
}

type webhooksDisable struct {
	jobsCommon
	author
	Name   string `arg:"" help:"The receiver."`
	Reason string `required:"" help:"Why; shown beside it."`
}

func (c webhooksDisable) Run(p *surroundings) error {
	if strings.TrimSpace(c.Reason) == "" {
		return usage(errors.New("--reason is empty"))
	}
	return c.change(p, c.Name, "disabled", func(db *database) error {
		return subscriber.Disable(p.ctx, db.pool, c.Name, c.name(), c.Reason)
	})
}

type webhooksEnable struct {
	jobsCommon
	Name string `arg:"" help:"The receiver."`
}

func (c webhooksEnable) Run(p *surroundings) error {
	return c.change(p, c.Name, "enabled", func(db *database) error { return subscriber.Enable(p.ctx, db.pool, c.Name) })
}

type webhooksReplay struct {
	jobsCommon
	Name  string `arg:"" help:"The receiver."`
	After string `required:"" help:"The position, as the events have it; beginning for everything."`
}

func (c webhooksReplay) Run(p *surroundings) error {
	after := outbox.Position(c.After)
	if c.After == "beginning" {
		after = ""
	}
	return c.change(p, c.Name, "told again", func(db *database) error { return subscriber.Replay(p.ctx, db.pool, c.Name, after) })
}

// change does something to a receiver and says what it is now.
func (j jobsCommon) change(p *surroundings, name, now string, do func(db *database) error) error {
	return j.with(p, func(db *database) error {
		err := do(db)
		if errors.Is(err, subscriber.ErrUnknown) || errors.Is(err, outbox.ErrBadPosition) {
			return usage(fmt.Errorf("%w; ristmik webhooks list names receivers and positions", err))
		}
		if err != nil {
			return err
		}
		return j.print(p.out, map[string]string{"receiver": name, "state": now}, func(w io.Writer) { fmt.Fprintf(w, "%s is %s\n", name, now) })
	})
}
