package tax

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// Employment is one record of the employment register. Dates are local dates
// of Estonia at midnight UTC; End is nil while the employment lasts.
type Employment struct {
	ID           int64
	PersonalCode string
	Employer     string
	Start        time.Time
	End          *time.Time
	EndGround    string
	Occupation   string
	Changed      time.Time
}

// query is what the register is asked: the kind of query and, for all_changed,
// the period in which records changed.
type query struct {
	kind         string
	codes        []string
	changedFrom  time.Time
	changedUntil time.Time
	userID       string
	issue        string
}

// maxRecords is where the register stops: TORIK's answer holds at most 1,000
// records (maxOccurs of kanne), so a full answer may lack some.
const maxRecords = 1000

// Active returns the person's employments that are active today, and the
// exchange that proves the answer. userID is the official who asks (X-Road's
// userId: country and personal code), issue the case that caused the query.
func (r *Register) Active(ctx context.Context, personalCode, userID, issue string) ([]Employment, xroad.Exchange, error) {
	return r.ask(ctx, query{kind: "active", codes: []string{personalCode}, userID: userID, issue: issue})
}

// changed returns every record of the persons that changed in the period. A
// full answer is asked again in halves, so none is missed.
func (r *Register) changed(ctx context.Context, codes []string, from, until time.Time) ([]Employment, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	found, _, err := r.ask(ctx, query{kind: "all_changed", codes: codes, changedFrom: from, changedUntil: until})
	if err != nil || len(found) < maxRecords {
		return found, err
	}
	if len(codes) == 1 {
		return nil, &soap.Failure{Kind: soap.KindFixData, Code: "answer.too_many", Message: "one person has more records than one answer holds"}
	}
	half := len(codes) / 2
	first, err := r.changed(ctx, codes[:half], from, until)
	if err != nil {
		return nil, err
	}
	second, err := r.changed(ctx, codes[half:], from, until)
	return append(first, second...), err
}

func (r *Register) ask(ctx context.Context, q query) ([]Employment, xroad.Exchange, error) {
	said := map[string]any{"kind": q.kind, "persons": q.codes}
	if !q.changedFrom.IsZero() {
		said["changed_from"] = q.changedFrom.Format(time.DateOnly)
		said["changed_until"] = q.changedUntil.Format(time.DateOnly)
	}
	body, err := write(r.o.EmploymentTable, said, r.o.Now())
	if err != nil {
		return nil, xroad.Exchange{}, fmt.Errorf("writing the employment query: %w", err)
	}
	op := r.o.EmploymentTable.Operation()
	answer, err := r.o.XRoad.Call(ctx, xroad.Call{Service: r.o.Employment, XML: body, UserID: q.userID, Issue: q.issue, SOAPAction: op.SOAPAction})
	if err != nil {
		return nil, xroad.Exchange{}, fmt.Errorf("asking the employment register: %w", err)
	}
	told, err := r.read(r.o.EmploymentTable, answer)
	if err != nil {
		return nil, answer.Exchange, fmt.Errorf("reading the employment register's answer: %w", err)
	}
	found, err := employmentsIn(told)
	if err != nil {
		return nil, answer.Exchange, fmt.Errorf("reading the employment register's answer: %w", err)
	}
	return found, answer.Exchange, nil
}

// employmentsIn reads what the table has made of an answer.
func employmentsIn(told map[string]any) ([]Employment, error) {
	raw, err := json.Marshal(told["employments"])
	if err != nil {
		return nil, err
	}
	var records []struct {
		ID           int64     `json:"id"`
		PersonalCode string    `json:"personal_code"`
		Employer     string    `json:"employer_code"`
		Start        day       `json:"started"`
		End          *day      `json:"ended"`
		EndGround    string    `json:"end_ground_code"`
		Occupation   string    `json:"occupation_code"`
		Changed      time.Time `json:"changed_at"`
	}
	if err := json.Unmarshal(raw, &records); err != nil {
		return nil, errors.New("the mapping table gives employments of another form")
	}
	found := make([]Employment, len(records))
	for i, e := range records {
		found[i] = Employment{
			ID: e.ID, PersonalCode: e.PersonalCode, Employer: e.Employer, Start: e.Start.at,
			EndGround: e.EndGround, Occupation: e.Occupation, Changed: e.Changed,
		}
		if e.End != nil {
			found[i].End = &e.End.at
		}
	}
	return found, nil
}

// day is a date YYYY-MM-DD, at midnight UTC.
type day struct{ at time.Time }

// UnmarshalText reads the date.
func (d *day) UnmarshalText(text []byte) (err error) {
	d.at, err = time.Parse(time.DateOnly, string(text))
	return err
}

// Facts is the machine's answer to a consultation: how many employments are
// active and with which employers. It goes to the official who asked.
type Facts struct {
	Active    int      `json:"active_employments"`
	Employers []string `json:"employers"`
	AsOf      string   `json:"as_of"`
}

// FactsOf sums employments up as of the given moment.
func (r *Register) FactsOf(found []Employment, asOf time.Time) json.RawMessage {
	f := Facts{Active: len(found), Employers: []string{}, AsOf: asOf.In(r.o.Zone).Format(time.RFC3339)}
	seen := map[string]bool{}
	for _, e := range found {
		if !seen[e.Employer] {
			seen[e.Employer] = true
			f.Employers = append(f.Employers, e.Employer)
		}
	}
	raw, _ := json.Marshal(f) // a struct of texts and numbers always marshals
	return raw
}
