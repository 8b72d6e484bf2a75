package consultation_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
)

// While questions are added and the reader starts anew again and again, it sees
// each of them once.
func TestAReaderLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const writers, each = 4, 25
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				err := w.in(func(ctx context.Context, tx pgx.Tx) error {
					if _, err := w.Open(ctx, tx, request("short")); err != nil {
						return err
					}
					if i%5 == 4 {
						return context.Canceled // rolled back
					}
					return nil
				})
				if err != nil && !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	seen := map[string]int{}
	position, last := int64(0), false
	for {
		select {
		case <-done:
			last = true
		default:
		}
		list, err := w.Notices(context.Background(), w.pool, labour, position, 7)
		if err != nil {
			t.Fatal(err)
		}
		for i, n := range list {
			if i > 4 {
				break // the connection broke: the rest was not seen
			}
			if n.Position != position+1 {
				t.Fatalf("%d follows %d", n.Position, position)
			}
			seen[n.LegID]++
			position = n.Position
		}
		if last && len(list) == 0 {
			break
		}
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was seen %d times", id, n)
		}
	}
	if want := writers * each * 4 / 5; len(seen) != want {
		t.Errorf("%d of %d were seen", len(seen), want)
	}
	if list, err := w.Notices(context.Background(), w.pool, hub, 0, 10); err != nil || len(list) != 0 {
		t.Errorf("a stranger sees %+v, %v", list, err)
	}
}

func TestAFetchedQuestionIsOnesOwn(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(5)))
	c := w.open("one")
	asked, err := w.Fetch(context.Background(), w.pool, labour, c.Legs[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if asked.Question.PersonalCode != "71506150007" || asked.State != consultation.LegQueued || !asked.DueAt.Equal(*c.Legs[0].DueAt) || asked.Latest.Before(*asked.DueAt) {
		t.Errorf("%+v", asked)
	}
	for _, id := range []string{c.ID, "x", "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"} {
		if _, err := w.Fetch(context.Background(), w.pool, labour, id); codes(err) == nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	_, err = w.Fetch(context.Background(), w.pool, security, c.Legs[0].ID)
	if codes(err) == nil || strings.Contains(fmt.Sprint(err), "7150") {
		t.Errorf("another authority: %v", err)
	}
	w.mustReceive(answer(c, "labour", "a", consultation.CodeOpinionPositive))
	if n, err := consultation.Prune(context.Background(), w.pool, w.now, 10); err != nil || n != 0 {
		t.Errorf("pruned too early: %d %v", n, err)
	}
	open := w.open("one")
	if n, err := consultation.Prune(context.Background(), w.pool, w.now.Add(time.Second), 10); err != nil || n != 1 {
		t.Errorf("pruned %d %v", n, err)
	}
	if n := w.count("select count(*) from consultation.content where consultation_id = $1", open.ID); n != 1 {
		t.Error("what is asked now has gone")
	}
	if n := w.count("select count(*) from consultation.content"); n != 1 {
		t.Errorf("%d requests are left", n)
	}
}
