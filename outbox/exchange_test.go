package outbox_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/outbox"
	"ristmik/soap/conformance"
)

// Each attempt keeps the id under which it is known outside, beside the message
// that all of them are attempts of: a repetition leads back to the first one.
func TestEveryAttemptIsKeptWithItsOwnExchange(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-160")
	pool := newPool(t)
	sender := answering(
		outbox.Outcome{Result: outbox.ResultRetry, Reason: "busy", Exchange: "x-1"},
		outbox.Outcome{Result: outbox.ResultDelivered, Exchange: "x-2"})
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	publish(t, pool, message("tax", "l", "k"))
	eventually(t, "delivered", func() bool { return row(t, pool, "k").State == outbox.Delivered })
	r.stop(t)
	got := scalar[[]string](t, pool, `select array_agg(m.key || ' ' || a.attempt || ' ' || a.exchange order by a.attempt) from outbox.attempt a join outbox.message m on m.id = a.message`)
	if diff := cmp.Diff([]string{"k 1 x-1", "k 2 x-2"}, got); diff != "" {
		t.Error(diff)
	}
}
