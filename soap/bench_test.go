package soap_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// bodyOf returns a wrapper whose content is about n bytes of records.
func bodyOf(n int) *etree.Element {
	w := etree.NewElement("p:vehicleByPlate")
	w.CreateAttr("xmlns:p", "http://registry.example/producer")
	list := w.CreateElement("response").CreateElement("records")
	for i := 0; n > 0; i++ {
		r := list.CreateElement("record")
		r.CreateAttr("no", strconv.Itoa(i))
		r.CreateElement("personCode").SetText("38001085718")
		r.CreateElement("name").SetText("Mari-Liis & Jüri Õunapuu")
		r.CreateElement("address").SetText("Harju maakond, Tallinn, Kesklinna linnaosa, Pikk tänav 61")
		r.CreateElement("from").SetText("2024-01-01")
		n -= 260
	}
	return w
}

// envelopes are requests of the sizes that are measured.
func envelopes(t testing.TB) []struct {
	name string
	body *etree.Element
	doc  []byte
} {
	t.Helper()
	sizes := []struct {
		name string
		body *etree.Element
		doc  []byte
	}{{name: "2KB"}, {name: "20KB"}, {name: "1MB"}}
	for i, n := range []int{700, 19_000, 1 << 20} {
		s := &sizes[i]
		s.body = bodyOf(n)
		var err error
		if s.doc, err = soap.BuildRequest(goldenHeader(), s.body); err != nil {
			t.Fatal(err)
		}
	}
	return sizes
}

func measure(b *testing.B, size int, run func() error) {
	b.Helper()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGate is the gate beside Token of encoding/xml, which checks less.
func BenchmarkGate(b *testing.B) {
	for _, e := range envelopes(b) {
		b.Run("scan/"+e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error { _, err := soap.Scan(e.doc, soap.Limits{}); return err })
		})
		b.Run("encoding-xml/"+e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error {
				d := xml.NewDecoder(bytes.NewReader(e.doc))
				for {
					if _, err := d.Token(); errors.Is(err, io.EOF) {
						return nil
					} else if err != nil {
						return err
					}
				}
			})
		})
	}
}

// BenchmarkGateRival is the other reader: SAX2 of libxml2.
func BenchmarkGateRival(b *testing.B) {
	program := judge(b)
	for _, e := range envelopes(b) {
		b.Run("libxml2/"+e.name, func(b *testing.B) {
			cmd := exec.Command(program, "time", strconv.Itoa(b.N))
			cmd.Stdin = bytes.NewReader(e.doc)
			out, err := cmd.Output()
			if err != nil {
				b.Fatal(err)
			}
			ns, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
			if err != nil {
				b.Fatal(err)
			}
			// The time is the judge's own, without the start of the program.
			b.ReportMetric(ns/float64(b.N), "ns/op")
			b.ReportMetric(float64(len(e.doc))*float64(b.N)/ns*1e3, "MB/s")
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	for _, e := range envelopes(b) {
		b.Run(e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error { _, err := soap.BuildRequest(goldenHeader(), e.body); return err })
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, e := range envelopes(b) {
		b.Run("tree/"+e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error {
				m, err := soap.ReadRequest(e.doc, soap.Limits{})
				if err == nil {
					m.Body()
				}
				return err
			})
		})
		b.Run("header/"+e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error { _, err := soap.ReadRequest(e.doc, soap.Limits{}); return err })
		})
		b.Run("tokens/"+e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error {
				m, err := soap.ReadRequest(e.doc, soap.Limits{})
				if err != nil {
					return err
				}
				walk := m.Outline.WrapperTokens()
				defer walk.Close()
				for walk.Next() != soap.TokenNone {
				}
				return nil
			})
		})
		b.Run("etree/"+e.name, func(b *testing.B) {
			measure(b, len(e.doc), func() error { return etree.NewDocument().ReadFromBytes(e.doc) })
		})
	}
}

// The gate allocates a fixed few times for a good message of any size.
func TestGateAllocatesLittle(t *testing.T) {
	for _, e := range envelopes(t) {
		if n := testing.AllocsPerRun(20, func() {
			if _, err := soap.Scan(e.doc, soap.Limits{}); err != nil {
				t.Fatal(err)
			}
		}); n > 4 {
			t.Errorf("%s: %v allocations", e.name, n)
		}
	}
}

// hostile are documents that try to cost more than they weigh.
func hostile() map[string]func() string {
	distinct := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	envelope := func(head, body string) string {
		return "<e:Envelope xmlns:e='" + soap.NSEnvelope + "'><e:Header>" + head + "</e:Header><e:Body>" + body + "</e:Body></e:Envelope>"
	}
	return map[string]func() string{
		"150k nested":               func() string { return strings.Repeat("<a>", 150_000) },
		"10 MB of nested tags":      func() string { return strings.Repeat("<a>", 10<<20/3) },
		"260k empty elements":       func() string { return "<r>" + strings.Repeat("<a/>", 260_000) + "</r>" },
		"99k empty elements":        func() string { return "<r>" + strings.Repeat("<a/>", 99_000) + "</r>" },
		"100k attributes":           func() string { return "<a" + distinct(100_000, ` a%d=""`) + "/>" },
		"256 attributes, 700 times": func() string { return "<r>" + strings.Repeat("<a"+distinct(256, ` a%d=""`)+"/>", 700) + "</r>" },
		"9 MB attribute":            func() string { return `<a b="` + strings.Repeat("x", 9<<20) + `"/>` },
		"1 MB name":                 func() string { return "<" + strings.Repeat("x", 1<<20) + "/>" },
		"10k prefixes":              func() string { return distinct(10_000, `<a xmlns:p%d="urn:x">`) },
		"10k header blocks":         func() string { return envelope(strings.Repeat("<a/>", 10_000), "<b/>") },
		"10k wrappers":              func() string { return envelope("", strings.Repeat("<b/>", 10_000)) },
		"9 MB of references":        func() string { return "<a>" + strings.Repeat("&#x41;", 9<<20/6) + "</a>" },
		"references in namespaces": func() string {
			return "<r>" + strings.Repeat(`<a xmlns="`+strings.Repeat("&#x41;", 10_000)+`"/>`, 20) + "</r>"
		},
		"9 MB of comments":     func() string { return "<a>" + strings.Repeat("<!---->", 9<<20/7) + "</a>" },
		"9 MB of instructions": func() string { return "<a>" + strings.Repeat("<?p?>", 9<<20/5) + "</a>" },
		"9 MB of brackets":     func() string { return "<a>" + strings.Repeat("]", 9<<20) + "</a>" },
		"ISO-8859-1": func() string {
			return "<?xml version='1.0' encoding='ISO-8859-1'?><a>" + strings.Repeat("\xE4", 1<<20) + "</a>"
		},
		"unfinished comment": func() string { return "<a>" + strings.Repeat("<!-- -", 1<<20) },
		"billion laughs": func() string {
			return `<!DOCTYPE a [<!ENTITY a "x">` + strings.Repeat("<!ENTITY b '&a;&a;'>", 10_000) + "]><a>&b;</a>"
		},
	}
}

// The gate allocates at most two bytes for each byte that it reads, and what
// the allocator adds by rounding up.
func TestGateAllocatesLittleOnHostileDocuments(t *testing.T) {
	conformance.Covers(t, "C-167")
	for name, build := range hostile() {
		doc := []byte(build())
		soap.Scan(doc, soap.Limits{}) // what is kept from one document to the next
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		soap.Scan(doc, soap.Limits{})
		runtime.ReadMemStats(&after)
		if n := after.TotalAlloc - before.TotalAlloc; n > 2*uint64(len(doc))+16<<10 {
			t.Errorf("%s: %d bytes allocated for %d", name, n, len(doc))
		}
	}
}
