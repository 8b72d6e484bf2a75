package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"ristmik/adapters/registers/contractwatch"
	"ristmik/configs"
	"ristmik/schedules"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// contractWatch shows what the job contract-watch has found, or lets it run.
type contractWatch struct {
	jobsCommon
	author
	Now         bool   `help:"Compare now: in this process, or in a hub that is faster."`
	Acknowledge string `placeholder:"REGISTER" help:"Take note of a register's verdict as it is: it is shown as known until something else breaks."`
	Reason      string `help:"With --acknowledge: why."`
}

// watchView is how a register stands, as it is printed.
type watchView struct {
	Register     string                `json:"register"`
	Verdict      contract.Verdict      `json:"verdict"` // "" before the first comparison
	Since        time.Time             `json:"since,omitzero"`
	ComparedAt   time.Time             `json:"compared_at,omitzero"`
	TriedAt      time.Time             `json:"tried_at,omitzero"`
	Error        string                `json:"error,omitempty"`
	PinnedHash   string                `json:"pinned_sha256"`
	LiveHash     string                `json:"live_sha256,omitempty"`
	Breaking     int                   `json:"breaking"`
	Harmless     int                   `json:"harmless"`
	Acknowledged *acknowledgement      `json:"acknowledged,omitempty"`
	Differences  []contract.Difference `json:"differences"`
}

type acknowledgement struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// errBreaks is the end of the command where something breaks that nobody knows of.
var errBreaks = errors.New("descriptions that break what is used, and of which nobody has taken note")

func (c contractWatch) Run(p *surroundings) error {
	if (c.Acknowledge == "") != (strings.TrimSpace(c.Reason) == "") {
		return usage(errors.New("--acknowledge and --reason go together"))
	}
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	return c.with(p, func(db *database) error {
		job, err := watchOf(cfg, db)
		if err != nil {
			return err
		}
		if c.Acknowledge != "" {
			err := contractwatch.Acknowledge(p.ctx, db.pool, c.Acknowledge, c.name(), c.Reason)
			if errors.Is(err, contractwatch.ErrUnknown) {
				return usage(fmt.Errorf("%w; ristmik contract watch lists them", err))
			}
			if err != nil {
				return err
			}
		}
		var failed error
		if c.Now {
			if failed, err = c.compare(p, cfg, db, job); err != nil {
				return err
			}
		}
		states, err := job.States(p.ctx)
		if err != nil {
			return err
		}
		views, unknown := viewsOf(states)
		if err := c.print(p.out, views, func(w io.Writer) { writeWatch(w, views) }); err != nil {
			return err
		}
		if unknown > 0 {
			return errors.Join(fmt.Errorf("%d %w", unknown, errBreaks), failed)
		}
		return failed
	})
}

// watchOf makes the job for a process that serves nothing.
func watchOf(cfg *configs.Config, db *database) (*contractwatch.Watch, error) {
	client, err := soap.ParseClientID(cfg.XRoad.Client)
	if err != nil {
		return nil, usage(fmt.Errorf("xroad.client: %w", err))
	}
	xr, err := newXRoad(cfg.XRoad, client, nil, nil)
	if err != nil {
		return nil, usage(err)
	}
	contracts, err := openRegisters(cfg)
	if err != nil {
		return nil, usage(err)
	}
	synced, err := newRegisters(cfg, db.pool, xr)
	if err != nil {
		return nil, usage(err)
	}
	return newWatch(cfg, contracts, synced, db.pool, xr, nil)
}

// compare asks for a run and works on it until it has ended, here or in a hub.
// failed is how it ended.
func (c contractWatch) compare(p *surroundings, cfg *configs.Config, db *database, job *contractwatch.Watch) (failed, err error) {
	s, ok := cfg.Schedules[jobContractWatch]
	if !ok {
		s = configs.Schedule{Cron: "40 5 * * *", Zone: "Europe/Tallinn", CatchUp: "none"}
	}
	runner, err := schedules.NewRunner(db.pool, []schedules.Job{{
		Name: jobContractWatch, Cron: s.Cron, Zone: s.Zone, CatchUp: schedules.CatchUp(s.CatchUp), CatchUpWithin: s.CatchUpWithin,
		Overlap: schedules.Overlap(s.Overlap), Jitter: s.Jitter, Grace: s.Grace, Timeout: s.Timeout, Run: job.Run,
	}}, schedules.Options{Owner: ownerName(), Poll: watchEvery, Lease: cfg.Delivery.Takeover})
	if err != nil {
		return nil, usage(err)
	}
	ticket, err := runner.RunNow(p.ctx, jobContractWatch, c.name())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(p.ctx)
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	run, err := jobsRun{jobsCommon: c.jobsCommon, Name: jobContractWatch}.follow(p, db, ticket)
	stop()
	if err := errors.Join(err, <-ended); err != nil {
		return nil, err
	}
	if run.State != string(schedules.StateSucceeded) {
		failed = fmt.Errorf("the comparison has ended as %s: %s", run.State, run.Error)
	}
	return failed, nil
}

// viewsOf are the registers as they are printed, and how many break something of
// which nobody has taken note.
func viewsOf(states []contractwatch.State) (views []watchView, unknown int) {
	views = []watchView{}
	for _, s := range states {
		v := watchView{
			Register: s.Register, Verdict: s.Verdict, Since: s.Since, ComparedAt: s.Seen, TriedAt: s.Tried, Error: s.Error,
			PinnedHash: s.PinnedHash, LiveHash: s.LiveHash, Breaking: s.Breaking, Harmless: s.Harmless, Differences: s.Differences,
		}
		if v.Differences == nil {
			v.Differences = []contract.Difference{}
		}
		if s.Acknowledged {
			v.Acknowledged = &acknowledgement{s.AcknowledgedAt, s.AcknowledgedBy, s.Reason}
		} else if s.Verdict == contract.Breaking {
			unknown++
		}
		views = append(views, v)
	}
	return views, unknown
}

func writeWatch(w io.Writer, views []watchView) {
	fmt.Fprintln(w, "REGISTER\tVERDICT\tSINCE\tCOMPARED\tDIFFERENCES")
	for _, v := range views {
		verdict := string(v.Verdict)
		switch {
		case v.Verdict == "":
			verdict = "not compared yet"
		case v.Verdict == contract.Breaking:
			verdict = strings.ToUpper(verdict)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d breaking, %d harmless\n", v.Register, verdict, moment(v.Since), moment(v.ComparedAt), v.Breaking, v.Harmless)
	}
	for _, v := range views {
		if v.Error == "" && len(v.Differences) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s\n", v.Register)
		if v.Error != "" {
			fmt.Fprintf(w, "  not compared at %s: %s\n", moment(v.TriedAt), v.Error)
		}
		if a := v.Acknowledged; a != nil {
			fmt.Fprintf(w, "  taken note of at %s by %s: %s\n", moment(a.At), a.By, a.Reason)
		}
		for _, d := range v.Differences {
			fmt.Fprintf(w, "  %s\n", strings.Join(columns(d), "\t"))
		}
		if more := v.Breaking + v.Harmless - len(v.Differences); more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
	}
}
