package bench

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
)

// sandboxed measures a call end to end: the hub's client, the sandbox's Security
// Server with all its checks, and the simulated register behind it.
func sandboxed(ctx context.Context, o Options) (rows []row, notes []string, err error) {
	box, err := StartSandbox()
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, box.Close(context.WithoutCancel(ctx))) }()
	path, err := NewHubPath(box.URL())
	if err != nil {
		return nil, nil, err
	}
	var took []time.Duration
	for i := range o.Calls + o.Calls/4 {
		began := time.Now()
		if _, err := path.Ask(ctx, question()); err != nil {
			return nil, nil, err
		}
		if i >= o.Calls/4 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	at := func(q int) string { return micros(float64(took[len(took)*q/100].Nanoseconds()) / 1000) }
	return []row{
		{what: "SOAP call end to end through the sandbox, p50", ours: at(50)},
		{what: "the same, p99", ours: at(99)},
	}, nil, nil
}

// StartSandbox starts the sandbox that ships, on free ports.
func StartSandbox() (*sandbox.Sandbox, error) {
	world, err := sandbox.LoadConfig("")
	if err != nil {
		return nil, err
	}
	return sandbox.Start(context.Background(), sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
}
