package consultation_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/provetest"
)

// While consultations are opened about a person by two codes and without one, it
// is told that all are the same person: afterwards every one is
// found by each identity, and by no other.
func TestIdentitiesAreMergedWhileConsultationsAreOpened(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	identities := []consultation.Person{
		{GivenName: "Mai", Surname: "Sünteetiline", BirthDate: "1990-02-03", Citizenship: "UKR", Document: &consultation.Document{Number: "FE 1", Country: "UKR"}},
		{PersonalCode: "71506150007", GivenName: "Mai", Surname: "Sünteetiline"}, {PersonalCode: "71506150400", GivenName: "Mai", Surname: "Sünteetiline"},
	}
	each := provetest.Sized(10, 300)
	ctx := context.Background()
	start := make(chan struct{})
	var all sync.WaitGroup
	for _, who := range identities {
		all.Go(func() {
			<-start
			for range each {
				r := request("one")
				r.Person = who
				if err := w.in(func(ctx context.Context, tx pgx.Tx) error {
					_, err := w.Open(ctx, tx, r)
					return err
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	merge := func(from, to int) {
		err := w.in(func(ctx context.Context, tx pgx.Tx) error {
			return w.PersonChanged(ctx, tx, fmt.Sprint("fact", from, to), identities[from], identities[to])
		})
		if err != nil {
			t.Error(err)
		}
	}
	merge(2, 0) // before anybody has asked about either
	for _, to := range []int{1, 2} {
		all.Go(func() {
			<-start
			merge(0, to)
		})
	}
	close(start)
	all.Wait()
	for i := range identities {
		page, err := w.List(ctx, w.pool, consultation.Filter{Person: &identities[i]}, "", 1000)
		if err != nil || len(page.Consultations) != 3*each {
			t.Errorf("by identity %d: %d of %d (%v)", i, len(page.Consultations), 3*each, err)
		}
	}
	stranger := consultation.Person{PersonalCode: "81506150008"}
	if page, err := w.List(ctx, w.pool, consultation.Filter{Person: &stranger}, "", 1000); err != nil || len(page.Consultations) != 0 {
		t.Errorf("by another person's: %d (%v)", len(page.Consultations), err)
	}
}
