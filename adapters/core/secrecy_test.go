package core_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
	"ristmik/adapters/core"
	"ristmik/adapters/postgres/postgrestest"
)

const canary = "KANAARILIND-5b1e"

// What is more secret than AK leaves no trace: not in any table, the idempotency
// keys included, and not in the log. All that is told is why.
func TestNothingIsKeptOfWhatIsTooSecret(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var alarms []consultation.Alarm
	w := newWorldWith(t, newPool(t), func(o *core.Options) {
		var err error
		o.Procedure, err = consultation.New(consultation.Options{
			Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: []consultation.LegPolicy{
				{Authority: "labour", Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true},
			}}}},
			Authorities: []consultation.Authority{{Name: "labour", Client: clientOf("labour")}},
			Now:         func() time.Time { return noon },
			Alarm: func(a consultation.Alarm) {
				mu.Lock()
				defer mu.Unlock()
				alarms = append(alarms, a)
			},
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	c := w.opened(map[string]any{"classification": "AVALIK", "purpose": "kept " + canary[:11]})
	at := "/v1/consultations/" + c.ID
	for i, level := range []string{"PIIRATUD", "KONFIDENTSIAALNE", "SALAJANE", "TÄIESTI SALAJANE", "EU RESTRICTED", "ak", "AK ", "?"} {
		secret := map[string]any{"classification": level, "purpose": canary, "case_reference": canary, "person.given_name": canary, "no_such_field": canary}
		quoted, _ := json.Marshal(level)
		for path, body := range map[string]string{
			"/v1/consultations": consultationBody(secret),
			at + "/revisions":   consultationBody(secret),
			at + "/legs/" + c.Legs[0].ID + "/information": `{"text":"` + canary + `","classification":` + string(quoted) + `}`,
			at + "/legs/" + c.Legs[0].ID + "/closing":     `{"reason":"` + canary + `","official":"","classification":` + string(quoted) + `}`,
		} {
			r := w.do("POST", path, body, "Idempotency-Key", "k-"+string(rune('a'+i)))
			if r.status != http.StatusUnprocessableEntity || cmp.Diff([]string{"/classification classification.too_high"}, r.codes(t)) != "" || strings.Contains(r.body, canary) {
				t.Errorf("%s %s: %d %s", level, path, r.status, r.body)
			}
		}
	}
	if tables := postgrestest.Holds(t, w.pool, canary); len(tables) > 0 {
		t.Errorf("it stands in %v", tables)
	}
	if tables := postgrestest.Holds(t, w.pool, "kept "+canary[:11]); len(tables) == 0 {
		t.Error("the search finds nothing")
	}
	if strings.Contains(w.log.String(), canary) {
		t.Errorf("it stands in the log:\n%s", w.log)
	}
	if n := w.count(`select count(*) from core.idempotency_key`) + w.count(`select count(*) - 1 from consultation.round`); n != 0 {
		t.Errorf("%d rows", n)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(alarms) != 32 || alarms[0] != (consultation.Alarm{Door: "core"}) {
		t.Errorf("%d alarms: %+v", len(alarms), alarms)
	}
}

// What may pass keeps its level; an authority knows what none means.
func TestTheLevelOfAQuestionGoesWithIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for level, want := range map[any]string{nil: "", "AK": "AK", "AVALIK": "AVALIK"} {
		c := w.opened(map[string]any{"classification": level})
		if n := w.count(`select count(*) from consultation.question q join consultation.leg l on l.id = q.leg_id
			where l.consultation_id = $1 and convert_from(content, 'UTF8')::jsonb->>'classification' is not distinct from nullif($2, '')`, c.ID, want); n != 5 {
			t.Errorf("%v: %d questions are %s", level, n, want)
		}
	}
}
