// Package story plays one consultation from end to end through the product's
// public doors only: as the migration core it speaks JSON to the hub, as an
// operator it uses the console's API, and the authorities' side it steers and
// reads through the sandbox's own door. It knows nothing of the hub's inside,
// so what it shows is what any user could see.
//
// Every step can be repeated without doing its work twice, and what is done is
// kept in a notebook: a story that was cut off by a crash goes on where it was.
package story

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Options say where the doors are and where the story is told.
type Options struct {
	Core     string // base URL of the core API
	XRoad    string // base URL of the hub's X-Road provider
	Console  string // base URL of the console
	Control  string // base URL of the sandbox's control door
	Notebook string // file that remembers the steps done; "" = memory
	Seed     uint64 // chooses the person and the answers
	Out      io.Writer
	Now      func() time.Time
	// Patience is how long a step may take.
	Patience time.Duration
}

// Step is one line of the table at the end.
type Step struct {
	Name     string `json:"name"`
	Expected string `json:"expected"`
	Seen     string `json:"seen"`
}

// OK says whether the step went as it should.
func (s Step) OK() bool { return s.Expected == s.Seen }

// Story is one telling of the story.
type Story struct {
	o     Options
	http  *http.Client
	book  *notebook
	began time.Time
	told  map[string]bool // X-Road message ids that have been printed
}

// New opens the notebook, if there is one.
func New(o Options) (*Story, error) {
	book, err := openNotebook(o.Notebook, o.Seed)
	if err != nil {
		return nil, err
	}
	if o.Patience == 0 {
		o.Patience = 20 * time.Second
	}
	return &Story{o: o, http: &http.Client{Timeout: 30 * time.Second}, book: book, began: o.Now(), told: map[string]bool{}}, nil
}

// Play plays every step that the notebook doesn't hold yet and returns all of
// them, with what was seen. A step that differs, or cannot be carried out, ends
// the story; the error is for a story that could not be told at all.
func (s *Story) Play(ctx context.Context) ([]Step, error) {
	plan := []struct {
		name string
		play func(context.Context, *cast) (expected, seen string, err error)
	}{
		{"labour inspectorate goes down", s.labourDown},
		{"core opens a consultation", s.open},
		{"other legs are not delayed", s.othersNotDelayed},
		{"breaker of the labour inspectorate opens", s.breakerOpens},
		{"labour inspectorate comes back", s.labourBack},
		{"security service answers twice", s.securityAnswers},
		{"labour inspectorate answers", s.labourAnswers},
		{"round completes", s.completes},
		{"permit issued, then revoked", s.permits},
		{"job asks what changed", s.employmentEnds},
		{"event feed in order", s.feed},
		{"nothing lost, nothing doubled", s.onceOnly},
	}
	c, err := s.assemble(ctx)
	if err != nil {
		return nil, err
	}
	played := map[string]Step{}
	for _, step := range plan {
		if done, ok := s.book.step(step.name); ok {
			s.say("notebook", "already done: %s", step.name)
			played[step.name] = done
			continue
		}
		stepCtx, cancel := context.WithTimeout(ctx, s.o.Patience)
		expected, seen, err := step.play(stepCtx, c)
		if err == nil {
			err = s.tellExchanges(stepCtx)
		}
		cancel()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			seen = err.Error()
		}
		played[step.name] = Step{step.name, expected, seen}
		if expected != seen {
			break // what follows stands on this step; the next start tries it again
		}
		if err := s.book.note(played[step.name], c); err != nil {
			return nil, err
		}
	}
	steps := make([]Step, len(plan))
	for i, step := range plan {
		var ok bool
		if steps[i], ok = played[step.name]; !ok {
			steps[i] = Step{step.name, "is reached", "was not reached"}
		}
	}
	return steps, nil
}

// say prints one readable line: the time since the story began, the wire, and
// what went over it.
func (s *Story) say(wire, format string, args ...any) {
	s.sayAt(s.o.Now(), wire, format, args...)
}

func (s *Story) sayAt(at time.Time, wire, format string, args ...any) {
	fmt.Fprintf(s.o.Out, "%7.3f s  %-22s %s\n", max(0, at.Sub(s.began).Seconds()), wire, fmt.Sprintf(format, args...))
}
