package table_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping/table"
)

// A table says which of the register's fields it writes, always writes and reads.
func TestWhatATableUses(t *testing.T) {
	t.Parallel()
	const text = head + `request:
  rules:
    - {from: /kind, to: /request/kind}
    - {from: /note, to: /request/tekst, when: kind == 'A'}
    - {from: /n, to: /request/arv}
    - {from: /since, to: /request/ajavahemik/algus, required: true}
    - {from: /persons, to: /request/isik, each: [{from: /name, to: /nimi}, {from: /code, to: /kood}, {from: /nr, to: /@nr}]}
answer:
  ignore: [/response/lisa, /response/isik/keel, /response/isik/markus]
  rules:
    - {from: /response/arv, to: /n}
    - {from: /response/kokku, to: /sum}
    - from: /response/isik
      to: /persons
      each:
        - {from: /nimi, to: /name, when: olek == 'E'}
        - {from: /riik, to: /country, codes: {list: countries, core: alpha3, register: alpha2, on: /synd}}
        - {from: /synd, to: /born}
        - {from: /muudetud, to: /changed}
        - {from: /olek, to: /state}
`
	made, problems := load(t, "t.yaml", []byte(text), options(t))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	want := table.Used{
		Request: []string{"/request/ajavahemik/algus", "/request/arv", "/request/isik/@nr", "/request/isik/kood", "/request/isik/nimi", "/request/kind", "/request/tekst"},
		Filled:  []string{"/request/ajavahemik/algus", "/request/isik", "/request/isik/nimi", "/request/kind"},
		Answer:  []string{"/response/arv", "/response/isik/muudetud", "/response/isik/nimi", "/response/isik/olek", "/response/isik/riik", "/response/isik/synd", "/response/kokku"},
	}
	if diff := cmp.Diff(want, made.Uses()); diff != "" {
		t.Error(diff)
	}
	made, problems = load(t, "t.yaml", []byte(request), options(t))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if u := made.Uses(); u.Answer != nil || len(u.Request) == 0 {
		t.Errorf("a side without rules uses all: %+v", u)
	}
}
