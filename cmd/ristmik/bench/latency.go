package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ristmik/soap"
)

const (
	// busy is how many connections at once load a front while its CPU is
	// measured, and crowd while its memory is.
	busy  = 16
	crowd = 64
	// rest is how long the product is left alone before its memory is looked at,
	// so that nothing of its start is counted.
	rest = 2 * time.Second
)

// front is who is asked, and the best that was measured.
type front struct {
	request
	process *other // nil for the stand-in
	// p50 is at one connection, cpu of the process at many, both of an exchange
	// and in microseconds.
	p50, cpu float64
}

// latency measures what the product's way from JSON to a register and back costs,
// with and without the record of exchanges, against httputil.ReverseProxy: the
// time that each adds at one connection, the CPU at many, and the memory.
func latency(ctx context.Context, o Options) (rows []row, notes []string, err error) {
	upstream, stop, err := serve(Small)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	home, err := newHome(ctx, o.Program)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, home.close(context.WithoutCancel(ctx))) }()
	fronts, idle, err := o.fronts(ctx, home, upstream)
	for _, f := range fronts {
		if f.process != nil {
			defer f.process.end()
		}
	}
	if err != nil {
		return nil, nil, err
	}
	for range o.Rounds {
		for _, f := range fronts {
			if err := f.measure(o.Calls); err != nil {
				return nil, nil, err
			}
		}
	}
	direct, plain, recorded, rival := fronts[0], fronts[1], fronts[2], fronts[3]
	if _, err := drive(plain.request, crowd, o.Calls*2); err != nil {
		return nil, nil, err
	}
	peak, err := plain.process.memory("VmHWM")
	if err != nil {
		return nil, nil, err
	}
	added := func(f *front) float64 { return f.p50 - direct.p50 }
	against := func(what string, ours, theirs, goal float64) row {
		r := row{what: what, ours: micros(ours), rival: micros(theirs), ratio: times(ours / theirs)}
		if goal > 0 {
			r.goal, r.met = fmt.Sprintf("≤ %.1f×", goal), ours <= goal*theirs
		}
		return r
	}
	megabytes := func(what string, v, goal float64) row {
		return row{what: what, ours: fmt.Sprintf("%.1f MB", v), goal: fmt.Sprintf("≤ %.0f MB", goal), met: v <= goal}
	}
	return []row{
		against("JSON to register and back by serve: added latency, one connection, p50, against ReverseProxy", added(plain), added(rival), 1),
		against(fmt.Sprintf("the same: CPU per call at %d connections", busy), plain.cpu, rival.cpu, 0.9),
		against("the same with the exchange recorded durably: CPU", recorded.cpu, rival.cpu, 1.7),
		against("the same with the record: added latency", added(recorded), added(rival), 0),
		megabytes("serve: resident memory before the first call", idle, 25),
		megabytes(fmt.Sprintf("serve: most resident memory, %d connections", crowd), peak, 64),
	}, nil, nil
}

// fronts starts who is measured: the stand-in itself, the product without and
// with its record, and the rival. Idle is the memory of the product before it was
// asked anything, in megabytes.
func (o Options) fronts(ctx context.Context, home *home, upstream string) (fronts []*front, idle float64, err error) {
	message, err := envelope()
	if err != nil {
		return nil, 0, err
	}
	passed := request{path: "/", contentType: soap.ContentType, head: "SOAPAction: \"\"\r\n", body: message}
	asked := asked()
	fronts = []*front{{request: passed}}
	fronts[0].address = upstream
	for _, start := range []struct {
		request
		process func() (*other, error)
	}{
		{asked, func() (*other, error) { return home.hub(ctx, upstream, false) }},
		{asked, func() (*other, error) { return home.hub(ctx, upstream, true) }},
		{passed, func() (*other, error) { return startServer(o.child(ctx, RoleProxy, upstream, Small)) }},
	} {
		process, err := start.process()
		if err != nil {
			return fronts, 0, err
		}
		f := &front{request: start.request, process: process}
		f.address, f.path = process.address, process.path
		fronts = append(fronts, f)
	}
	time.Sleep(rest)
	idle, err = fronts[1].process.memory("VmRSS")
	return fronts, idle, err
}

// asked is the question as the core puts it to the product.
func asked() request {
	return request{
		contentType: "application/json", head: "X-Road-UserId: EE81506151050\r\nX-Road-Issue: C-1\r\n",
		body: fmt.Sprintf(`{"request":{"paringu_liik":"A","isikukoodid":%q}}`, Person),
	}
}

// measure makes one round.
func (f *front) measure(calls int) error {
	if _, err := drive(f.request, 1, calls/4+1); err != nil {
		return err
	}
	p50, err := drive(f.request, 1, calls)
	if err != nil {
		return err
	}
	if f.p50 == 0 || p50 < f.p50 {
		f.p50 = p50
	}
	if f.process == nil {
		return nil
	}
	if _, err := drive(f.request, busy, calls); err != nil {
		return err
	}
	before, err := f.process.cpu()
	if err != nil {
		return err
	}
	if _, err := drive(f.request, busy, 2*calls); err != nil {
		return err
	}
	after, err := f.process.cpu()
	if err != nil {
		return err
	}
	made := max(1, 2*calls/busy) * busy
	if spent := (after - before) / float64(made); f.cpu == 0 || spent < f.cpu {
		f.cpu = spent
	}
	return nil
}
