package story

import (
	"context"
	"fmt"
	"net/http"
	"strings"
)

func (s *Story) permits(ctx context.Context, c *cast) (string, string, error) {
	const expected = "tax and labour: permit.issued, permit.revoked"
	person := map[string]any{"personal_code": c.Person.PersonalCode}
	for _, e := range []struct {
		id, kind string
		data     map[string]any
	}{
		{c.Issued, "permit.issued", map[string]any{"permit_id": c.Permit, "person": person,
			"employer": map[string]any{"registry_code": c.Employer}, "valid_from": c.Today, "valid_to": "2099-12-31"}},
		{c.Revoked, "permit.revoked", map[string]any{"permit_id": c.Permit, "person": person, "effective_from": c.Today, "ground_code": "VMS-135"}},
	} {
		body := map[string]any{"id": e.id, "type": e.kind, "occurred_at": c.Today + "T09:00:00Z", "data": e.data}
		status, err := s.call(ctx, http.MethodPost, s.o.Core+"/v1/events", idempotent(e.id), body, nil)
		if err != nil {
			return expected, "", err
		}
		s.say("core → hub, JSON", "POST /v1/events %s → %d", e.kind, status)
	}
	var tax, labour string
	err := until(ctx, func() error {
		var err error
		if tax, err = s.noticesOf(ctx, permitsSystem, c); err != nil {
			return err
		}
		if labour, err = s.noticesOf(ctx, labourSystem, c); err != nil {
			return err
		}
		if tax == "" || labour == "" || len(tax) < len("permit.issued, permit.revoked") || len(labour) < len("permit.issued, permit.revoked") {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		return expected, "", err
	}
	if err := s.tellExchanges(ctx); err != nil {
		return expected, "", err
	}
	s.say("sandbox", "the tax board took %s; the inspectorate took %s", tax, labour)
	if tax != labour {
		return expected, "tax: " + tax + "; labour: " + labour, nil
	}
	return expected, "tax and labour: " + tax, nil
}

// noticesOf lists the kinds of notices that took effect at a register, in the
// order of their arrival.
func (s *Story) noticesOf(ctx context.Context, system string, c *cast) (string, error) {
	r, err := s.received(ctx, system)
	if err != nil {
		return "", err
	}
	list := ""
	for _, n := range r.Notices {
		if n.PermitID != c.Permit {
			continue
		}
		if list != "" {
			list += ", "
		}
		list += n.EventType
	}
	return list, nil
}

func (s *Story) employmentEnds(ctx context.Context, c *cast) (string, string, error) {
	const expected = "employment.ended, 1 time"
	_, err := s.call(ctx, http.MethodPost, s.o.Control+"/control/v1/employments/end", nil,
		map[string]any{"personal_code": c.Person.PersonalCode, "toot_id": c.Employment, "end": c.Today, "ground_code": "1"}, nil)
	if err != nil {
		return expected, "", err
	}
	s.say("sandbox", "the employer ends employment %d in the register on %s", c.Employment, c.Today)
	if _, err := s.call(ctx, http.MethodPost, s.o.Console+"/api/v1/jobs/employment-changes/run", nil, map[string]any{"by": "demo"}, nil); err != nil {
		return expected, "", err
	}
	s.say("console API", "POST /api/v1/jobs/employment-changes/run")
	n := 0
	err = until(ctx, func() error {
		if n, err = s.countEnded(ctx, c); err != nil {
			return err
		}
		if n == 0 {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		return expected, "", err
	}
	if err := s.tellExchanges(ctx); err != nil {
		return expected, "", err
	}
	s.say("core → hub, JSON", "GET /v1/events?after=… → employment.ended, %d time", n)
	return expected, fmt.Sprintf("employment.ended, %d time", n), nil
}

func (s *Story) countEnded(ctx context.Context, c *cast) (int, error) {
	events, err := s.events(ctx)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, e := range events {
		if e.Type == "employment.ended" && fmt.Sprint(e.Data["toot_id"]) == fmt.Sprint(float64(c.Employment)) {
			n++
		}
	}
	return n, nil
}

// feed reads the order in which the core is told what happened.
func (s *Story) feed(ctx context.Context, c *cast) (string, string, error) {
	const expected = "tax requested answered; labour requested delivered answered; security requested delivered answered; completed last"
	events, err := s.events(ctx)
	if err != nil {
		return expected, "", err
	}
	told := map[string]string{}
	last := ""
	for _, e := range events {
		if e.Subject != c.Consultation {
			continue
		}
		s.say("core → hub, JSON", "GET /v1/events → %s %s", e.Type, words(e.Data, "authority", "answer_code", "outcome"))
		last = e.Type
		if authority, ok := e.Data["authority"].(string); ok {
			told[authority] += " " + strings.TrimPrefix(e.Type, "consultation.")
		}
	}
	seen := fmt.Sprintf("tax%s; labour%s; security%s; ", told["tax"], told["labour"], told["security"])
	if last == "consultation.round_completed" {
		return expected, seen + "completed last", nil
	}
	return expected, seen + last + " last", nil
}

func words(data map[string]any, keys ...string) string {
	var out []string
	for _, k := range keys {
		if v, ok := data[k]; ok {
			out = append(out, fmt.Sprint(v))
		}
	}
	return strings.Join(out, " ")
}

// onceOnly counts every effect at every door at the end.
func (s *Story) onceOnly(ctx context.Context, c *cast) (string, string, error) {
	const expected = "0 events twice, 1 completion; questions: labour 1, security 1; notices: tax 2, labour 2; 1 end of employment"
	events, err := s.events(ctx)
	if err != nil {
		return expected, "", err
	}
	ids := map[string]bool{}
	twice, completions := 0, 0
	for _, e := range events {
		if ids[e.ID] {
			twice++
		}
		ids[e.ID] = true
		if e.Type == "consultation.round_completed" {
			completions++
		}
	}
	at := map[string]received{}
	for _, system := range []string{labourSystem, securitySystem, permitsSystem} {
		if at[system], err = s.received(ctx, system); err != nil {
			return expected, "", err
		}
	}
	ended, err := s.countEnded(ctx, c)
	if err != nil {
		return expected, "", err
	}
	return expected, fmt.Sprintf("%d events twice, %d completion; questions: labour %d, security %d; notices: tax %d, labour %d; %d end of employment",
		twice, completions, len(at[labourSystem].Consultations), len(at[securitySystem].Consultations),
		len(at[permitsSystem].Notices), len(at[labourSystem].Notices), ended), nil
}
