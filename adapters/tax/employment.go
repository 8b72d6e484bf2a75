package tax

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/mapping"
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

// query is what TORIK asks: the kind of query (paringu_liik) and, for the
// kinds with M, the period in which records changed.
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
	return r.ask(ctx, query{kind: "A", codes: []string{personalCode}, userID: userID, issue: issue})
}

// changed returns every record of the persons that changed in the period. A
// full answer is asked again in halves, so none is missed.
func (r *Register) changed(ctx context.Context, codes []string, from, until time.Time) ([]Employment, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	found, _, err := r.ask(ctx, query{kind: "TM", codes: codes, changedFrom: from, changedUntil: until})
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
	request := map[string]any{"paringu_liik": q.kind, "isikukoodid": strings.Join(q.codes, ",")}
	if !q.changedFrom.IsZero() {
		request["muut_alg"] = q.changedFrom.Format(time.DateOnly)
		request["muut_lopp"] = q.changedUntil.Format(time.DateOnly)
	}
	body, err := mapping.EncodeXML(r.o.EmploymentOp.Input, map[string]any{"request": request})
	if err != nil {
		return nil, xroad.Exchange{}, fmt.Errorf("writing the employment query: %w", err)
	}
	answer, err := r.o.XRoad.Call(ctx, xroad.Call{Service: r.o.Employment, XML: body, UserID: q.userID, Issue: q.issue, SOAPAction: r.o.EmploymentOp.SOAPAction})
	if err != nil {
		return nil, xroad.Exchange{}, fmt.Errorf("asking the employment register: %w", err)
	}
	response, err := answerOf(r.o.EmploymentOp, answer)
	if err != nil {
		return nil, answer.Exchange, fmt.Errorf("reading the employment register's answer: %w", err)
	}
	list, _ := response["kannete_jada"].(map[string]any)
	records, _ := list["kanne"].([]any)
	found := make([]Employment, 0, len(records))
	for _, record := range records {
		e, err := r.employmentOf(record.(map[string]any))
		if err != nil {
			return nil, answer.Exchange, fmt.Errorf("reading the employment register's answer: %w", err)
		}
		found = append(found, e)
	}
	return found, answer.Exchange, nil
}

// employmentOf reads record B of the register; the contract has already been
// checked, so only the meaning of dates and numbers is left.
func (r *Register) employmentOf(m map[string]any) (Employment, error) {
	text := func(key string) string { s, _ := m[key].(string); return s }
	id, err := strconv.ParseInt(fmt.Sprint(m["toot_id"]), 10, 64)
	if err != nil {
		return Employment{}, fmt.Errorf("toot_id is no number: %w", err)
	}
	start, err := localDate(text("tootamise_algus"))
	if err != nil {
		return Employment{}, fmt.Errorf("tootamise_algus: %w", err)
	}
	changed, err := r.localTime(text("muutmise_aeg"))
	if err != nil {
		return Employment{}, fmt.Errorf("muutmise_aeg: %w", err)
	}
	e := Employment{
		ID: id, PersonalCode: text("isikukood"), Employer: text("ta_kood"), Start: start, Changed: changed,
		EndGround: text("tootamise_lopetamise_alus_kood"), Occupation: text("amet_kood"),
	}
	if s := text("tootamise_lopp"); s != "" {
		end, err := localDate(s)
		if err != nil {
			return Employment{}, fmt.Errorf("tootamise_lopp: %w", err)
		}
		e.End = &end
	}
	return e, nil
}

// localDate reads an xs:date; a time zone after it is dropped, because a day of
// employment is a local day whatever zone the sender's library adds.
func localDate(s string) (time.Time, error) {
	if len(s) < len(time.DateOnly) {
		return time.Time{}, fmt.Errorf("no date")
	}
	t, err := time.Parse(time.DateOnly, s[:len(time.DateOnly)])
	if err != nil {
		return time.Time{}, fmt.Errorf("no date")
	}
	return t, nil
}

// localTime reads an xs:dateTime; without a zone it is Estonian time.
func (r *Register) localTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", s, r.o.Zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("no point in time")
	}
	return t, nil
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
