package mapping_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// Schemas are drawn at random, and for each its smallest, its fullest and random
// documents: each can be used, JSON → XML → JSON is the identity, the judge takes
// what is written, and of what is then changed it refuses what is refused here.
func TestRandomSchemas(t *testing.T) {
	t.Parallel()
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint (package libxml2-utils) is not installed")
	}
	root, n := t.TempDir(), 0
	var all judged
	rapid.Check(t, func(rt *rapid.T) {
		text, loose := description(rt)
		n++
		dir := filepath.Join(root, fmt.Sprint(n))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			rt.Fatal(err)
		}
		defer os.RemoveAll(dir)
		wsdl := filepath.Join(dir, "t.wsdl")
		if err := os.WriteFile(wsdl, []byte(text), 0o600); err != nil {
			rt.Fatal(err)
		}
		c, err := contract.Load(os.DirFS(dir), "t.wsdl")
		if err != nil {
			rt.Fatalf("%v\n%s", err, text)
		}
		op, ok := c.Operation("op", "")
		if !ok || op.Unsupported != nil {
			rt.Fatalf("the operation cannot be used: %v\n%s", op, text)
		}
		j := judged{xmllint: xmllint, wsdl: wsdl, name: fmt.Sprint(n), sparing: true}
		for label, value := range documents(rt, op.Input, text) {
			body := survives(t, rt, op.Input, value, text)
			j.samples++
			j.write(t, dir, label, body, sampleWritten)
			changed := mutants(t, body)
			for i, change := range slices.Sorted(maps.Keys(changed)) {
				if i%4 != len(text)%4 || loose {
					continue
				}
				doc, err := soap.ReadTree(changed[change], soap.DefaultLimits())
				if err != nil {
					rt.Fatal(err)
				}
				verdict := mutantTaken
				if _, err := mapping.Decode(op.Input, doc.Root()); err != nil {
					verdict = mutantRefused
				}
				j.write(t, dir, label+", "+change, changed[change], verdict)
			}
		}
		j.judge(t)
		if j.valid != j.samples {
			rt.Errorf("the judge takes %d of %d documents (%d not judged) of\n%s", j.valid, j.samples, j.unjudged, text)
		}
		all.samples, all.mutants, all.dissent = all.samples+j.samples, all.mutants+j.mutants, all.dissent+j.dissent
	})
	t.Logf("%d documents; %d mutants, of which the judge says otherwise of %d", all.samples, all.mutants, all.dissent)
	all.checkDissent(t)
}

// documents are what is written by the schema, by what they are.
func documents(rt *rapid.T, el *contract.Element, text string) map[string]map[string]any {
	out := map[string]map[string]any{}
	for label, extent := range map[string]mapping.Extent{"smallest": mapping.Smallest, "fullest": mapping.Fullest} {
		value, err := mapping.Sample(el, extent)
		if err != nil {
			rt.Fatalf("%s: %v\n%s", label, err, text)
		}
		out[label] = value
	}
	for i := range 3 {
		d := drawn{T: rt, budget: 200}
		value := d.value(el, 0)
		object, ok := value.(map[string]any)
		if !ok {
			object = map[string]any{"#text": value}
		}
		out[fmt.Sprint("random ", i)] = object
	}
	return out
}

// survives writes a document, reads it, and writes and reads it again.
func survives(t *testing.T, rt *rapid.T, el *contract.Element, value map[string]any, text string) []byte {
	x, err := mapping.Encode(el, value)
	if err != nil {
		rt.Fatalf("writing: %v\n%v\n%s", err, value, text)
	}
	body := contracttest.Bytes(t, x)
	read := func(body []byte) map[string]any {
		doc, err := soap.ReadTree(body, soap.DefaultLimits())
		if err != nil {
			rt.Fatal(err)
		}
		back, err := mapping.Decode(el, doc.Root())
		if err != nil {
			rt.Fatalf("reading: %v\n%s\n%s", err, body, text)
		}
		return back
	}
	back := read(body)
	source, err := json.Marshal(value)
	if err != nil {
		rt.Fatal(err)
	}
	if strings.Contains(string(source), `"#group"`) {
		// Where one occurrence of a group ends and the next begins need not be told by
		// what is written; what is read is one of the ways, and writes the same.
		again, err := mapping.Encode(el, back)
		if err != nil {
			rt.Fatalf("writing again: %v\n%v\n%s", err, back, text)
		}
		if other := contracttest.Bytes(t, again); !bytes.Equal(body, other) {
			rt.Fatalf("written, and written again:\n%s\n%s\n%s", body, other, text)
		}
	} else if !reflect.DeepEqual(value, back) {
		rt.Fatalf("what was written is read as something else:\n%s\n%s\n%s\n%s", source, inJSON(back), body, text)
	}
	direct, err := mapping.EncodeJSON(el, source)
	if err != nil {
		rt.Fatalf("writing from JSON: %v\n%s\n%s", err, source, text)
	}
	if other := read(direct); !reflect.DeepEqual(back, other) {
		rt.Fatalf("from the value, and from its JSON:\n%s\n%s\n%s", inJSON(back), inJSON(other), text)
	}
	return body
}

// inJSON is a value as JSON, which is the same each time.
func inJSON(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// drawn makes random values of a contract's elements, in the form that reading
// gives them.
type drawn struct {
	*rapid.T
	budget int
}

func (d *drawn) yes(label string) bool {
	d.budget--
	return d.budget > 0 && rapid.Bool().Draw(d.T, label)
}

func (d *drawn) value(el *contract.Element, depth int) any {
	t := el.Type
	if el.Nillable && d.yes(el.Name+" is null") {
		return d.null(t)
	}
	object := map[string]any{}
	if named := d.derived(t); named != nil {
		object["@xsi:type"] = named.Name.Local
		t = named
	}
	switch {
	case t.Any:
		return rapid.SampledFrom([]any{"plain", map[string]any{"#any": []any{`<a:one xmlns:a="urn:a">1</a:one>`}}, map[string]any{"@x": "y", "#text": "t"}}).Draw(d.T, "anything")
	case t.IsSimple():
		return d.simple(t.Simple, el.Fixed, el.Default)
	}
	for _, a := range t.Attributes {
		if a.Required || d.yes("@"+a.Name) {
			object["@"+a.Name] = d.simple(a.Type, a.Fixed, nil)
		}
	}
	if t.TakesAttribute("urn:else") && d.yes("any attribute") {
		object["@{urn:else}free"] = "vaba"
	}
	if t.Simple != nil {
		object["#text"] = d.simple(t.Simple, el.Fixed, el.Default)
	}
	if t.Content != nil {
		d.particle(t.Content, object, depth)
	}
	return object
}

// null is an element that is null: with attributes an object that says so.
func (d *drawn) null(t *contract.Type) any {
	object := map[string]any{"@xsi:nil": true}
	for _, a := range t.Attributes {
		if a.Required || d.yes("@"+a.Name) {
			object["@"+a.Name] = d.simple(a.Type, a.Fixed, nil)
		}
	}
	if len(object) == 1 {
		return nil
	}
	return object
}

// derived is another type that the element names, or nil.
func (d *drawn) derived(t *contract.Type) *contract.Type {
	if len(t.Derived) == 0 || !t.Abstract && !d.yes("another type") {
		return nil
	}
	return rapid.SampledFrom(t.Derived).Draw(d.T, "derived")
}

func (d *drawn) times(least, most, depth int) int {
	if most == contract.Unbounded || most > least+2 {
		most = least + 2
	}
	if depth > 5 || d.budget <= 0 {
		return least
	}
	return rapid.IntRange(least, most).Draw(d.T, "times")
}

func (d *drawn) particle(p *contract.Particle, object map[string]any, depth int) {
	if p.Repeats() {
		items := []any{}
		for range d.times(p.Min, p.Max, depth) {
			one := map[string]any{}
			if d.once(p, one, depth+1); !empty(one) { // an occurrence of nothing is none
				items = append(items, one)
			}
		}
		object["#group"] = items
		return
	}
	switch {
	case p.Kind == contract.ElementParticle, p.Kind == contract.AnyParticle, p.Kind != contract.ChoiceParticle && p.Min > 0:
		d.once(p, object, depth)
	case p.Min > 0 || d.yes("group"):
		// Of a group that is free to be missing, and of a branch, nothing is told where
		// nothing is written, not even that lists are empty.
		inner := map[string]any{}
		if d.once(p, inner, depth); !empty(inner) {
			maps.Copy(object, inner)
		}
	}
}

// empty says whether nothing is written of an object.
func empty(object map[string]any) bool {
	for _, v := range object {
		if items, ok := v.([]any); !ok || len(items) > 0 {
			return false
		}
	}
	return true
}

func (d *drawn) once(p *contract.Particle, object map[string]any, depth int) {
	switch p.Kind {
	case contract.ElementParticle:
		el := p.Element
		if el.Many() {
			items := []any{}
			for range d.times(el.Min, el.Max, depth) {
				items = append(items, d.value(el, depth+1))
			}
			object[el.Name] = items
			return
		}
		if el.Min > 0 || depth < 5 && d.yes(el.Name) {
			object[el.Name] = d.value(el, depth+1)
		}
	case contract.AnyParticle:
		for range d.times(p.Min, p.Max, depth) {
			items, _ := object["#any"].([]any)
			object["#any"] = append(items, `<x:vaba xmlns:x="urn:else">õ &amp; 1</x:vaba>`)
		}
	case contract.ChoiceParticle:
		d.particle(rapid.SampledFrom(p.Items).Draw(d.T, "branch"), object, depth)
	default:
		for _, item := range p.Items {
			d.particle(item, object, depth)
		}
	}
}

// texts are values to try for any type.
var texts = []string{
	"", "A", "ab", "abc", "õ & <b>", "  two  spaces ", "12.2026", "10123456789", "0", "1", "7", "20", "-5", "127", "9223372036854775807", "18446744073709551615",
	"0.25", "1234.50", "-0.00000000000000000001", "true", "false", "2026-11-25", "2024-02-29+02:00", "2026-11-25T10:11:12.345", "24:00:00Z", "2026", "2026-11",
	"P1Y2M3DT4.5S", "1.5e3", "INF", "NaN", "AQID", "0a0B0c0D", "urn:x:y", "et-EE", "name", "\u00a0", "𝄞",
}

// simple draws a value of a simple type: one of the texts that fit, or the
// contract's own example.
func (d *drawn) simple(s *contract.Simple, fixed, fallback *string) any {
	if fixed != nil {
		return jsonOf(s, *fixed)
	}
	var fit []string
	for _, text := range append(slices.Clone(texts), s.Enumeration...) {
		if s.Base == "anyURI" && strings.Contains(text, ":") && text != "urn:x:y" {
			continue // the judge parses it by a stricter standard
		}
		if s.Check(s.Normalize(text)) == nil && !(s.Normalize(text) == "" && fallback != nil) {
			fit = append(fit, s.Normalize(text))
		}
	}
	if example, ok := s.Example(); ok {
		fit = append(fit, s.Normalize(example))
	}
	if len(fit) == 0 {
		d.Fatalf("no value of %s fits", s.Base)
	}
	return jsonOf(s, rapid.SampledFrom(fit).Draw(d.T, s.Base))
}

// jsonOf is a text as reading gives it.
func jsonOf(s *contract.Simple, text string) any {
	switch s.Kind {
	case contract.KindBoolean:
		return text == "true" || text == "1"
	case contract.KindInteger, contract.KindDecimal:
		return json.Number(text)
	case contract.KindFloat:
		if n, err := json.Number(text).Float64(); err == nil && !math.IsInf(n, 0) && !math.IsNaN(n) {
			return json.Number(text)
		}
	}
	return text
}
