// Package population makes the synthetic people of the simulated employment
// register: the same seed always gives the same persons, employers and
// employments, whatever the day. Personal codes begin with 7 or 8 (born 2100 or
// later), so that no living person can have one; names are made up.
package population

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Person is one person of the register.
type Person struct {
	PersonalCode       string
	GivenName, Surname string
	Citizenship        Coded
	Born               time.Time // midnight UTC
	Employments        []Employment
}

// Coded is a value of a classifier with its name in Estonian.
type Coded struct{ Code, Name string }

// Employer is a synthetic company with a valid registry code.
type Employer struct{ Code, Name string }

// Employment is one entry (kanne) of the employment register. End is zero while
// the employment lasts; Entered and Changed are moments, the other times are
// dates at midnight UTC.
type Employment struct {
	ID               int64
	Employer         Employer
	Start, End       time.Time
	Kind, Occupation Coded
	Rate             string // working-time rate, a decimal
	Place            string
	GroundCode       string // why it ended
	Entered, Changed time.Time
}

// Size is the number of persons.
const Size = 40

var (
	givenNames   = []string{"Oriane", "Davlet", "Mirenka", "Tavoril", "Selvane", "Ruslemi", "Kaiora", "Benedar", "Yarosla", "Imrelda", "Pavlike", "Zahrani", "Torvald", "Annelore", "Nikodem", "Shirvane", "Levonti", "Maruska", "Ozgurin", "Felisane"}
	surnames     = []string{"Veltmarova", "Karhunel", "Drobysheva", "Almazari", "Tiivalind", "Ostrovenko", "Qadirova", "Brennvik", "Sulemanic", "Ravindale", "Petroval", "Kõrvemaa", "Zelenkovic", "Harjutaja", "Näidis", "Marchetova", "Yildirane", "Bondarevsky", "Gurungal", "Lepiksaar"}
	companies    = []string{"Näidisehitus OÜ", "Proovitransport AS", "Katsetarkvara OÜ", "Mustermetall AS", "Sünteetiline Puhastus OÜ", "Harjutusköök OÜ", "Prooviaiand OÜ", "Näidislogistika AS", "Katselabor OÜ", "Musterlaevad AS", "Näidishooldus OÜ", "Proovirent Tööjõud OÜ"}
	citizenships = []Coded{{"804", "Ukraina"}, {"112", "Valgevene"}, {"356", "India"}, {"792", "Türgi"}, {"268", "Gruusia"}, {"860", "Usbekistan"}, {"566", "Nigeeria"}, {"398", "Kasahstan"}, {"608", "Filipiinid"}, {"076", "Brasiilia"}}
	occupations  = []Coded{{"7112", "Müürsepp"}, {"7212", "Keevitaja"}, {"8332", "Veoautojuht"}, {"2512", "Tarkvaraarendaja"}, {"9112", "Puhastaja"}, {"5120", "Kokk"}, {"9214", "Aiandustööline"}, {"4321", "Laoametnik"}, {"5322", "Hooldustöötaja"}, {"7223", "Metallilõikepinkide seadistaja"}}
	kinds        = []Coded{{"1", "Töölepingu alusel töötamine"}, {"2", "Töövõtulepingu alusel töötamine"}, {"3", "Rendi- või lähetatud töötaja"}}
	places       = []string{"Harju maakond, Tallinn", "Tartu maakond, Tartu linn", "Ida-Viru maakond, Narva linn", "Pärnu maakond, Pärnu linn", "Viljandi maakond, Viljandi linn"}
	rates        = []string{"1", "1", "1", "0.75", "0.5"}
	grounds      = []string{"79", "80", "85", "89"}
)

// Generate makes the population of a seed.
func Generate(seed uint64) []Person {
	r := rand.New(rand.NewPCG(seed, 0x726973746d696b))
	employers := make([]Employer, len(companies))
	codes := map[string]bool{}
	for i, name := range companies {
		for employers[i].Code == "" || codes[employers[i].Code] {
			employers[i] = Employer{registryCode(r), name}
		}
		codes[employers[i].Code] = true
	}
	persons, taken, id := make([]Person, Size), map[string]bool{}, int64(100_000_000)
	for i := range persons {
		// One person in eight has a code of the second check rule and one in ten of
		// the third: rare in life, but a program that lacks them must be found out.
		rule := 1
		switch {
		case i%8 == 2:
			rule = 2
		case i%10 == 5:
			rule = 3
		}
		p := Person{
			GivenName:   givenNames[i%len(givenNames)],
			Surname:     surnames[(i*7+i/len(givenNames)*3)%len(surnames)],
			Citizenship: pick(r, citizenships),
			Born:        time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(25*365)),
		}
		for p.PersonalCode == "" || taken[p.PersonalCode] {
			p.PersonalCode = personalCode(r, p.Born, rule)
		}
		taken[p.PersonalCode] = true
		for range 1 + r.IntN(3) {
			id += 1 + r.Int64N(900)
			p.Employments = append(p.Employments, employment(r, id, employers))
		}
		// The first of every person lasts, so that there is something to end.
		p.Employments[0].End, p.Employments[0].GroundCode = time.Time{}, ""
		p.Employments[0].Changed = p.Employments[0].Entered
		persons[i] = p
	}
	return persons
}

func employment(r *rand.Rand, id int64, employers []Employer) Employment {
	start := time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(6*365))
	e := Employment{
		ID: id, Employer: pick(r, employers), Start: start,
		Kind: pick(r, kinds), Occupation: pick(r, occupations), Rate: pick(r, rates), Place: pick(r, places),
		// The employer enters the work before it begins.
		Entered: start.Add(-time.Duration(1+r.IntN(72)) * time.Hour),
	}
	e.Changed = e.Entered
	if r.IntN(2) == 0 {
		e.End, e.GroundCode = start.AddDate(0, 0, 60+r.IntN(500)), pick(r, grounds)
		// An end is to be entered within ten days.
		e.Changed = e.End.Add(time.Duration(r.IntN(10*24)) * time.Hour)
	}
	return e
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// GroundName is the name of a ground for ending an employment: the section of
// the Employment Contracts Act that it stands for.
func GroundName(code string) string {
	names := map[string]string{
		"79": "Töölepingu lõpetamine kokkuleppel (TLS § 79)",
		"80": "Tähtajalise töölepingu lõppemine (TLS § 80)",
		"85": "Töötaja korraline ülesütlemine (TLS § 85)",
		"88": "Erakorraline ülesütlemine töötajast tuleneval põhjusel (TLS § 88)",
		"89": "Erakorraline ülesütlemine majanduslikel põhjustel (TLS § 89)",
	}
	if name, ok := names[code]; ok {
		return name
	}
	return fmt.Sprintf("Muu alus (%s)", code)
}
