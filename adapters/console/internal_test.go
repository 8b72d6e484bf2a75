package console

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"ristmik/soap"
)

// Everything that can be advised is said in Estonian as well, and nothing is
// translated that nobody says.
func TestEveryAdviceIsTranslated(t *testing.T) {
	t.Parallel()
	all := soap.Advices()
	for _, text := range all {
		if advicesEstonian[text] == "" {
			t.Errorf("not in Estonian: %s", text)
		}
	}
	for text := range advicesEstonian {
		if !slices.Contains(all, text) {
			t.Errorf("nobody says: %s", text)
		}
	}
	for _, kind := range soap.Kinds() {
		if kindsEstonian[kind] == "" {
			t.Errorf("not in Estonian: %s", kind)
		}
	}
}

// Where a code says more than its kind, the page says it and whose turn it is.
func TestReasonsAreExplainedByTheirCode(t *testing.T) {
	t.Parallel()
	const code = "server.serverproxy.unknown_service"
	for l, want := range map[lang]string{
		english:  "The partner has no service of this name and version; ask what it is called now and correct the configuration.",
		estonian: "Vastaspoolel ei ole sellise nime ja versiooniga teenust; küsi, mis selle nimi nüüd on, ja paranda seadistus.",
	} {
		w := explain(l, "fix_rights "+code)
		if w.Text != want || w.Code != code || w.Turn != say(l, "turn.ours") {
			t.Errorf("%+v", w)
		}
	}
	if w := explain(estonian, "own_server connect"); w.Text != kindsEstonian[soap.KindOwnServer] {
		t.Errorf("%+v", w)
	}
}

// Every change that descriptions are told apart by is told in both languages.
func TestEveryChangeOfAContractHasWords(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../../soap/contract/diff.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Change = "([a-z_]+)"`).FindAllSubmatch(source, -1)
	if len(found) < 20 {
		t.Fatalf("only %d changes", len(found))
	}
	for _, m := range found {
		key := "change." + string(m[1])
		if et, en := say(estonian, key), say(english, key); et == key || en == key || et == en {
			t.Errorf("%s: %q, %q", key, et, en)
		}
	}
}

// What jobs count is told in the language of the page; what nobody has words for stands
// as it was reported.
func TestReportsOfJobsAreTold(t *testing.T) {
	t.Parallel()
	for l, want := range map[lang]string{
		estonian: "lõhkuvalt muutunuid: 1, sündmusi tuumale: 2, ohutult muutunuid: 0, new thing: 7, samu kirjeldusi: 3",
		english:  "changed so that it breaks: 1, events for the core: 2, changed harmlessly: 0, new thing: 7, descriptions that are the same: 3",
	} {
		if got := summary(l, map[string]int{"same": 3, "harmless": 0, "breaking": 1, "events": 2, "new_thing": 7}); got != want {
			t.Errorf("%s: %s", l, got)
		}
	}
	for key, text := range jobWords {
		if text.et == "" || text.en == "" || text.et == text.en {
			t.Errorf("%s: %+v", key, text)
		}
	}
}
