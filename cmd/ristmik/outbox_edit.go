package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/soap"
)

// maxBody bounds the body of an edited message, in bytes.
const maxBody = 8 << 20

type outboxBody struct {
	outboxCommon
	author
	ID     int64  `arg:"" help:"The message's id."`
	Out    string `short:"o" required:"" type:"path" help:"The file to write; it must not exist, and only you can read it."`
	Reason string `required:"" help:"Why; kept with the message."`
}

// Run writes the body of a message into a file.
func (c outboxBody) Run(p *surroundings) error {
	return c.with(p, func(db *database) (err error) {
		f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return usage(fmt.Errorf("writing the body: %w", err))
		}
		defer func() {
			if err = errors.Join(err, f.Close()); err != nil {
				err = errors.Join(err, os.Remove(c.Out))
			}
		}()
		body, err := outbox.Body(p.ctx, db.pool, c.ID, c.name(), c.Reason)
		if err != nil {
			return err
		}
		if _, err := f.Write(body); err != nil {
			return fmt.Errorf("writing the body: %w", err)
		}
		return c.print(p.out, map[string]any{"id": c.ID, "file": c.Out, "bytes": len(body)}, func(w io.Writer) {
			fmt.Fprintf(w, "%d bytes in %s\n", len(body), c.Out)
		})
	})
}

type outboxEdit struct {
	outboxCommon
	author
	ID      int64         `arg:"" help:"The message's id; it must be dead."`
	Body    string        `type:"existingfile" help:"A file with the new body (ristmik outbox body writes the present one); without it, the body stays."`
	Delay   time.Duration `help:"Send it no sooner than after this long."`
	Expires time.Duration `help:"After this long it is of no use any more."`
	Reason  string        `required:"" help:"Why; kept with the message."`
}

// Run lets the message go again as its next generation.
func (c outboxEdit) Run(p *surroundings) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	change := outbox.Change{Delay: c.Delay, Expires: c.Expires}
	if c.Body != "" {
		if change.Payload, err = readBody(c.Body); err != nil {
			return usage(err)
		}
	}
	return c.with(p, func(db *database) error {
		var check func(was, will outbox.Message) error
		if change.Payload != nil {
			if check, err = checkOfSenders(p.ctx, cfg, db); err != nil {
				return err
			}
		}
		generation, err := outbox.Edit(p.ctx, db.pool, c.ID, change, check, c.name(), c.Reason)
		if errors.Is(err, outbox.ErrNotDead) {
			return usage(err)
		}
		if err != nil {
			return err
		}
		return c.print(p.out, map[string]any{"id": c.ID, "generation": generation, "state": "ready"}, func(w io.Writer) {
			fmt.Fprintf(w, "message %d goes again, as generation %d\n", c.ID, generation)
		})
	})
}

func readBody(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	defer func() { _ = f.Close() }()
	body, err := io.ReadAll(io.LimitReader(f, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	if len(body) > maxBody || len(body) == 0 {
		return nil, fmt.Errorf("%s has %d bytes or more: a body has 1 to %d", file, len(body), maxBody)
	}
	return body, nil
}

// checkOfSenders asks the sender of the message's destination, as this
// configuration would make it, whether it can send what was edited.
func checkOfSenders(ctx context.Context, cfg *configs.Config, db *database) (func(was, will outbox.Message) error, error) {
	client, err := soap.ParseClientID(cfg.XRoad.Client)
	if err != nil {
		return nil, fmt.Errorf("xroad.client: %w", err)
	}
	xr, err := newXRoad(cfg.XRoad, client, nil, nil)
	if err != nil {
		return nil, err
	}
	registers, err := newRegisters(cfg, db.pool, xr)
	if err != nil {
		return nil, err
	}
	hidden, err := readHiddenNames(ctx, db.pool)
	if err != nil {
		return nil, err
	}
	procedure, err := newProcedure(cfg, hidden, time.Now, nil)
	if err != nil {
		return nil, err
	}
	destinations, err := newDestinations(cfg, hidden, xr, xr, registers, procedure, nil)
	if err != nil {
		return nil, err
	}
	return checkOf(destinations), nil
}

// checkOf asks the one of the destinations that a message goes to whether it can send what was edited.
func checkOf(destinations []outbox.Destination) func(was, will outbox.Message) error {
	return func(was, will outbox.Message) error {
		for _, d := range destinations {
			if d.Name == will.Destination && d.Check != nil {
				return d.Check(was, will)
			}
		}
		return fmt.Errorf("nothing of this configuration can tell whether a message to %s can be sent: its body stays as it is", will.Destination)
	}
}

type outboxRetries struct {
	outboxCommon
	author
	Destination string `arg:"" help:"The destination."`
	Switch      string `arg:"" enum:"off,on" help:"off: failed messages are not tried again; on: they are."`
	Reason      string `required:"" help:"Why; kept."`
	Yes         bool   `help:"With off: cancel what waits to be tried again; without it, only say what that is."`
	Old         string `enum:"retry,keep,discard," default:"" help:"With on: what becomes of what off has cancelled: retry, keep (dead, one by one) or discard."`
}

// retriesView is what switching came to; the names are stable.
type retriesView struct {
	Destination string     `json:"destination"`
	Retries     string     `json:"retries"`
	Cancelled   int64      `json:"cancelled"`
	Old         []itemView `json:"old,omitempty"`
}

// Run switches.
func (c outboxRetries) Run(p *surroundings) error {
	if c.Switch == "off" && c.Old != "" || c.Switch == "on" && c.Yes {
		return usage(errors.New("--yes goes with off, --old with on"))
	}
	return c.with(p, func(db *database) error {
		now, err := outbox.RetriesOf(p.ctx, db.pool, c.Destination)
		if err != nil {
			return err
		}
		shown := retriesView{Destination: c.Destination, Retries: c.Switch}
		if c.Switch == "off" {
			if now.Waiting > 0 && !c.Yes {
				return usage(fmt.Errorf("%d messages to %s wait to be tried again and would be cancelled; --yes does it", now.Waiting, c.Destination))
			}
			if shown.Cancelled, err = outbox.StopRetries(p.ctx, db.pool, c.Destination, c.name(), c.Reason); err != nil {
				return err
			}
			return c.print(p.out, shown, func(w io.Writer) {
				fmt.Fprintf(w, "failed messages to %s are not tried again; cancelled: %d\n", c.Destination, shown.Cancelled)
			})
		}
		items, err := outbox.StartRetries(p.ctx, db.pool, c.Destination, c.name(), c.Reason, outbox.Old(c.Old))
		if errors.Is(err, outbox.ErrOld) {
			return usage(fmt.Errorf("%w; --old says whether to retry, keep or discard them", err))
		}
		if err != nil {
			return err
		}
		shown.Cancelled = now.Cancelled
		failed := 0
		for _, i := range items {
			item := itemView{ID: i.ID, Result: c.Old}
			if i.Err != nil {
				item.Result, item.Error = "failed", i.Err.Error()
				failed++
			}
			shown.Old = append(shown.Old, item)
		}
		err = c.print(p.out, shown, func(w io.Writer) {
			fmt.Fprintf(w, "failed messages to %s are tried again; of %d that were cancelled:\n", c.Destination, now.Cancelled)
			for _, i := range shown.Old {
				fmt.Fprintf(w, "%d\t%s\t%s\n", i.ID, i.Result, i.Error)
			}
		})
		if err == nil && failed > 0 {
			err = fmt.Errorf("%d of %d failed", failed, len(items))
		}
		return err
	})
}
