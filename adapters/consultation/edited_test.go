package consultation_test

import (
	"testing"

	"ristmik/adapters/consultation"
	"ristmik/outbox"
)

// An edited question stays the same question and tells the authority no more than before.
func TestAnEditedQuestionTellsNoMore(t *testing.T) {
	t.Parallel()
	was := `{"leg_id":"l1","round":1,"case_reference":"c","case_type":"x","legal_basis":"b","purpose":"p","official":"EE1","surname":"Mets"}`
	for name, c := range map[string]struct {
		will string
		good bool
	}{
		"a name mended":     {`{"leg_id":"l1","round":1,"case_reference":"c","case_type":"x","legal_basis":"b","purpose":"p","official":"EE1","surname":"Mägi"}`, true},
		"a name left out":   {`{"leg_id":"l1","round":1,"case_reference":"c","case_type":"x","legal_basis":"b","purpose":"p","official":"EE1"}`, true},
		"another leg":       {`{"leg_id":"l2","round":1,"case_reference":"c","official":"EE1"}`, false},
		"another official":  {`{"leg_id":"l1","round":1,"case_reference":"c","official":"EE2"}`, false},
		"more secret":       {`{"leg_id":"l1","round":1,"case_reference":"c","official":"EE1","classification":"AK"}`, false},
		"a code besides":    {`{"leg_id":"l1","round":1,"case_reference":"c","official":"EE1","personal_code":"1"}`, false},
		"an unknown field":  {`{"leg_id":"l1","round":1,"case_reference":"c","official":"EE1","x":1}`, false},
		"two in one":        {`{"leg_id":"l1","round":1,"case_reference":"c","official":"EE1"}{}`, false},
		"nothing of a kind": {`hello`, false},
	} {
		err := consultation.CheckEdited(outbox.Message{Key: "l1", Payload: []byte(was)}, outbox.Message{Key: "l1", Payload: []byte(c.will)})
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := consultation.CheckEdited(outbox.Message{Key: "l1", Payload: []byte("x")}, outbox.Message{Key: "l1", Payload: []byte(was)}); err == nil {
		t.Error("nobody knows what the authority may see")
	}
}
