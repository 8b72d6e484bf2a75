package story

import (
	"context"
	"fmt"
	"net/http"
)

// The sandbox's names of the simulated systems, the configuration's names of
// the authorities, and the destinations that operators see.
const (
	labourSystem   = "labour-inspectorate"
	securitySystem = "security-service"
	permitsSystem  = "tax-permits"

	labourQuestions = "labour.consultations"
)

// official is the case's official in X-Road's form: country and personal code,
// synthetic as everybody in the story.
const official = "EE71506150007"

func (s *Story) labourDown(ctx context.Context, c *cast) (string, string, error) {
	const expected = "service down: true"
	for system, character := range map[string]map[string]any{
		labourSystem: {"hold": true, "answer_code": c.LabourCode, "deliveries": 1,
			"justification": "Tööandjal on täitmata ettekirjutus.", "legal_ground": "VMS § 180"},
		securitySystem: {"hold": true, "answer_code": c.SecurityCode, "deliveries": 2},
	} {
		if err := s.setCharacter(ctx, system, character); err != nil {
			return expected, "", err
		}
	}
	down, err := s.setDown(ctx, labourSystem, true)
	if err != nil {
		return expected, "", err
	}
	s.say("sandbox", "the Labour Inspectorate's service is switched off: connections are refused")
	return expected, fmt.Sprintf("service down: %t", down), nil
}

func (s *Story) open(ctx context.Context, c *cast) (string, string, error) {
	const expected = "202, round with 3 legs"
	body := map[string]any{
		"type": "residence_permit.employment", "case_reference": c.Case,
		"legal_basis": "VMS § 31", "purpose": "Elamisloa taotluse läbivaatamine",
		"person":   map[string]any{"personal_code": c.Person.PersonalCode, "given_name": c.Person.GivenName, "surname": c.Person.Surname},
		"employer": map[string]any{"registry_code": c.Employer},
		"official": official,
	}
	var v consultationView
	status, err := s.call(ctx, http.MethodPost, s.o.Core+"/v1/consultations", idempotent(c.Case+"/open"), body, &v)
	if err != nil {
		return expected, "", err
	}
	c.Consultation = v.ID
	s.say("core → hub, JSON", "POST /v1/consultations for case %s → %d, consultation %s", c.Case, status, v.ID)
	return expected, fmt.Sprintf("%d, round with %d legs", status, len(v.Legs)), nil
}

func (s *Story) othersNotDelayed(ctx context.Context, c *cast) (string, string, error) {
	const expected = "tax ANSWERED with FACTS, security DELIVERED, labour QUEUED"
	var v consultationView
	err := until(ctx, func() (err error) {
		if v, err = s.consultation(ctx, c.Consultation); err != nil {
			return err
		}
		if v.leg("tax").State != "ANSWERED" || v.leg("security").State == "QUEUED" {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		return expected, "", err
	}
	code := "nothing"
	if a := v.leg("tax").Answer; a != nil {
		code = a.Code
	}
	if err := s.tellExchanges(ctx); err != nil {
		return expected, "", err
	}
	s.say("core → hub, JSON", "GET /v1/consultations/{id} → tax %s, security %s, labour %s",
		v.leg("tax").State, v.leg("security").State, v.leg("labour").State)
	return expected, fmt.Sprintf("tax %s with %s, security %s, labour %s",
		v.leg("tax").State, code, v.leg("security").State, v.leg("labour").State), nil
}

func (s *Story) breakerOpens(ctx context.Context, _ *cast) (string, string, error) {
	const expected = "labour open, tax closed, security closed"
	var v breakersView
	err := until(ctx, func() (err error) {
		if v, err = s.breakers(ctx); err != nil {
			return err
		}
		if v.state(labourQuestions) == "closed" {
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
	s.say("console API", "GET /api/v1/breakers → %s is %s", labourQuestions, v.state(labourQuestions))
	labour := v.state(labourQuestions)
	if labour == "half_open" {
		labour = "open" // a probe is under way; it isn't closed before one succeeds
	}
	return expected, fmt.Sprintf("labour %s, tax %s, security %s", labour, v.state("tax.consultations"), v.state("security.consultations")), nil
}

func (s *Story) labourBack(ctx context.Context, c *cast) (string, string, error) {
	const expected = "leg DELIVERED, breaker closed"
	if _, err := s.setDown(ctx, labourSystem, false); err != nil {
		return expected, "", err
	}
	s.say("sandbox", "the Labour Inspectorate's service is back")
	var leg, breaker string
	err := until(ctx, func() error {
		v, err := s.consultation(ctx, c.Consultation)
		if err != nil {
			return err
		}
		b, err := s.breakers(ctx)
		if err != nil {
			return err
		}
		leg, breaker = v.leg("labour").State, b.state(labourQuestions)
		if leg == "QUEUED" || breaker != "closed" {
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
	s.say("core → hub, JSON", "GET /v1/consultations/{id} → labour %s", leg)
	s.say("console API", "GET /api/v1/breakers → %s is %s", labourQuestions, breaker)
	return expected, fmt.Sprintf("leg %s, breaker %s", leg, breaker), nil
}

func (s *Story) securityAnswers(ctx context.Context, c *cast) (string, string, error) {
	return s.answers(ctx, c, "security", securitySystem, c.SecurityCode, 2)
}

func (s *Story) labourAnswers(ctx context.Context, c *cast) (string, string, error) {
	return s.answers(ctx, c, "labour", labourSystem, c.LabourCode, 1)
}

// answers lets an authority answer, which it delivers so many times, and counts
// how often the core is told of it.
func (s *Story) answers(ctx context.Context, c *cast, authority, system, code string, deliveries int) (string, string, error) {
	expected := fmt.Sprintf("delivered %d×, counted 1× as %s", deliveries, code)
	if err := s.setCharacter(ctx, system, map[string]any{"hold": false}); err != nil {
		return expected, "", err
	}
	leg, done, err := s.answered(ctx, c, authority, system, deliveries)
	if err != nil {
		return expected, "", err
	}
	counted, err := s.countAnswered(ctx, leg.ID)
	if err != nil {
		return expected, "", err
	}
	return expected, fmt.Sprintf("delivered %d×, counted %d× as %s", done, counted, leg.Answer.Code), nil
}

// answered waits until the authority has delivered its answer the given number
// of times and the hub shows it; it returns how many times that was.
func (s *Story) answered(ctx context.Context, c *cast, authority, system string, deliveries int) (legView, int, error) {
	var leg legView
	var done int
	var receipt string
	err := until(ctx, func() error {
		r, err := s.received(ctx, system)
		if err != nil {
			return err
		}
		v, err := s.consultation(ctx, c.Consultation)
		if err != nil {
			return err
		}
		leg = v.leg(authority)
		for _, q := range r.Consultations {
			if q.ID == leg.ID && q.DeliveriesDone >= deliveries && leg.State == "ANSWERED" && leg.Answer != nil {
				done, receipt = q.DeliveriesDone, q.AnswerStatus
				return nil
			}
		}
		return errNotYet
	})
	if err != nil {
		return leg, 0, err
	}
	if err := s.tellExchanges(ctx); err != nil {
		return leg, 0, err
	}
	s.say("sandbox", "%s has delivered its answer %d×; the last receipt says: %s", authority, done, receipt)
	return leg, done, nil
}

func (s *Story) countAnswered(ctx context.Context, leg string) (int, error) {
	n := 0
	err := until(ctx, func() error {
		events, err := s.events(ctx)
		if err != nil {
			return err
		}
		n = 0
		for _, e := range events {
			if e.Type == "consultation.answered" && e.Data["leg_id"] == leg {
				n++
			}
		}
		if n == 0 {
			return errNotYet // the feed shows an event when no older transaction is open
		}
		return nil
	})
	return n, err
}

func (s *Story) completes(ctx context.Context, c *cast) (string, string, error) {
	expected := "COMPLETE, outcome " + c.Outcome
	var v consultationView
	err := until(ctx, func() (err error) {
		if v, err = s.consultation(ctx, c.Consultation); err != nil {
			return err
		}
		if v.State != "COMPLETE" {
			return errNotYet
		}
		return nil
	})
	if err != nil {
		return expected, "", err
	}
	s.say("core → hub, JSON", "GET /v1/consultations/{id} → %s, outcome %s", v.State, v.Outcome)
	return expected, fmt.Sprintf("%s, outcome %s", v.State, v.Outcome), nil
}
