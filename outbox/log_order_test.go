package outbox_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"ristmik/outbox"
)

// What was read from the log at the same time keeps its order, also where a bulk message stands between others of its lane,
// or one that is not due yet.
func TestTheLogKeepsTheOrderOfALaneAcrossKinds(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]outbox.Message{
		"a bulk one between others": {{Key: "1"}, {Key: "2", Bulk: true}, {Key: "3"}},
		"all kinds": {{Key: "1"}, {Key: "2", Bulk: true}, {Key: "3", Delay: 50 * time.Millisecond}, {Key: "4", Bulk: true}, {Key: "5"},
			{Key: "6", Bulk: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			var want []string
			for i := range order {
				order[i].Destination, order[i].Lane, order[i].Kind = "tax", "l", "test"
				want = append(want, order[i].Key)
			}
			publish(t, pool, order...)
			var sender recorder
			run(t, pool, outbox.Options{Poll: 20 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: &sender})
			eventually(t, "all are delivered", func() bool { return stats(t, pool, "tax").Delivered == int64(len(order)) })
			if got := sender.keys(); !slices.Equal(got, want) {
				t.Errorf("sent %v", got)
			}
		})
	}
}

// A message that is to be kept for a while is kept, also while one before it in its lane is being sent, and so is what comes
// behind it.
func TestADelayedMessageWaitsAlsoWhileItsLaneIsBusy(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	begun, release := make(chan struct{}, 1), make(chan struct{})
	sender := &recorder{answer: func(_ context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Key == "first" {
			begun <- struct{}{}
			<-release
		}
		return outbox.Outcome{Result: outbox.ResultDelivered}
	}}
	publish(t, pool, message("tax", "l", "first"))
	run(t, pool, outbox.Options{Poll: 20 * time.Millisecond}, outbox.Destination{Name: "tax", Sender: sender})
	receive(t, "the first one", begun)
	later := message("tax", "l", "later")
	later.Delay = time.Hour
	publish(t, pool, later, message("tax", "l", "behind"), message("tax", "m", "other"))
	eventually(t, "they have been read", func() bool { return stats(t, pool, "tax").Delivered == 1 })
	close(release)
	eventually(t, "the first one is delivered", func() bool { return stats(t, pool, "tax").Delivered == 2 })
	eventually(t, "the others wait", func() bool { return stats(t, pool, "tax").Waiting == 2 })
	if got := sender.keys(); len(got) != 2 {
		t.Errorf("sent %v", got)
	}
	exec(t, pool, `update outbox.pending set due = now() where destination = 'tax'`)
	exec(t, pool, `update outbox.lane set ready_at = now() where destination = 'tax'`)
	eventually(t, "all are delivered", func() bool { return stats(t, pool, "tax").Delivered == 4 })
	if got := sender.keys(); !slices.Equal(got[2:], []string{"later", "behind"}) {
		t.Errorf("sent %v", got)
	}
}
