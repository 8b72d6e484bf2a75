package table_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/mapping/table"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// A table can be made for every operation of every real description, and what it
// maps comes back as it was: the fullest request and answer, and its own example.
func TestTablesOfEveryRealDescription(t *testing.T) {
	t.Parallel()
	drafts(t, contracttest.Corpus(t))
}

// The same for the styles of description in this repository.
func TestTablesOfEveryStyle(t *testing.T) {
	t.Parallel()
	drafts(t, contracttest.Styles(t))
}

func drafts(t *testing.T, folder string) {
	t.Helper()
	operations, messages := 0, 0
	contracttest.Each(t, folder, func(path string, c *contract.Contract) {
		o := table.Options{Contract: c, Today: today}
		for _, op := range c.Operations() {
			if op.Unsupported != nil {
				continue
			}
			name := filepath.Base(path) + " " + op.Code
			operations++
			d, err := table.Draft(o, op.Code, op.Version)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			var read table.Definition
			if _, problems := configs.Decode(name, d.YAML(), &read); len(problems) > 0 {
				t.Errorf("%s: %v", name, problems)
				continue
			}
			made, problems := table.New(read, o)
			if len(problems) > 0 || !reflect.DeepEqual(d, read) {
				t.Errorf("%s: %v, %s", name, problems, cmp.Diff(d, read))
				continue
			}
			for _, p := range made.RunExamples(today) {
				t.Errorf("%s: %s", name, p.Message)
			}
			if sample := sampleOf(t, name, op.Input); sample != nil && made.HasRequest() {
				messages++
				said, why, err := made.Back(sample, today)
				if err != nil || why != "" {
					t.Errorf("%s: %s %v", name, why, err)
					continue
				}
				sent, err := made.ToRegister(said, today)
				if diff := cmp.Diff(table.Compact(sample), table.Compact(sent)); err != nil || diff != "" {
					t.Errorf("%s: %v %s", name, err, diff)
				}
			}
			if sample := sampleOf(t, name, op.Output); sample != nil && made.HasAnswer() && len(read.Answer.Ignore) == 0 {
				messages++
				told, err := made.ToCore(sample, today)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				back, why, err := made.BackAnswer(told, today)
				if diff := cmp.Diff(table.Compact(sample), table.Compact(back)); err != nil || why != "" || diff != "" {
					t.Errorf("%s: %s %v %s", name, why, err, diff)
				}
			}
		}
	})
	t.Logf("%d operations, %d messages", operations, messages)
	if operations == 0 || messages*10 < operations*15 {
		t.Errorf("of %d operations only %d messages were mapped", operations, messages)
	}
}

// sampleOf is the fullest message, or nil where no example meets every rule.
func sampleOf(t *testing.T, name string, el *contract.Element) map[string]any {
	t.Helper()
	sample, err := mapping.Sample(el, mapping.Fullest)
	if err != nil {
		return nil
	}
	x, err := mapping.Encode(el, sample)
	if err != nil {
		return nil
	}
	if sample, err = mapping.Decode(el, x); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return sample
}
