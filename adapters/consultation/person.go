package consultation

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Person is the person the case is about: by a personal code, or, who has none,
// by an identity block: names, birth date, citizenship and document together.
type Person struct {
	PersonalCode string    `json:"personal_code,omitempty"`
	GivenName    string    `json:"given_name"`
	Surname      string    `json:"surname"`
	BirthDate    string    `json:"birth_date,omitempty"`  // YYYY-MM-DD
	Citizenship  string    `json:"citizenship,omitempty"` // of a state, as in documents (ICAO 9303-3, section 5)
	Document     *Document `json:"document,omitempty"`
}

// Document is what the person travels with or is identified by.
type Document struct {
	Number  string `json:"number"`
	Country string `json:"country"` // the state that issued it, like a citizenship
}

// identity is what the person is known by: two persons with the same one are the
// same. The case and blanks of names and numbers do not count.
func (p Person) identity() string {
	if p.PersonalCode != "" {
		return "code " + p.PersonalCode
	}
	plain := func(s string) string { return strings.ToUpper(strings.Join(strings.Fields(s), " ")) }
	parts := []string{plain(p.GivenName), plain(p.Surname), p.BirthDate, p.Citizenship}
	if p.Document != nil {
		parts = append(parts, p.Document.Country, strings.ReplaceAll(plain(p.Document.Number), " ", ""))
	}
	return "block " + strings.Join(parts, "\x1f")
}

// person checks who a case is about. Who has no personal code needs the whole
// identity block.
func (f *faults) person(path string, p Person, today time.Time) {
	block := p.PersonalCode == ""
	if !block {
		f.personalCode(path+"/personal_code", p.PersonalCode)
	}
	f.text(path+"/given_name", p.GivenName, true, maxShort)
	f.text(path+"/surname", p.Surname, true, maxShort)
	if p.BirthDate != "" {
		if born, err := time.Parse(time.DateOnly, p.BirthDate); err != nil {
			f.add(path+"/birth_date", "format", "a date is needed: YYYY-MM-DD")
		} else if born.After(today) || born.Year() < 1850 {
			f.add(path+"/birth_date", "range", "nobody who lives was born then")
		}
	} else if block {
		f.add(path+"/birth_date", "required", "a person without a personal code needs a birth date")
	}
	if p.Citizenship != "" {
		f.state(path+"/citizenship", p.Citizenship)
	} else if block {
		f.add(path+"/citizenship", "required", "a person without a personal code needs a citizenship")
	}
	if d := p.Document; d != nil {
		f.text(path+"/document/number", d.Number, true, maxShort)
		f.state(path+"/document/country", d.Country)
	} else if block {
		f.add(path+"/document", "required", "a person without a personal code needs a document")
	}
}

// state checks the code of a state as travel documents have it (ICAO 9303-3,
// section 5): three letters, or D for Germany; XXX and the like for persons
// without a state are among them.
func (f *faults) state(path, s string) {
	if s == "D" {
		return
	}
	if utf8.RuneCountInString(s) != 3 || strings.ContainsFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		f.add(path, "format", "the code of a state is needed as in documents: three capital letters")
	}
}

// CheckIdentity names what is wrong with an identity by which a person is looked
// for: a personal code, or a whole identity block. Paths begin with path.
func (p *Procedure) CheckIdentity(path string, who Person) []Violation {
	var f faults
	if who.PersonalCode != "" {
		f.personalCode(path+"/personal_code", who.PersonalCode)
		return f
	}
	f.person(path, who, p.clock())
	return f
}

// changedFields tells which fields of a person are others now, by their names in
// policies. What the new identity does not say has not changed.
func changedFields(before, after Person) []string {
	var names []string
	differ := func(name, was, is string) {
		if is != "" && was != is {
			names = append(names, name)
		}
	}
	differ("personal_code", before.PersonalCode, after.PersonalCode)
	differ("given_name", before.GivenName, after.GivenName)
	differ("surname", before.Surname, after.Surname)
	differ("birth_date", before.BirthDate, after.BirthDate)
	differ("citizenship", before.Citizenship, after.Citizenship)
	if d := after.Document; d != nil && (before.Document == nil || *before.Document != *d) {
		names = append(names, "document")
	}
	return names
}
