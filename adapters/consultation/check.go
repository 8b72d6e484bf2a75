package consultation

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ristmik/mapping"
)

// Lengths of texts, in characters.
const (
	maxShort = 100  // identifiers, codes and names
	maxLine  = 500  // one line for people
	maxText  = 4000 // a reasoned text
	maxList  = 50   // conditions of one answer
)

// faults collects violations.
type faults []Violation

func (f *faults) add(path, code, format string, args ...any) {
	*f = append(*f, Violation{Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
}

// about tells whether something is wrong with the place.
func (f faults) about(path string) bool {
	return slices.ContainsFunc(f, func(v Violation) bool { return v.Path == path })
}

// text checks that s can travel as XML and be kept by the database, and is not
// too long. An empty text is fine unless required.
func (f *faults) text(path, s string, required bool, limit int) {
	switch {
	case s == "" && required, s != "" && strings.TrimSpace(s) == "":
		f.add(path, "required", "a text is needed")
	case !mapping.Carries(s):
		f.add(path, "character", "characters that X-Road messages cannot carry")
	case utf8.RuneCountInString(s) > limit:
		f.add(path, "length", "at most %d characters", limit)
	}
}

// reference checks an identifier that travels as the X-Road issue, which over
// REST is an HTTP header: visible ASCII, blanks inside only.
func (f *faults) reference(path, s string) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) || s != strings.TrimSpace(s) {
		f.add(path, "character", "visible ASCII characters only, with blanks inside at most")
		return
	}
	f.text(path, s, true, maxShort)
}

// Check names everything that [Procedure.Open] would refuse the request for,
// with JSON pointers into the request's JSON form; nil when it would be taken.
// Codes of violations: type.unknown, receivers.none (rules ask nobody), required, character, length,
// official.format, format, range, personal_code.* and registry_code.* (see package mapping).
func (p *Procedure) Check(r OpenRequest) []Violation {
	var f faults
	f.reference("/case_reference", r.CaseReference)
	legs, _, wrong := p.choose(r)
	f = append(f, wrong...)
	f.text("/legal_basis", r.LegalBasis, true, maxLine)
	f.text("/purpose", r.Purpose, true, maxLine)
	f.person("/person", r.Person, p.clock())
	if r.Person.PersonalCode == "" && slices.ContainsFunc(legs, LegPolicy.needsCode) {
		f.add("/person/personal_code", "required", "an authority that is asked knows people by their personal code only")
	}
	if r.Employer != nil {
		if code := mapping.CheckRegistryCode(r.Employer.RegistryCode); code != "" {
			f.add("/employer/registry_code", code, "no Estonian registry code")
		}
	}
	f.text("/occupation", r.Occupation, false, maxLine)
	f.official("/official", r.Official)
	f.attachments(r.Attachments)
	for i, name := range r.Hidden {
		if asked, can := p.hideable(name); !asked {
			f.add(fmt.Sprintf("/hidden/%d", i), "hidden.not_asked", "no type of consultation asks this authority")
		} else if !can {
			f.add(fmt.Sprintf("/hidden/%d", i), "hidden.impossible", "it cannot be hidden that this authority is asked")
		}
	}
	return f
}

// official checks an X-Road user id: X-Road wants the country before the code
// (PR-MESS 2.2), and our officials have Estonian codes.
func (f *faults) official(path, s string) {
	if code, ok := strings.CutPrefix(s, "EE"); !ok {
		f.add(path, "official.format", "EE and the official's personal code are needed")
	} else {
		f.personalCode(path, code)
	}
}

func (f *faults) personalCode(path, s string) {
	if code := mapping.CheckPersonalCode(s); code != "" {
		f.add(path, code, "no Estonian personal code")
	}
}

// answerCodes is the closed set of answers.
var answerCodes = []AnswerCode{
	CodeApproved, CodeApprovedWithConditions, CodeNoObjection, CodeObjection, CodeOpinionPositive, CodeOpinionNegative,
	CodeFacts, CodeNoData, CodePermitGranted, CodePermitDenied, CodeNotCompetent, CodeHandledOutOfBand,
}

// negative answers need a legal ground and a justification.
func (c AnswerCode) negative() bool {
	return c == CodeObjection || c == CodeOpinionNegative || c == CodePermitDenied
}

// conditional answers may carry conditions.
func (c AnswerCode) conditional() bool {
	return c == CodeApprovedWithConditions || c == CodePermitGranted
}

// checkAnswer names every fault of an answer that can be seen without the
// database.
func checkAnswer(a Answer) faults {
	var f faults
	f.text("/answer_id", a.AnswerID, true, maxShort)
	if !slices.Contains(answerCodes, a.Code) {
		f.add("/answer_code", "enum", "not one of the known answers")
	}
	f.text("/legal_ground", a.LegalGround, a.Code.negative(), maxLine)
	f.text("/justification", a.Justification, a.Code.negative(), maxText)
	switch {
	case len(a.Conditions) > 0 && !a.Code.conditional():
		f.add("/conditions", "conditions.not_allowed", "this answer has no conditions")
	case len(a.Conditions) == 0 && a.Code == CodeApprovedWithConditions:
		f.add("/conditions", "required", "at least one condition is needed")
	case len(a.Conditions) > maxList:
		f.add("/conditions", "length", "at most %d conditions", maxList)
	}
	for i, c := range a.Conditions {
		path := fmt.Sprintf("/conditions/%d", i)
		f.text(path+"/code", c.Code, true, maxShort)
		f.text(path+"/text", c.Text, true, maxText)
		if c.ValidUntil != "" {
			if _, err := time.Parse(time.DateOnly, c.ValidUntil); err != nil {
				f.add(path+"/valid_until", "format", "a date is needed: YYYY-MM-DD")
			}
		}
	}
	f.attachments(a.Attachments)
	f.text("/correction", a.Correction, false, maxText)
	if y := a.AnsweredAt.Year(); y < 2000 || y > 9999 {
		f.add("/answered_at", "range", "a moment in this century is needed")
	}
	return f
}
