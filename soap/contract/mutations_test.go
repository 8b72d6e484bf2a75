package contract_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"ristmik/soap/contract"
)

// mutation is one entry of testdata/mutations/mutations.yaml.
type mutation struct {
	Name, Old, New string
	Everywhere     bool              // every occurrence, not only the first
	Also           map[string]string // replaced everywhere, on top
	Drop           string            // taken away to its last word's beginning
	Append         string            // put at the end of the schema
	All            contract.Verdict
	Strict         contract.Verdict
	Ours           contract.Verdict
	Change         contract.Change
}

func (m mutation) of(t *testing.T, text string) string {
	t.Helper()
	unescaped := strings.NewReplacer(`\n`, "\n").Replace
	n := 1
	if m.Everywhere {
		n = -1
	}
	out := strings.Replace(text, unescaped(m.Old), unescaped(m.New), n)
	for old, fresh := range m.Also {
		if !strings.Contains(out, old) {
			t.Fatalf("there is no %q", old)
		}
		out = strings.ReplaceAll(out, old, fresh)
	}
	if m.Drop != "" {
		drop := unescaped(m.Drop)
		out = strings.Replace(out, drop, drop[strings.LastIndex(drop, " ")+1:], 1)
	}
	if m.Append != "" {
		out = strings.Replace(out, "</xs:schema>", m.Append+"</xs:schema>", 1)
	}
	if out == text && m.Old != m.New {
		t.Fatalf("there is no %q", m.Old)
	}
	return out
}

// ours is the use that the column "ours" of the corpus speaks of.
func ours(rest bool) func(code, version string) *contract.Use {
	uses := map[string]*contract.Use{
		"find": {
			Request: []string{"/owner", "/since", "/filter/colour"}, Filled: []string{"/owner", "/since"},
			Answer: []string{"/count", "/car/plate", "/car/status", "/car/@id"},
		},
	}
	if rest {
		uses = map[string]*contract.Use{
			"find":     {Request: []string{"/query/owner"}, Answer: []string{"/cars/plate", "/cars/status"}},
			"register": {Request: []string{"/body/plate", "/body/note"}, Answer: []string{}},
		}
	}
	return func(code, _ string) *contract.Use { return uses[code] }
}

// Every mutation of a description has the verdict that stands beside it, for
// three kinds of user.
func TestMutatedDescriptionsHaveTheirVerdicts(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("testdata", "mutations")
	text := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	var corpus struct{ SOAP, REST []mutation }
	d := yaml.NewDecoder(bytes.NewReader([]byte(text("mutations.yaml"))))
	d.KnownFields(true)
	if err := d.Decode(&corpus); err != nil {
		t.Fatal(err)
	}
	strict := func(string, string) *contract.Use { return &contract.Use{Strict: true} }
	everything := func(string, string) *contract.Use { return &contract.Use{} }

	compareSOAP := func(t *testing.T, m mutation, use func(string, string) *contract.Use) []contract.Difference {
		source := text("register.wsdl")
		return contract.CompareUsed(load(t, map[string]string{"t.wsdl": source}), load(t, map[string]string{"t.wsdl": m.of(t, source)}), use)
	}
	compareREST := func(t *testing.T, m mutation, use func(string, string) *contract.Use) []contract.Difference {
		source := text("register.yaml")
		older, err := contract.ParseREST([]byte(source))
		if err != nil {
			t.Fatal(err)
		}
		newer, err := contract.ParseREST([]byte(m.of(t, source)))
		if err != nil {
			t.Fatal(err)
		}
		return contract.CompareRESTUsed(older, newer, use)
	}
	for kind, of := range map[string]struct {
		list    []mutation
		compare func(*testing.T, mutation, func(string, string) *contract.Use) []contract.Difference
	}{"soap": {corpus.SOAP, compareSOAP}, "rest": {corpus.REST, compareREST}} {
		if len(of.list) < 40 {
			t.Errorf("%s: only %d mutations", kind, len(of.list))
		}
		for _, m := range of.list {
			if m.Strict == "" {
				m.Strict = m.All
			}
			t.Run(kind+"/"+m.Name, func(t *testing.T) {
				t.Parallel()
				for user, one := range map[string]struct {
					use  func(string, string) *contract.Use
					want contract.Verdict
				}{"all": {everything, m.All}, "strict": {strict, m.Strict}, "ours": {ours(kind == "rest"), m.Ours}} {
					found := of.compare(t, m, one.use)
					if got := contract.VerdictOf(found); got != one.want {
						t.Errorf("%s: %s instead of %s: %+v", user, got, one.want, found)
					}
					if m.Change != "" && !slices.ContainsFunc(found, func(d contract.Difference) bool { return d.Change == m.Change }) {
						t.Errorf("%s: no %s in %+v", user, m.Change, found)
					}
				}
			})
		}
	}
}
