package mapping_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
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
// what was then damaged.
//
// Not judged are descriptions whose schemas libxml2 refuses to compile as a
// whole, because of a part that is missing or undeclared; here such a part costs
// only the operations that need it.
func TestSamplesOfEveryRealDescription(t *testing.T) {
	t.Parallel()
	root := contracttest.Corpus(t)
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (package libxml2-utils) is not installed")
	}
	var all judged
	err = fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".wsdl" {
			return err
		}
		one := judged{xmllint: xmllint, wsdl: filepath.Join(root, path), name: filepath.Dir(path)}
		one.description(t)
		all.samples += one.samples
		all.valid += one.valid
		all.refused += one.refused
		all.unjudged += one.unjudged
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d samples: the judge takes %d, refuses %d and cannot judge %d", all.samples, all.valid, all.refused, all.unjudged)
	// One sample in a hundred may be refused, for what no example can be made
	// of: patterns that contradict other rules, for instance.
	if all.valid == 0 || all.refused*100 > all.valid {
		t.Errorf("the judge refuses %d of %d samples", all.refused, all.valid+all.refused)
	}
}

// judged are the samples of one description and what the judge said.
type judged struct {
	xmllint, wsdl, name string
	files, labels       []string
	damaged             []bool

	samples, valid, refused, unjudged int
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
	} else if diff := cmp.Diff(value, back); diff != "" {
		t.Errorf("%s: what was written is read as something else:\n%s", label, diff)
	}
	j.write(t, dir, label, body, false)
	if el.Type.Any || el.Type.Content.Wildcard() != nil {
		return // nothing is a stranger there
	}
	end := bytes.LastIndex(body, []byte("</"))
	if end < 0 {
		return
	}
	damaged := append(append(bytes.Clone(body[:end]), "<ristmik-stranger/>"...), body[end:]...)
	doc, err := soap.ReadTree(damaged, soap.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mapping.Decode(el, doc.Root()); err == nil {
		t.Errorf("%s: an element that does not belong there is taken", label)
	}
	j.write(t, dir, label+", damaged", damaged, true)
}

func (j *judged) write(t *testing.T, dir, label string, body []byte, damaged bool) {
	t.Helper()
	file := filepath.Join(dir, fmt.Sprintf("%d.xml", len(j.files)))
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	j.files, j.labels, j.damaged = append(j.files, file), append(j.labels, label), append(j.damaged, damaged)
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
		switch {
		case takes && j.damaged[i]:
			t.Errorf("%s: the judge takes it", j.labels[i])
		case takes:
			j.valid++
		case !j.damaged[i]:
			j.refused++
			for _, line := range lines {
				if strings.HasPrefix(line, file) && strings.Contains(line, "error") {
					t.Logf("%s: the judge says: %s", j.labels[i], line[len(file):])
					break
				}
			}
		}
	}
}
