package simulated

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ristmik/adapters/sandbox/population"
	"ristmik/soap"
)

// maxRecords is the register's page limit (maxOccurs of kanne).
const maxRecords = 1000

// torik answers TORIK: employment records of persons. The kind of query says
// which records: A those active today, T all that have begun, P those active in
// the working period; with M only the ones that were changed in the period of
// changes. Persons that the register does not know have no records.
func (w *World) torik(_ context.Context, _ *soap.Message, request map[string]any) (map[string]any, error) {
	q, err := w.readTORIK(request)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	records, found := []any{}, 0
	for _, p := range w.persons {
		if !slices.Contains(q.codes, p.PersonalCode) {
			continue
		}
		for _, e := range p.Employments {
			if !q.wants(e, w.o.Zone) {
				continue
			}
			if found++; found <= maxRecords {
				records = append(records, w.kanne(p, e))
			}
		}
	}
	return map[string]any{
		"kood":               json.Number("0"),
		"leitud_kannete_arv": json.Number(strconv.Itoa(found)),
		"kannete_jada":       map[string]any{"kanne": records},
	}, nil
}

// torikQuery is a question with its dates read; a zero date leaves a period open.
type torikQuery struct {
	kind                   string
	codes                  []string
	workFrom, workUntil    time.Time
	changeFrom, changeTill time.Time
	today                  time.Time
}

func (w *World) readTORIK(request map[string]any) (torikQuery, error) {
	q := torikQuery{today: dateOf(w.o.Now(), w.o.Zone)}
	q.kind, _ = request["paringu_liik"].(string)
	for _, f := range []struct {
		name string
		into *time.Time
	}{{"toot_algus", &q.workFrom}, {"toot_lopp", &q.workUntil}, {"muut_alg", &q.changeFrom}, {"muut_lopp", &q.changeTill}} {
		if s, ok := request[f.name].(string); ok {
			// The contract has checked the form; a zone behind the date says nothing here.
			t, err := time.Parse(time.DateOnly, s[:min(len(s), len(time.DateOnly))])
			if err != nil {
				return q, &businessFault{"KUUPAEV", f.name + " ei ole kuupäev"}
			}
			*f.into = t
		}
	}
	codes, _ := request["isikukoodid"].(string)
	for c := range strings.SplitSeq(codes, ",") {
		if c = strings.TrimSpace(c); c != "" {
			q.codes = append(q.codes, c)
		}
	}
	changes := strings.HasSuffix(q.kind, "M")
	switch {
	case len(q.codes) == 0:
		return q, &businessFault{"ISIKUKOODID", "isikukoodide loetelu on tühi"}
	case strings.HasPrefix(q.kind, "P") && q.workFrom.IsZero():
		return q, &businessFault{"TOOT_ALGUS", "tööperioodi päringul peab olema perioodi algus"}
	case changes && q.changeFrom.IsZero():
		return q, &businessFault{"MUUT_ALG", "muutuste päringul peab olema muutuste perioodi algus"}
	case !q.workUntil.IsZero() && q.workUntil.Before(q.workFrom), !q.changeTill.IsZero() && q.changeTill.Before(q.changeFrom):
		return q, &businessFault{"PERIOOD", "periood lõpeb enne algust"}
	}
	return q, nil
}

// wants says whether an employment belongs into the answer. Periods include
// their last day.
func (q torikQuery) wants(e population.Employment, zone *time.Location) bool {
	if strings.HasSuffix(q.kind, "M") && !within(dateOf(e.Changed, zone), q.changeFrom, q.changeTill) {
		return false
	}
	switch q.kind[0] {
	case 'A':
		return within(q.today, e.Start, e.End)
	case 'P':
		return (e.End.IsZero() || !e.End.Before(q.workFrom)) && (q.workUntil.IsZero() || !e.Start.After(q.workUntil))
	default:
		return !e.Start.After(q.today)
	}
}

// within says whether a date is in [from, until]; a zero until is open.
func within(d, from, until time.Time) bool {
	return !d.Before(from) && (until.IsZero() || !d.After(until))
}

// dateOf is the register's local date of a moment, as midnight UTC.
func dateOf(t time.Time, zone *time.Location) time.Time {
	y, m, d := t.In(zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// kanne is one record of the answer.
func (w *World) kanne(p population.Person, e population.Employment) map[string]any {
	k := map[string]any{
		"toot_id": json.Number(strconv.FormatInt(e.ID, 10)), "isikukood": p.PersonalCode,
		"synniaeg": p.Born.Format(time.DateOnly), "perenimi": p.Surname, "eesnimi": p.GivenName,
		"kodakondsus_kood": p.Citizenship.Code, "kodakondsus_nimi": p.Citizenship.Name,
		"ta_kood": e.Employer.Code, "ta_nimi": e.Employer.Name,
		"tootamise_algus":     e.Start.Format(time.DateOnly),
		"tootamise_liik_kood": e.Kind.Code, "tootamise_liik_nimi": e.Kind.Name,
		"tooaja_maar": json.Number(e.Rate),
		"amet_kood":   e.Occupation.Code, "amet_nimi": e.Occupation.Name,
		"koht": e.Place, "riigi_kood": "EE",
		"kande_olek_kood": "K", "kande_olek_nimi": "Kehtiv",
		"sisestamise_aeg": e.Entered.In(w.o.Zone).Format(time.RFC3339),
		"muutmise_aeg":    e.Changed.In(w.o.Zone).Format(time.RFC3339),
	}
	if !e.End.IsZero() {
		k["tootamise_lopp"] = e.End.Format(time.DateOnly)
		k["tootamise_lopetamise_alus_kood"] = e.GroundCode
		k["tootamise_lopetamise_alus_nimi"] = population.GroundName(e.GroundCode)
	}
	return k
}

// NotFoundError says that something that was asked for is not in the register.
type NotFoundError struct{ What string }

// Error says what is missing.
func (e *NotFoundError) Error() string { return e.What + " is not in the register" }

// End ends employments of a person on a date, now: one if employment is not
// zero, else all that last. It returns the ids of those it ended. The error may
// be a *[NotFoundError] or [Faults].
func (w *World) End(personalCode string, employment int64, end time.Time, groundCode string) ([]int64, error) {
	w.mu.Lock()
	i := slices.IndexFunc(w.persons, func(p population.Person) bool { return p.PersonalCode == personalCode })
	if i < 0 {
		w.mu.Unlock()
		return nil, &NotFoundError{"the person"}
	}
	var chosen []population.Employment
	for _, e := range w.persons[i].Employments {
		if employment == e.ID || employment == 0 && e.End.IsZero() {
			chosen = append(chosen, e)
		}
	}
	if len(chosen) == 0 {
		w.mu.Unlock()
		if employment != 0 {
			return nil, &NotFoundError{fmt.Sprintf("employment %d of the person", employment)}
		}
		return nil, &NotFoundError{"an employment of the person that lasts"}
	}
	for _, e := range chosen {
		if end.Before(e.Start) {
			w.mu.Unlock()
			return nil, Faults{{"end", fmt.Sprintf("employment %d began on %s; it cannot end before", e.ID, e.Start.Format(time.DateOnly))}}
		}
	}
	var ids []int64
	var last func() error
	for _, e := range chosen {
		t, err := w.commit(record{At: w.o.Now(), Ended: &endedRecord{EmploymentID: e.ID, End: end.Format(time.DateOnly), GroundCode: groundCode}})
		if err != nil {
			w.mu.Unlock()
			return nil, err
		}
		ids, last = append(ids, e.ID), t.Wait
	}
	w.mu.Unlock()
	return ids, last()
}

func (w *World) applyEnded(at time.Time, r endedRecord) error {
	end, err := time.Parse(time.DateOnly, r.End)
	if err != nil {
		return fmt.Errorf("reading the end of an employment: %w", err)
	}
	for i := range w.persons {
		for j := range w.persons[i].Employments {
			if e := &w.persons[i].Employments[j]; e.ID == r.EmploymentID {
				e.End, e.GroundCode, e.Changed = end, r.GroundCode, at
				return nil
			}
		}
	}
	return fmt.Errorf("employment %d is not in the register; was the seed another one?", r.EmploymentID)
}
