package mapping_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"ristmik/soap"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// shipped are the descriptions of the program and their one operation.
var shipped = []struct{ file, code, version string }{
	{"employment-register.wsdl", "TORIK", "v2"},
	{"permit-notice.wsdl", "permitNotice", "v1"},
	{"consultation-request.wsdl", "consultationRequest", "v1"},
	{"consultation-answer.wsdl", "submitAnswer", "v1"},
}

func operation(t testing.TB, file, code, version string) *contract.Operation {
	t.Helper()
	path := contracttest.Shipped(t, file)
	c, err := contract.Load(os.DirFS(filepath.Dir(path)), file)
	if err != nil {
		t.Fatal(err)
	}
	op, ok := c.Operation(code, version)
	if !ok || op.Unsupported != nil {
		t.Fatalf("%s %s: %v", code, version, op)
	}
	return op
}

func torik(t testing.TB) *contract.Operation {
	return operation(t, "employment-register.wsdl", "TORIK", "v2")
}

// reread writes an element and reads it again through the door of messages.
func reread(t testing.TB, x *etree.Element) *etree.Element {
	t.Helper()
	doc, err := soap.ReadTree(contracttest.Bytes(t, x), soap.DefaultLimits())
	if err != nil {
		t.Fatalf("reading what was written: %v", err)
	}
	return doc.Root()
}

// generate draws a valid value of an element, in the form that Decode gives it.
func generate(t *rapid.T, el *contract.Element, depth int) any {
	if el.Type.IsSimple() {
		return generateSimple(t, el.Type.Simple)
	}
	object := map[string]any{}
	if el.Type.Content != nil {
		generateParticle(t, el.Type.Content, object, depth)
	}
	return object
}

func generateParticle(t *rapid.T, p *contract.Particle, object map[string]any, depth int) {
	switch p.Kind {
	case contract.ChoiceParticle:
		generateParticle(t, rapid.SampledFrom(p.Items).Draw(t, "branch"), object, depth)
	case contract.ElementParticle:
		el := p.Element
		if !el.Many() {
			if el.Min > 0 || rapid.Bool().Draw(t, el.Name+"?") {
				object[el.Name] = generate(t, el, depth+1)
			}
			return
		}
		items := []any{}
		for range rapid.IntRange(el.Min, el.Min+3).Draw(t, el.Name+"#") {
			items = append(items, generate(t, el, depth+1))
		}
		object[el.Name] = items
	default:
		for _, item := range p.Items {
			generateParticle(t, item, object, depth)
		}
	}
}

func generateSimple(t *rapid.T, s *contract.Simple) any {
	if s.Enumeration != nil {
		return rapid.SampledFrom(s.Enumeration).Draw(t, "enum")
	}
	switch s.Base {
	case "string":
		return rapid.StringOfN(rapid.RuneFrom([]rune("aZ09 õŠ€𝄞<>&\"'\t\n\r]-/~{}")), 0, 12, -1).Draw(t, "string")
	case "int":
		return json.Number(strconv.Itoa(int(rapid.Int32().Draw(t, "int"))))
	case "long":
		return json.Number(strconv.FormatInt(rapid.Int64().Draw(t, "long"), 10))
	case "decimal":
		whole := strconv.FormatInt(rapid.Int64().Draw(t, "whole"), 10)
		return json.Number(whole + rapid.SampledFrom([]string{"", ".5", ".10", ".000000000000000000001"}).Draw(t, "fraction"))
	case "boolean":
		return rapid.Bool().Draw(t, "boolean")
	case "date":
		return rapid.SampledFrom([]string{"2026-11-23", "2024-02-29", "2026-01-01Z", "1999-12-31+02:00"}).Draw(t, "date")
	case "dateTime":
		return rapid.SampledFrom([]string{"2026-11-23T10:11:12", "2026-03-29T03:30:00.123+03:00", "2024-02-29T24:00:00Z"}).Draw(t, "dateTime")
	case "base64Binary":
		return base64.StdEncoding.EncodeToString([]byte(rapid.StringN(0, 5, -1).Draw(t, "octets")))
	case "anyURI":
		return rapid.SampledFrom([]string{"cid:f-1", "cid:a%40b"}).Draw(t, "reference")
	default:
		t.Fatalf("no generator for %s", s.Base)
		return nil
	}
}

// fullest returns the value in which every element occurs, arrays twice.
func fullest(t testing.TB, el *contract.Element, branch int) map[string]any {
	t.Helper()
	var fill func(p *contract.Particle, object map[string]any)
	value := func(el *contract.Element) any {
		if !el.Type.IsSimple() {
			object := map[string]any{}
			fill(el.Type.Content, object)
			return object
		}
		s := el.Type.Simple
		switch {
		case s.Enumeration != nil:
			return s.Enumeration[len(s.Enumeration)-1]
		case s.Kind == contract.KindInteger:
			return json.Number("7")
		case s.Kind == contract.KindDecimal:
			return json.Number("0.50")
		case s.Kind == contract.KindBoolean:
			return true
		case s.Base == "date":
			return "2026-11-23"
		case s.Base == "dateTime":
			return "2026-11-23T10:11:12+02:00"
		case s.Base == "base64Binary":
			return "AAEC"
		case s.Base == "anyURI":
			return "cid:f-1"
		default:
			return strings.Repeat("õ<&>", 3)
		}
	}
	fill = func(p *contract.Particle, object map[string]any) {
		switch p.Kind {
		case contract.ChoiceParticle:
			fill(p.Items[branch], object)
		case contract.ElementParticle:
			if p.Element.Many() {
				object[p.Element.Name] = []any{value(p.Element), value(p.Element)}
				return
			}
			object[p.Element.Name] = value(p.Element)
		default:
			for _, item := range p.Items {
				fill(item, object)
			}
		}
	}
	object := map[string]any{}
	fill(el.Type.Content, object)
	return object
}
