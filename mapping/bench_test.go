package mapping_test

import (
	"testing"

	"ristmik/mapping"
)

// page is an answer of the employment register with the most records it gives.
func page(t testing.TB) map[string]any {
	t.Helper()
	full := fullest(t, torik(t).Output, 1)
	entries := full["response"].(map[string]any)["kannete_jada"].(map[string]any)
	one := entries["kanne"].([]any)[0]
	list := make([]any, 1000)
	for i := range list {
		list[i] = one
	}
	entries["kanne"] = list
	return full
}

func BenchmarkEncodeFullPage(b *testing.B) {
	full := page(b)
	op := torik(b)
	for b.Loop() {
		if _, err := mapping.Encode(op.Output, full); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeFullPage(b *testing.B) {
	full := page(b)
	op := torik(b)
	x, err := mapping.Encode(op.Output, full)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := mapping.Decode(op.Output, x); err != nil {
			b.Fatal(err)
		}
	}
}
