package consultation

import (
	"maps"
	"slices"
)

// caseFields are the fields of a case that an authority sees only where its
// policy lists them. What is in none of these functions reaches nobody: a field
// that the core gets later is sent when somebody gives it a name here and lists
// the name.
var caseFields = map[string]func(*Question, OpenRequest){
	"personal_code": func(q *Question, r OpenRequest) { q.PersonalCode = r.Person.PersonalCode },
	"given_name":    func(q *Question, r OpenRequest) { q.GivenName = r.Person.GivenName },
	"surname":       func(q *Question, r OpenRequest) { q.Surname = r.Person.Surname },
	"birth_date":    func(q *Question, r OpenRequest) { q.BirthDate = r.Person.BirthDate },
	"citizenship":   func(q *Question, r OpenRequest) { q.Citizenship = r.Person.Citizenship },
	"document": func(q *Question, r OpenRequest) {
		if d := r.Person.Document; d != nil {
			q.DocumentNumber, q.DocumentCountry = d.Number, d.Country
		}
	},
	"occupation":     func(q *Question, r OpenRequest) { q.Occupation = r.Occupation },
	fieldAttachments: func(*Question, OpenRequest) {}, // they are not in the request; see ask
	"employer_code": func(q *Question, r OpenRequest) {
		if r.Employer != nil {
			q.EmployerCode = r.Employer.RegistryCode
		}
	},
}

// CaseFields are the names that [LegPolicy.Fields] may hold, sorted.
func CaseFields() []string { return slices.Sorted(maps.Keys(caseFields)) }

// questionOf is what one authority gets of a case: who asks about which case,
// on what legal basis and what for, and of the rest the fields that its policy
// lists.
func questionOf(r OpenRequest, leg Leg, round int, fields []string) Question {
	q := Question{
		LegID: leg.ID, Round: round, CaseReference: r.CaseReference, CaseType: leg.Type, LegalBasis: r.LegalBasis, Purpose: r.Purpose,
		Official: r.Official, Classification: r.Classification,
	}
	for _, name := range fields {
		if put, ok := caseFields[name]; ok {
			put(&q, r)
		}
	}
	return q
}

// needsCode tells whether the authority sees the personal code and nothing else
// by which it could know who it is about.
func (l LegPolicy) needsCode() bool {
	return slices.Contains(l.Fields, "personal_code") && !slices.Contains(l.Fields, "birth_date")
}

// fieldsFor are the fields that an authority may see of a case of this type when
// it is asked instead of another one: those that the policy gives it, and
// where it gives it none, those of the question that it takes over.
func (p *Procedure) fieldsFor(kind, authority string, instead []string) []string {
	for _, l := range p.policy.Types[kind].Legs {
		if l.Authority == authority {
			return l.Fields
		}
	}
	return instead
}
