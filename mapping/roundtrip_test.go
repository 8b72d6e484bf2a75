package mapping_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ristmik/mapping"
	"ristmik/soap/contract"
)

func TestEncodeThenDecodeGivesTheSameJSON(t *testing.T) {
	t.Parallel()
	for _, s := range shipped {
		op := operation(t, s.file, s.code, s.version)
		for name, el := range map[string]*contract.Element{"request": op.Input, "answer": op.Output} {
			t.Run(s.code+" "+name, func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(rt *rapid.T) {
					want := generate(rt, el, 0).(map[string]any)
					x, err := mapping.Encode(el, want)
					if err != nil {
						rt.Fatalf("encoding: %v", err)
					}
					got, err := mapping.Decode(el, reread(t, x))
					if err != nil {
						rt.Fatalf("decoding: %v", err)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						rt.Fatalf("want (-) and got (+) differ:\n%s", diff)
					}
				})
			})
		}
	}
}

func TestBoundedListIsAnArrayForAnyNumberOfEntries(t *testing.T) {
	t.Parallel()
	op := torik(t)
	full := fullest(t, op.Output, 1)
	entries := full["response"].(map[string]any)["kannete_jada"].(map[string]any)
	one := entries["kanne"].([]any)[0]
	for _, n := range []int{0, 1, 2, 1000} {
		list := make([]any, n)
		for i := range list {
			list[i] = one
		}
		entries["kanne"] = list
		x, err := mapping.Encode(op.Output, full)
		if err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		got, err := mapping.Decode(op.Output, x)
		if err != nil {
			t.Fatalf("%d entries: %v", n, err)
		}
		read, ok := got["response"].(map[string]any)["kannete_jada"].(map[string]any)["kanne"].([]any)
		if !ok || len(read) != n {
			t.Errorf("%d entries were read as %d (array: %t)", n, len(read), ok)
		}
	}
}
