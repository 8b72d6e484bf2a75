package consultation_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ristmik/adapters/consultation"
	"ristmik/soap"
)

// everywhere is what of a case is in every question, by the Go names of the
// request's fields. Whatever else a request has must be listed to be seen.
var everywhere = []string{"CaseReference", "Type", "LegalBasis", "Purpose", "Official"}

// marked fills every text of a request, those included that it may get some
// day, with a mark of its own, and returns the marks by the field's path.
func marked(t *rapid.T, r *consultation.OpenRequest) map[string]string {
	marks := map[string]string{}
	var fill func(v reflect.Value, path string)
	fill = func(v reflect.Value, path string) {
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), path)
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i), strings.TrimPrefix(path+"."+v.Type().Field(i).Name, "."))
			}
		case reflect.String:
			marks[path] = fmt.Sprintf("mark%dof%s", len(marks), rapid.StringMatching(`[a-z]{8}`).Draw(t, path))
			v.SetString(marks[path])
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), path)
		case reflect.Map:
			text := reflect.New(reflect.TypeFor[string]()).Elem()
			fill(text, path)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf(marks[path]), text)
		default:
			t.Fatalf("%s: a field of the kind %s, which this test cannot mark", path, v.Kind())
		}
	}
	fill(reflect.ValueOf(r).Elem(), "")
	return marks
}

// caseFieldAt says under which name a field of the request can be listed.
var caseFieldAt = map[string]string{
	"Person.PersonalCode": "personal_code", "Person.GivenName": "given_name", "Person.Surname": "surname",
	"Person.BirthDate": "birth_date", "Person.Citizenship": "citizenship", "Person.Document.Number": "document", "Person.Document.Country": "document",
	"Employer.RegistryCode": "employer_code", "Occupation": "occupation",
}

// An authority gets the fields that its policy lists and nothing else: of every
// other one, not a byte stands in what leaves, over either wire. A field that a
// request gets later is not seen by anybody until it is listed.
func TestWhatIsNotListedDoesNotLeave(t *testing.T) {
	t.Parallel()
	op := operation(t)
	var sent strings.Builder
	keep := func(w http.ResponseWriter, r *http.Request) {
		_ = r.Header.Write(&sent)
		_, _ = io.Copy(&sent, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	c := client(t, keep)
	for name, wire := range map[string]consultation.Wire{
		"soap": consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, op, consultation.Enclosed{}),
		"rest": consultation.NewRESTWire(c, soap.ServiceID{Provider: labour, Code: "konsult"}),
	} {
		rapid.Check(t, func(t *rapid.T) {
			var r consultation.OpenRequest
			marks := marked(t, &r)
			r.Classification = consultation.LevelPublic // a closed set
			delete(marks, "Classification")
			r.Person.BirthDate = "1931-07-29" // a date, in the contract
			marks["Person.BirthDate"] = r.Person.BirthDate
			fields := rapid.SliceOfDistinct(rapid.SampledFrom(consultation.CaseFields()), rapid.ID[string]).Draw(t, "fields")
			sent.Reset()
			if _, err := wire.Ask(context.Background(), consultation.QuestionFor(r, consultation.Leg{ID: "6f9619ff-8b86-4d01-b42d-00cf4fc964ff", Type: r.Type}, 1, fields)); err == nil {
				t.Fatal("nobody was there, and yet it was taken")
			}
			for path, mark := range marks {
				want := slices.Contains(everywhere, path) || slices.Contains(fields, caseFieldAt[path])
				if got := strings.Contains(sent.String(), mark); got != want {
					t.Fatalf("%s with %v: %s leaves: %v\n%s", name, fields, path, got, &sent)
				}
			}
		})
	}
}

// What is stored of a question, and what an authority fetches, is what leaves.
func TestEachAuthoritySeesItsOwnFields(t *testing.T) {
	t.Parallel()
	types := map[string]consultation.TypePolicy{"t": {Legs: []consultation.LegPolicy{
		{Authority: "labour", Binding: consultation.BindingAdvisory, Pull: true, Fields: []string{"occupation", "employer_code"}},
		{Authority: "security", Binding: consultation.BindingVeto, Pull: true, Fields: []string{"personal_code"}},
		{Authority: "tax", Binding: consultation.BindingVeto, Pull: true},
	}}}
	w := newTimedWorld(t, types)
	c := w.open("t")
	want := map[string]string{"labour": "Keevitaja 10000024", "security": "71506150007", "tax": ""}
	for name, from := range map[string]soap.ClientID{"labour": labour, "security": security, "tax": taxBoard} {
		q, err := w.Fetch(context.Background(), w.pool, from, leg(c, name).ID)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(strings.Fields(strings.Join([]string{q.Question.PersonalCode, q.Question.GivenName, q.Question.Surname, q.Question.Occupation, q.Question.EmployerCode}, " ")), " ")
		if got != want[name] || q.Question.CaseReference == "" {
			t.Errorf("%s sees %q", name, got)
		}
		if n := w.count(`select count(*) from consultation.question where leg_id = $1 and convert_from(content, 'UTF8') like '%Sünteetiline%'`, leg(c, name).ID); n != 0 {
			t.Errorf("the name stands in the question to %s", name)
		}
	}
}

// Who is asked instead of another sees what the policy gives it, not what the
// other one saw.
func TestWhoIsAskedInsteadSeesItsOwnFields(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, map[string]consultation.TypePolicy{
		"t": {Legs: []consultation.LegPolicy{{Authority: "labour", Binding: consultation.BindingAdvisory, Pull: true, Fields: seen}}},
	})
	c := w.open("t")
	w.mustReceive(answer(c, "labour", "a", consultation.CodeNotCompetent))
	// The policy has changed since: now it knows the other authority as well.
	known := authorities()
	known[2].Pull = true
	var err error
	w.Procedure, err = consultation.New(consultation.Options{
		Authorities: known, Now: func() time.Time { return noon },
		Policy: consultation.Policy{Types: map[string]consultation.TypePolicy{"t": {Legs: []consultation.LegPolicy{
			{Authority: "labour", Binding: consultation.BindingAdvisory, Pull: true, Fields: seen},
			{Authority: "security", Binding: consultation.BindingAdvisory, Pull: true, Fields: []string{"surname"}},
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	err = w.in(func(ctx context.Context, tx pgx.Tx) error {
		_, err := w.Readdress(ctx, tx, c.ID, c.Legs[0].ID, "security", "Ei ole pädev", "EE81506150008")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got := w.get(c.ID)
	q, err := w.Fetch(context.Background(), w.pool, security, got.Legs[1].ID)
	if err != nil || q.Question.Surname != "Sünteetiline" || q.Question.PersonalCode != "" {
		t.Errorf("%+v (%v)", q.Question, err)
	}
}
