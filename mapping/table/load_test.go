package table_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The least that a request of the contract needs.
const (
	head    = "table: x\noperation: persons\nversion: v1\n"
	kind    = "    - {from: /kind, to: /request/kind}\n"
	persons = "    - {from: /persons, to: /request/isik, each: [{from: /name, to: /nimi}]}\n"
	request = head + "request:\n  rules:\n" + kind + persons
	answer  = head + "answer:\n  ignore: [\"\"]\n  rules:\n"
)

// Each table has its faults on the lines that say so, "# code", and no other.
func TestEveryFaultIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	o := options(t)
	for name, text := range map[string]string{
		"good":                  request,
		"good answer":           answer + "    - {from: /response/arv, to: /n}",
		"unknown key":           request + "    - {from: /a, to: /request/tekst, form: x} # unknown-key",
		"no name":               strings.Replace(request, "table: x\n", "", 1) + "\n# missing on 1",
		"no rules":              head + "\n# missing on 1",
		"unknown operation":     strings.Replace(request, "operation: persons", "operation: boats # unknown-operation", 1),
		"unknown version":       strings.Replace(request, "version: v1", "version: v2", 1) + "\n# unknown-operation on 2",
		"unknown path":          request + "    - {from: /a, to: /request/teekst} # unknown-field",
		"unknown answer path":   answer + "    - {from: /response/nimi, to: /n} # unknown-field",
		"below a plain value":   request + "    - {from: /a, to: /request/tekst/x} # unknown-field",
		"no pointer":            request + "    - {from: a, to: /request/tekst} # bad-path",
		"a number in a path":    request + "    - {from: /a/1, to: /request/tekst} # bad-path",
		"the whole message":     request + "    - {from: '', to: /request/tekst} # bad-path",
		"through a list":        request + "    - {from: /a, to: /request/aadressid/aadress/linn} # bad-path",
		"no list to be single":  request + "    - {from: /a, to: /request/tekst/0} # bad-path",
		"number on core's side": request + "    - {from: /a/0, to: /request/tekst} # bad-path",
		"two paths, one wrong":  request + "    - from:\n      - /a\n      - b # bad-path\n      to: /request/tekst\n      transform: join(x)",
		"required unfilled":     head + "request:\n  rules:\n" + persons + "# unfilled on 5",
		"optional parent":       request + "    - {from: /a, to: /request/ajavahemik/lopp}\n# unfilled on 5",
		"unfilled item":         strings.Replace(request, "/name, to: /nimi", "/name, to: /kood", 1) + "\n# unfilled on 7",
		"filled on condition":   head + "request:\n  rules:\n" + persons + "    - {from: /kind, to: /request/kind, when: kind != ''} # unfilled",
		"unread":                head + "answer:\n  ignore: [/response/isik, /response/lisa/b]\n  rules:\n    - {from: /response/arv, to: /n}\n# unread on 5\n# unread on 5",
		"unread in an item":     head + "answer:\n  ignore: [/response/lisa, /response/arv, /response/kokku, /response/isik/olek, /response/isik/keel]\n  rules:\n    - from: /response/isik\n      to: /p\n      each:\n      - {from: /nimi, to: /n} # unread\n      - {from: /riik, to: /r}\n      - {from: /synd, to: /s}\n      - {from: /muudetud, to: /m}",
		"ignored, unknown":      head + "answer:\n  ignore:\n  - ''\n  - /response/x # unknown-field\n  - y # bad-path\n  rules:\n    - {from: /response/arv, to: /n}",
		"ignored in a request":  strings.Replace(request, "request:\n", "request:\n  ignore: [/request] # contradiction\n", 1),
		"code list unknown":     request + "    - {from: /a, to: /request/tekst, codes: {list: planets, core: a, register: b}} # unknown-list",
		"system unknown":        request + "    - {from: /a, to: /request/tekst, codes: {list: countries, core: alpha9, register: alpha2}} # unknown-list",
		"codes as of nothing":   request + "    - {from: /a, to: /request/tekst, codes: {list: countries, core: alpha3, register: alpha2, on: x}} # bad-path",
		"value not allowed":     strings.Replace(request, "/request/kind}", "/request/kind, values: {a: A, b: B}} # missing-code", 1),
		"value not translated":  answer + "    - {from: /response/isik, to: /p, each: [{from: /olek, to: /o, values: {x: E}}]} # missing-code",
		"list without the code": answer + "    - {from: /response/isik, to: /p, each: [{from: /olek, to: /o, codes: {list: countries, core: alpha3, register: alpha2}}]} # missing-code # missing-code",
		"nothing in common":     strings.Replace(request, "/request/kind}", "/request/kind, codes: {list: countries, core: alpha3, register: alpha2}} # missing-code # missing-code", 1),
		"default not in list":   request + "    - {from: /a, to: /request/tekst, default: ZZZ, codes: {list: countries, core: alpha3, register: alpha2}} # missing-code",
		"default not allowed":   strings.Replace(request, "/request/kind}", "/request/kind, default: Z} # wrong-type", 1),
		"default of no type":    request + "    - {from: /a, to: /request/arv, default: many} # wrong-type",
		"two answers in one":    answer + "    - {from: /response/isik, to: /p, each: [{from: /olek, to: /o, values: {a: E, b: E, c: S}}]} # contradiction",
		"unknown transform":     request + "    - {from: /a, to: /request/tekst, transform: reverse} # unknown-transform",
		"transform unwritten":   request + "    - {from: /a, to: /request/tekst, transform: pad(8} # unknown-transform",
		"transform, arguments":  request + "    - {from: /a, to: /request/tekst, transform: pad} # unknown-transform",
		"transform, no zone":    request + "    - {from: /a, to: /request/aeg, transform: moment(Europe/Tartu)} # unknown-transform",
		"transform, bad form":   request + "    - {from: /a, to: /request/tekst, transform: date(D.M.Y)} # unknown-transform",
		"transform, wrong way":  answer + "    - {from: /response/isik, to: /p, each: [{from: /nimi, to: /n, transform: mrz}]} # one-way",
		"answer's in request":   request + "    - {from: /a, to: /request/aeg, transform: utc(Europe/Tallinn)} # one-way",
		"transform, wrong type": request + "    - {from: /a, to: /request/ajavahemik/algus, transform: date(DD.MM.YYYY)} # wrong-type",
		"chain, wrong type":     request + "    - {from: /a, to: /request/tekst, transform: [trim, number]} # wrong-type",
		"transform of a whole":  answer + "    - {from: /response/lisa, to: /l, transform: trim} # wrong-type",
		"join of one":           request + "    - {from: /a, to: /request/tekst, transform: join(x)} # contradiction",
		"two without join":      request + "    - {from: [/a, /b], to: /request/tekst} # missing",
		"two and two":           request + "    - {from: [/a, /b], to: [/request/tekst, /request/koodid], transform: join(x)} # contradiction",
		"split of concat":       answer + "    - {from: /response/isik, to: /p, each: [{from: /nimi, to: [/a, /b], transform: concat(x)}]} # one-way",
		"condition, syntax":     request + "    - {from: /a, to: /request/tekst, when: 'kind =='} # bad-condition",
		"condition, name":       request + "    - {from: /a, to: /request/tekst, when: kid == 'A'} # bad-condition",
		"condition, type":       request + "    - {from: /a, to: /request/tekst, when: kind == 1} # bad-condition",
		"condition, no answer":  request + "    - {from: /a, to: /request/tekst, when: kind} # bad-condition",
		"condition, the clock":  request + "    - {from: /a, to: /request/tekst, when: now().Year() > 2000} # bad-condition",
		"condition, field":      answer + "    - {from: /response/arv, to: /n, when: response.kokku > 'x'} # bad-condition",
		"condition, in an item": answer + "    - {from: /response/isik, to: /p, each: [{from: /nimi, to: /n, when: response.arv > 1}]} # bad-condition",
		"constant not allowed":  strings.Replace(request, "{from: /kind,", "{constant: B,", 1) + "\n# wrong-type on 6",
		"constant of no type":   answer + "    - {to: /n, constant: x, type: integer} # wrong-type",
		"constant from":         request + "    - {from: /a, to: /request/tekst, constant: x} # contradiction",
		"type that contract is": request + "    - {from: /a, to: /request/tekst, type: text} # contradiction",
		"unknown type":          request + "    - {from: /a, type: colour} # not-allowed",
		"from nowhere":          request + "    - {to: /request/tekst} # missing",
		"to nowhere":            request + "    - {from: /a} # missing",
		"each of one":           request + "    - {from: /a, to: /request/ajavahemik, each: [{from: /b, to: /algus}]} # contradiction",
		"each with default":     request + "    - {from: /a, to: /request/aadressid/aadress, default: x, each: [{from: /b, to: /linn}]} # contradiction",
		"required with default": request + "    - {from: /a, to: /request/tekst, default: x, required: true} # contradiction",
		"codes and values":      request + "    - {from: /a, to: /request/tekst, values: {a: b}, codes: {list: countries, core: alpha3, register: alpha2}} # contradiction",
		"filled twice":          request + "    - {from: /a, to: /request/tekst}\n    - {from: /b, to: /request/tekst} # contradiction",
		"core field, two types": request + "    - {from: /a, to: /request/tekst}\n    - {from: /a, to: /request/arv} # contradiction",
		"core field and object": request + "    - {from: /a, to: /request/tekst}\n    - {from: /a/b, to: /request/koodid} # contradiction",
		"example, nothing":      request + "examples:\n  - name: x # bad-example",
		"example, half":         request + "examples:\n  - name: x # bad-example\n    request: '{}'",
		"example, no JSON":      request + "examples:\n  - name: x\n    request: '[' # bad-example\n    refused: [/a b]",
		"example, no such XML":  request + "examples:\n  - name: x\n    request: '{}'\n    sends: <a/> # bad-example",
		"example, no side":      request + "examples:\n  - name: x\n    answer: '{\"response\":{}}'\n    gives: '{}' # bad-example",
		"example, no day":       request + "examples:\n  - name: x\n    request: '{}'\n    refused: [/a b]\n    on: today # bad-example",
		"everything at once":    request + "    - {from: /a, to: /request/x} # unknown-field\n    - {from: /b, to: /request/tekst, transform: y} # unknown-transform\n    - {from: /c, to: /request/koodid, when: 1} # bad-condition",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var want []string
			for i, line := range strings.Split(text, "\n") {
				for _, mark := range strings.Split(line, " # ")[1:] {
					want = append(want, fmt.Sprintf("%s x.yaml:%d:", mark, i+1))
				}
				if rest, ok := strings.CutPrefix(line, "# "); ok {
					code, number, _ := strings.Cut(rest, " on ")
					want = append(want, fmt.Sprintf("%s x.yaml:%s:", code, number))
				}
			}
			made, problems := load(t, "x.yaml", []byte(text), o)
			var seen []string
			for _, p := range problems {
				parts := strings.SplitN(p, ": ", 2)
				seen = append(seen, parts[0]+":")
			}
			slices.Sort(seen)
			slices.Sort(want)
			if !slices.Equal(seen, want) || (made == nil) != (len(want) > 0) && !strings.Contains(text, "# not-allowed") && !strings.Contains(text, "# unknown-key") {
				t.Errorf("want %v, got\n%s", want, strings.Join(problems, "\n"))
			}
		})
	}
}
