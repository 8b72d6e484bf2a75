package bench

import (
	"context"
	"fmt"
)

// large measures what one call allocates whose answer has 1 MB.
func large(ctx context.Context, o Options) ([]row, []string, error) {
	upstream, stop, err := serve(Large)
	if err != nil {
		return nil, nil, err
	}
	defer stop()
	answerer, err := newStandIn(Large)
	if err != nil {
		return nil, nil, err
	}
	size := float64(len(answerer.toID) + len(answerer.toHash) + len(answerer.toEnd))
	var best measured
	for round := range o.Rounds {
		m, err := read(o.child(ctx, RoleCaller, upstream, Large))
		if err != nil {
			return nil, nil, err
		}
		if round == 0 || m.CPU < best.CPU {
			best = m
		}
	}
	const mb = 1 << 20
	return []row{{
		what: "answer of 1 MB: bytes allocated by a call, decoded values included", ours: fmt.Sprintf("%.1f MB", best.Alloc/mb),
		rival: fmt.Sprintf("%.1f MB long", size/mb), ratio: times(best.Alloc / size),
	}, {
		what: "the same: CPU", ours: micros(best.CPU), ratio: fmt.Sprintf("%.0f MB/s", size/mb/(best.CPU/1e6)),
	}}, nil, nil
}
