package story

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// cast is who plays: chosen once by the seed and then kept, so that a story
// that goes on after a crash is the same story.
type cast struct {
	Person       person `json:"person"`
	Employment   int64  `json:"employment"`
	Employer     string `json:"employer"`
	LabourCode   string `json:"labour_code"`
	SecurityCode string `json:"security_code"`
	Outcome      string `json:"outcome"`
	Case         string `json:"case"`
	Permit       string `json:"permit"`
	Issued       string `json:"issued"`
	Revoked      string `json:"revoked"`
	Today        string `json:"today"`
	Consultation string `json:"consultation"`
}

// assemble chooses the cast by the seed, or takes it from the notebook.
func (s *Story) assemble(ctx context.Context) (*cast, error) {
	if s.book.page.Cast != nil {
		return s.book.page.Cast, nil
	}
	var population struct {
		Persons []person `json:"persons"`
	}
	if _, err := s.call(ctx, http.MethodGet, s.o.Control+"/control/v1/persons", nil, nil, &population); err != nil {
		return nil, err
	}
	rng := rand.New(rand.NewPCG(s.o.Seed, 0x726973746d696b))
	rng.Shuffle(len(population.Persons), func(i, j int) {
		population.Persons[i], population.Persons[j] = population.Persons[j], population.Persons[i]
	})
	c := &cast{}
	for _, p := range population.Persons {
		for _, e := range p.Employments {
			if e.End == "" && c.Employment == 0 {
				c.Person, c.Employment, c.Employer = p, e.ID, e.Employer
			}
		}
	}
	if c.Employment == 0 {
		return nil, errors.New("nobody in the sandbox has an employment that lasts")
	}
	c.SecurityCode = []string{"NO_OBJECTION", "APPROVED"}[rng.IntN(2)]
	c.LabourCode, c.Outcome = "OPINION_POSITIVE", "CLEAR"
	if rng.IntN(2) == 1 {
		c.LabourCode, c.Outcome = "OPINION_NEGATIVE", "ADVERSE_OPINION"
	}
	c.Case = fmt.Sprintf("TL-2026-%04d", rng.IntN(10000))
	c.Permit = fmt.Sprintf("EL%07d", rng.IntN(10000000))
	c.Issued, c.Revoked = uuidFrom(rng), uuidFrom(rng)
	c.Today = s.o.Now().Format(time.DateOnly)
	s.book.page.Cast = c
	return c, s.book.save()
}

// uuidFrom makes a version 4 UUID from the story's own randomness, so that the
// same seed sends the same event ids again after a crash.
func uuidFrom(rng *rand.Rand) string {
	a, b := rng.Uint64(), rng.Uint64()
	a = a&^0xf000 | 0x4000
	b = b&^(0xc<<60) | 0x8<<60
	return fmt.Sprintf("%08x-%04x-%04x-%04x-%012x", a>>32, a>>16&0xffff, a&0xffff, b>>48, b&0xffffffffffff)
}
