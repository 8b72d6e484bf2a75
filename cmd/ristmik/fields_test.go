package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
	"ristmik/configs"
)

// What a configuration may list is what a question can hold.
func TestFieldsOfPoliciesAreThoseOfQuestions(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(consultation.CaseFields(), slices.Sorted(slices.Values(configs.Field("").Allowed()))); diff != "" {
		t.Error(diff)
	}
}
