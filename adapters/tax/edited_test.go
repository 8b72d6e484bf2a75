package tax_test

import (
	"encoding/json"
	"testing"

	"ristmik/adapters/tax"
	"ristmik/outbox"
)

// An edited notice is about the same event and fits the board's contract.
func TestAnEditedNoticeIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := tax.Notice{EventID: "8a0f4f0e-6f5b-4a3e-9d43-1b4a0e6f0a11", EventType: "permit.issued", OccurredAt: "2026-11-01T09:00:00Z", PermitID: "EL2", PersonalCode: "71506150007", ValidFrom: "2026-11-01", ValidTo: "2028-11-01"}
	other, wrong := n, n
	other.EventID = "8a0f4f0e-6f5b-4a3e-9d43-1b4a0e6f0a12"
	wrong.ValidFrom = "soon"
	for name, c := range map[string]struct {
		notice any
		good   bool
	}{"as it was": {n, true}, "another event": {other, false}, "a date that is none": {wrong, false}, "no notice": {"x", false}} {
		payload, err := json.Marshal(c.notice)
		if err != nil {
			t.Fatal(err)
		}
		err = w.tax.Check(outbox.Message{}, outbox.Message{Key: n.EventID, Payload: payload})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}
