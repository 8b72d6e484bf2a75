package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// TestSamplesOfEveryRealDescription makes the smallest and the fullest message
// of every operation of every real description that can be used, checks that
// JSON → XML → JSON is the identity, and lets libxml2 judge what was written and
// what was then changed in some fifteen ways: it is to refuse what is refused here
// and to take what is taken here.
//
// Not judged are descriptions whose schemas libxml2 refuses to compile as a
// whole, because of a part that is missing or undeclared; here such a part costs
// only the operations that need it.
func TestSamplesOfEveryRealDescription(t *testing.T) {
	t.Parallel()
	all := judgeFolder(t, contracttest.Corpus(t), true)
	// One sample in a hundred may be refused, for what no example can be made
	// of: patterns that contradict other rules, for instance.
	if all.valid == 0 || all.refused*100 > all.valid {
		t.Errorf("the judge refuses %d of %d samples", all.refused, all.valid+all.refused)
	}
	all.checkDissent(t)
}

// checkDissent allows the judge another opinion about one mutant in a hundred.
// What is left is of two kinds: the judge looks into elements that a strict
// wildcard takes, and here they are kept as XML; and it skips characters in base64
// that base64 does not have.
func (j *judged) checkDissent(t *testing.T) {
	t.Helper()
	if j.mutants == 0 || j.dissent*100 > j.mutants {
		t.Errorf("the judge says otherwise of %d of %d mutants", j.dissent, j.mutants)
	}
}

// TestSamplesOfEveryStyle does the same with the descriptions of this repository,
// written in the styles of registers and tools that are not in the folder of real
// ones. Of these every operation can be used, and no sample is left to doubt.
func TestSamplesOfEveryStyle(t *testing.T) {
	t.Parallel()
	root := contracttest.Styles(t)
	all := judgeFolder(t, root, false)
	if all.valid == 0 || all.valid != all.samples {
		t.Errorf("the judge takes %d of %d samples", all.valid, all.samples)
	}
	all.checkDissent(t)
	contracttest.Each(t, root, func(path string, c *contract.Contract) {
		for _, op := range c.Operations() {
			if op.Unsupported != nil {
				t.Errorf("%s %s: %v", filepath.Base(path), op.Code, op.Unsupported)
			}
		}
	})
}

// judgeFolder judges every description of a folder and those below it; sparing
// changes each message in some of the ways only, and other messages in others.
func judgeFolder(t *testing.T, root string, sparing bool) judged {
	t.Helper()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (package libxml2-utils) is not installed")
	}
	var all judged
	err = fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wsdl" {
			return err
		}
		one := judged{xmllint: xmllint, wsdl: filepath.Join(root, path), name: filepath.Dir(path), sparing: sparing}
		one.description(t)
		all.samples += one.samples
		all.valid += one.valid
		all.refused += one.refused
		all.unjudged += one.unjudged
		all.mutants += one.mutants
		all.dissent += one.dissent
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d samples: the judge takes %d, refuses %d and cannot judge %d", all.samples, all.valid, all.refused, all.unjudged)
	t.Logf("%d mutants: the judge says otherwise of %d", all.mutants, all.dissent)
	return all
}

// judged are the samples of one description and what the judge said.
type judged struct {
	xmllint, wsdl, name string
	sparing             bool
	files, labels       []string
	ours                []verdict

	samples, valid, refused, unjudged int
	mutants, dissent                  int
}

func (j *judged) description(t *testing.T) {
	t.Helper()
	c, err := contract.Load(os.DirFS(filepath.Dir(j.wsdl)), filepath.Base(j.wsdl))
	if err != nil {
		return // why is the subject of another test
	}
	dir := t.TempDir()
	for _, op := range c.Operations() {
		if op.Unsupported != nil {
			continue
		}
		for direction, el := range map[string]*contract.Element{"request": op.Input, "answer": op.Output} {
			for extent, word := range map[mapping.Extent]string{mapping.Smallest: "smallest", mapping.Fullest: "fullest"} {
				j.sample(t, dir, fmt.Sprintf("%s %s %s, %s", j.name, op.Code, word, direction), el, extent)
			}
		}
	}
	if len(j.files) > 0 {
		j.judge(t)
	}
}

// sample writes one sample, and one with an element that does not belong there.
func (j *judged) sample(t *testing.T, dir, label string, el *contract.Element, extent mapping.Extent) {
	t.Helper()
	j.samples++
	value, err := mapping.Sample(el, extent)
	if err != nil {
		j.refused++
		t.Logf("%s: %v", label, err)
		return
	}
	x, err := mapping.Encode(el, value)
	if err != nil {
		t.Errorf("%s: encoding: %v", label, err)
		return
	}
	body := contracttest.Bytes(t, x)
	back, err := mapping.Decode(el, reread(t, x))
	if err != nil {
		t.Errorf("%s: decoding: %v", label, err)
	} else if !reflect.DeepEqual(value, back) {
		diff := cmp.Diff(value, back)
		t.Errorf("%s: what was written is read as something else:\n%s", label, diff)
	}
	j.write(t, dir, label, body, sampleWritten)
	changed := mutants(t, body)
	for i, change := range slices.Sorted(maps.Keys(changed)) {
		if j.sparing && i%5 != j.samples%5 {
			continue
		}
		mutant := changed[change]
		doc, err := soap.ReadTree(mutant, soap.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		verdict := mutantTaken
		if _, err := mapping.Decode(el, doc.Root()); err != nil {
			verdict = mutantRefused
		}
		j.write(t, dir, label+", "+change, mutant, verdict)
	}
}

// verdict is what we say of a file.
type verdict int

const (
	sampleWritten verdict = iota
	mutantTaken
	mutantRefused
)

func (j *judged) write(t *testing.T, dir, label string, body []byte, ours verdict) {
	t.Helper()
	file := filepath.Join(dir, fmt.Sprintf("%d.xml", len(j.files)))
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	j.files, j.labels, j.ours = append(j.files, file), append(j.labels, label), append(j.ours, ours)
}

// judge lets one process of the judge look at all files of the description.
func (j *judged) judge(t *testing.T) {
	t.Helper()
	schema, err := contracttest.ExtractSchemas(j.wsdl, t.TempDir())
	if err != nil {
		t.Errorf("%s: extracting the schemas: %v", j.name, err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	args := append([]string{"--nonet", "--noout", "--schema", schema}, j.files...)
	said, _ := exec.CommandContext(ctx, j.xmllint, args...).CombinedOutput() // its exit says only that something was refused
	if bytes.Contains(said, []byte("failed to compile")) {
		j.unjudged += j.samples
		first, _, _ := bytes.Cut(said[bytes.Index(said, []byte("parser error")):], []byte("\n"))
		t.Logf("%s: the judge cannot use the schemas: %s", j.name, first)
		return
	}
	lines := strings.Split(string(said), "\n")
	for i, file := range j.files {
		takes := bytes.Contains(said, []byte(file+" validates"))
		reason := ""
		for _, line := range lines {
			if strings.HasPrefix(line, file) && strings.Contains(line, "error") {
				reason = line[len(file):]
				break
			}
		}
		if j.ours[i] != sampleWritten {
			j.mutants++
		}
		switch {
		case takes && j.ours[i] == mutantRefused:
			j.dissent++
			t.Logf("%s: refused here, and the judge takes it", j.labels[i])
		case !takes && j.ours[i] == mutantTaken:
			j.dissent++
			t.Logf("%s: taken here, and the judge says: %s", j.labels[i], reason)
		case takes && j.ours[i] == sampleWritten:
			j.valid++
		case j.ours[i] == sampleWritten:
			j.refused++
			t.Logf("%s: the judge says: %s", j.labels[i], reason)
		}
	}
}
