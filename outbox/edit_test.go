package outbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ristmik/outbox"
)

// bodies is a Sender that refuses bodies with "bad" in them and remembers the others.
type bodies struct {
	mu   sync.Mutex
	sent []string
}

func (b *bodies) Send(_ context.Context, d outbox.Delivery) outbox.Outcome {
	if strings.Contains(string(d.Payload), "bad") {
		return outbox.Outcome{Result: outbox.ResultRefused, Reason: "fix_data"}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, string(d.Payload))
	return outbox.Outcome{Result: outbox.ResultDelivered}
}

func (b *bodies) all() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.sent)
}

// An edited message takes the place that it had, before those behind it; what it was stays in the record.
func TestAnEditedMessageKeepsItsPlace(t *testing.T) {
	t.Parallel()
	for _, onDead := range []outbox.OnDead{outbox.Block, outbox.Skip} {
		t.Run(string(onDead), func(t *testing.T) {
			t.Parallel()
			pool := newPool(t)
			ctx := testContext(t)
			publish(t, pool, message("tax", "l", "bad1"), message("tax", "l", "bad2"), message("tax", "l", "three"))
			sender := &bodies{}
			d := outbox.Destination{Name: "tax", Sender: sender, Policy: outbox.Policy{OnDead: onDead}}
			r := run(t, pool, outbox.Options{Owner: "first"}, d)
			eventually(t, "dead", func() bool { return row(t, pool, "bad1").State == outbox.Dead })
			check := func(was, will outbox.Message) error {
				if string(was.Payload) != "bad1" || was.Key != "bad1" || will.Lane != "l" || will.Kind != "test" {
					t.Errorf("checked %+v, %+v", was, will)
				}
				if string(will.Payload) == "worse" {
					return errors.New("cannot be sent")
				}
				return nil
			}
			if onDead == outbox.Skip {
				eventually(t, "what is behind is through", func() bool { return row(t, pool, "three").State == outbox.Delivered })
			}
			id := row(t, pool, "bad1").ID
			if _, err := outbox.Edit(ctx, pool, id, outbox.Change{Payload: []byte("worse")}, check, "mari", "typo"); !errors.Is(err, outbox.ErrInvalid) || !strings.Contains(err.Error(), "cannot be sent") {
				t.Errorf("%v", err)
			}
			if m := row(t, pool, "bad1"); m.State != outbox.Dead {
				t.Errorf("half done: %+v", m)
			}
			generation, err := outbox.Edit(ctx, pool, id, outbox.Change{Payload: []byte("one")}, check, "mari", "typo")
			if err != nil || generation != 2 {
				t.Fatalf("%d, %v", generation, err)
			}
			eventually(t, "delivered", func() bool { return row(t, pool, "bad1").State == outbox.Delivered })
			eventually(t, "the next is dead", func() bool { return row(t, pool, "bad2").State == outbox.Dead })
			if _, err := outbox.Edit(ctx, pool, row(t, pool, "bad2").ID, outbox.Change{Payload: []byte("two")}, nil, "mari", "typo"); err != nil {
				t.Fatal(err)
			}
			eventually(t, "all delivered", func() bool { return stats(t, pool, "tax").Delivered == 3 })
			want := []string{"one", "two", "three"}
			if onDead == outbox.Skip {
				want = []string{"three", "one", "two"}
			}
			if got := sender.all(); !slices.Equal(got, want) {
				t.Errorf("sent %q, want %q", got, want)
			}
			if was := scalar[string](t, pool, `select convert_from(payload, 'UTF8') from outbox.generation where message = $1 and generation = 1`, id); was != "bad1" {
				t.Errorf("kept %q", was)
			}
			s, err := outbox.Show(ctx, pool, id)
			if err != nil || s.Generation != 2 || len(s.Interventions) != 1 || s.Interventions[0].Action != "edit" || s.Interventions[0].By != "mari" {
				t.Errorf("%+v, %v", s, err)
			}
			r.stop(t)
			consistent(t, pool)
		})
	}
}

// Only the time of a dead message may be changed as well, and who reads a body is kept.
func TestADeadMessageGetsAnotherTime(t *testing.T) {
	t.Parallel()
	pool := newPool(t)
	ctx := testContext(t)
	publish(t, pool, message("tax", "l", "bad"))
	sender := &bodies{}
	r := run(t, pool, outbox.Options{}, outbox.Destination{Name: "tax", Sender: sender})
	eventually(t, "dead", func() bool { return row(t, pool, "bad").State == outbox.Dead })
	r.stop(t)
	id := row(t, pool, "bad").ID
	for _, c := range []outbox.Change{{Delay: -1}, {Expires: -1}, {Delay: time.Hour, Expires: time.Minute}} {
		if _, err := outbox.Edit(ctx, pool, id, c, nil, "mari", "later"); !errors.Is(err, outbox.ErrInvalid) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if _, err := outbox.Edit(ctx, pool, id, outbox.Change{Delay: time.Hour, Expires: 2 * time.Hour}, nil, "mari", "later"); err != nil {
		t.Fatal(err)
	}
	if m := row(t, pool, "bad"); m.State != outbox.Ready || time.Until(m.Due) < 50*time.Minute {
		t.Errorf("%+v", m)
	}
	if _, err := outbox.Edit(ctx, pool, id, outbox.Change{}, nil, "mari", "again"); !errors.Is(err, outbox.ErrNotDead) {
		t.Errorf("%v", err)
	}
	body, err := outbox.Body(ctx, pool, id, "mari", "to mend it")
	if err != nil || string(body) != "bad" {
		t.Errorf("%q, %v", body, err)
	}
	if _, err := outbox.Body(ctx, pool, id, "mari", ""); !errors.Is(err, outbox.ErrInvalid) {
		t.Errorf("%v", err)
	}
	if _, err := outbox.Body(ctx, pool, 999, "mari", "x"); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("%v", err)
	}
	s, err := outbox.Show(ctx, pool, id)
	if err != nil || len(s.Interventions) != 2 || s.Interventions[1].Action != "read" {
		t.Errorf("%+v, %v", s, err)
	}
	consistent(t, pool)
}
