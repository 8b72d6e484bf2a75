package core_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
	"ristmik/adapters/core"
	"ristmik/adapters/web"
)

var uuids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

// isTold waits until the feed has an event of the type.
func (w *world) isTold(kind string) {
	w.t.Helper()
	for after := ""; ; {
		r := w.do("GET", "/v1/events?wait=60&types="+kind+"&after="+url.QueryEscape(after), "")
		var page struct {
			Events []any  `json:"events"`
			Next   string `json:"next"`
		}
		if err := json.Unmarshal([]byte(r.body), &page); err != nil || r.status != http.StatusOK {
			w.t.Fatalf("%d %s", r.status, r.body)
		}
		if after = page.Next; len(page.Events) > 0 {
			return
		}
	}
}

// Whoever may not know who is asked sees the same of a case with a hidden
// question as of one without, to the byte but for uuids, at every door and at
// every moment. The case owner sees it.
func TestAHiddenQuestionIsSeenByItsOwnerOnly(t *testing.T) {
	t.Parallel()
	seen := map[bool][]string{}
	for _, hides := range []bool{false, true} {
		legs := []consultation.LegPolicy{{Authority: "labour", Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true}}
		if hides {
			legs = append(legs, consultation.LegPolicy{Authority: "security", Mandatory: true, Binding: consultation.BindingVeto, Pull: true, Hidden: true})
		}
		var procedure *consultation.Procedure
		w := newWorldWith(t, newPool(t), func(o *core.Options) {
			var err error
			o.Procedure, err = consultation.New(consultation.Options{
				Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"residence_permit.employment": {Legs: legs}}},
				Authorities: []consultation.Authority{
					{Name: "labour", Client: clientOf("labour")}, {Name: "security", Title: "Kaitsepolitsei", Client: clientOf("security")},
				}, Now: func() time.Time { return noon },
			})
			if err != nil {
				t.Fatal(err)
			}
			procedure = o.Procedure
			o.Tokens = []web.Token{web.NewToken("ris", "r"), web.NewToken("portal", "p")}
			o.Rights = map[string]core.Types{"ris": {"*"}, "portal": {"*"}}
			o.Questions = map[string]bool{"ris": true}
		})
		w.procedure = procedure
		look := func(c consultation.Consultation) {
			t.Helper()
			w.token = "p"
			at := "/v1/consultations/" + c.ID
			for _, path := range []string{
				at + "/progress", at, at + "/timeline", at + "/legs/" + c.Legs[len(c.Legs)-1].ID + "/deadline", at + "/legs/" + c.Legs[len(c.Legs)-1].ID + "/sent",
				"/v1/consultations", "/v1/consultations?authority=security", "/v1/events", "/v1/events?types=consultation.*",
			} {
				r := w.do("GET", path, "")
				body := uuids.ReplaceAllString(r.body, "ID")
				if strings.HasPrefix(path, "/v1/events") {
					var page struct {
						Events []map[string]any `json:"events"`
					}
					if err := json.Unmarshal([]byte(body), &page); err != nil {
						t.Fatal(err)
					}
					for _, e := range page.Events {
						delete(e, "position") // of all events, those that are not shown included
					}
					b, _ := json.Marshal(page)
					body = string(b)
				}
				seen[hides] = append(seen[hides], uuids.ReplaceAllString(path, "ID")+" "+http.StatusText(r.status)+" "+body)
				for _, word := range []string{"security", "Kaitsepolitsei", "labour", "OBJECTION", "BLOCKED", "hidden"} {
					if strings.Contains(r.body, word) {
						t.Errorf("%s tells of %s: %s", path, word, r.body)
					}
				}
			}
			for _, path := range []string{at + "/withdrawal", at + "/revisions", "/v1/consultations"} {
				if r := w.do("POST", path, `{}`); r.status != http.StatusForbidden {
					t.Errorf("%s: %d", path, r.status)
				}
			}
			w.token = "r"
		}
		w.token = "r"
		c := w.opened(nil)
		look(c)
		if hides {
			w.answers(c, 1, consultation.CodeObjection)
			look2 := len(seen[true])
			look(c)
			// A hidden answer alone changes nothing that others see.
			if diff := cmp.Diff(seen[true][:look2], seen[true][look2:]); diff != "" {
				t.Error(diff)
			}
			seen[true] = seen[true][look2:]
		}
		w.answers(c, 0, consultation.CodeOpinionPositive)
		w.isTold("consultation.round_completed")
		look(c)
		if hides {
			if r := w.do("GET", "/v1/consultations/"+c.ID, ""); !strings.Contains(r.body, `"hidden":true`) || !strings.Contains(r.body, "BLOCKED") {
				t.Errorf("the owner sees %s", r.body)
			}
			if r := w.do("GET", "/v1/events", ""); !strings.Contains(r.body, "security") {
				t.Errorf("the owner is told %s", r.body)
			}
			if r := w.do("GET", "/v1/consultations/"+c.ID+"/legs/"+c.Legs[1].ID+"/sent", ""); r.status != http.StatusOK {
				t.Errorf("%d %s", r.status, r.body)
			}
			if strings.Contains(w.log.String(), "security") {
				t.Errorf("the log tells: %s", w.log)
			}
		}
	}
	if diff := cmp.Diff(seen[false], seen[true]); diff != "" {
		t.Errorf("with a hidden question it looks otherwise:\n%s", diff)
	}
}
