package mapping_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/beevik/etree"
	"pgregory.net/rapid"

	"ristmik/mapping"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

// samples are the values of TORIK that an independent validator judges.
func samples(t *testing.T, op *contract.Operation) map[string]*etree.Element {
	t.Helper()
	request := map[string]any{"paringu_liik": "T", "isikukoodid": "71506150007,81506150008"}
	out := map[string]*etree.Element{}
	for name, tc := range map[string]struct {
		el    *contract.Element
		value map[string]any
	}{
		"request, smallest": {op.Input, map[string]any{"request": request}},
		"request, fullest":  {op.Input, fullest(t, op.Input, 0)},
		"answer, smallest":  {op.Output, map[string]any{"request": request, "response": map[string]any{}}},
		"answer, no entry":  {op.Output, map[string]any{"request": request, "response": map[string]any{"kood": 0, "kannete_jada": map[string]any{"kanne": []any{}}}}},
		"answer, fullest":   {op.Output, fullest(t, op.Output, 1)},
		"answer, fault":     {op.Output, fullest(t, op.Output, 0)},
	} {
		x, err := mapping.Encode(tc.el, tc.value)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = x
	}
	return out
}

func TestWhatEncodeWritesIsValidForTheRealRegister(t *testing.T) {
	t.Parallel()
	for name, x := range samples(t, torik(t)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contracttest.ValidateBody(t, contracttest.RealTOR(t), contracttest.Bytes(t, x))
		})
	}
}

func TestWhatEncodeWritesIsValidForTheShippedContracts(t *testing.T) {
	t.Parallel()
	for name, x := range samples(t, torik(t)) {
		t.Run("TORIK "+name, func(t *testing.T) {
			t.Parallel()
			contracttest.ValidateBody(t, contracttest.Shipped(t, "employment-register.wsdl"), contracttest.Bytes(t, x))
		})
	}
	for _, s := range shipped[1:] {
		op := operation(t, s.file, s.code, s.version)
		for name, value := range map[string]struct {
			el    *contract.Element
			value map[string]any
		}{
			"request":       {op.Input, fullest(t, op.Input, 0)},
			"answer":        {op.Output, fullest(t, op.Output, 1)},
			"answer, fault": {op.Output, fullest(t, op.Output, 0)},
		} {
			t.Run(s.code+" "+name, func(t *testing.T) {
				t.Parallel()
				x, err := mapping.Encode(value.el, value.value)
				if err != nil {
					t.Fatal(err)
				}
				contracttest.ValidateBody(t, contracttest.Shipped(t, s.file), contracttest.Bytes(t, x))
			})
		}
	}
}

func TestDamagedMessageIsRefusedByUsAndByTheJudge(t *testing.T) {
	t.Parallel()
	op := torik(t)
	text := string(contracttest.Bytes(t, samples(t, op)["answer, fullest"]))
	for name, edit := range map[string]func(string) string{
		"unknown element": func(s string) string { return strings.Replace(s, "<kood>", "<uus/><kood>", 1) },
		"missing element": func(s string) string { return strings.Replace(s, "<toot_id>7</toot_id>", "", 1) },
		"wrong order":     func(s string) string { return swap(s, "<kood>7</kood>", "<leitud_kannete_arv>7</leitud_kannete_arv>") },
		"both branches": func(s string) string {
			return strings.Replace(s, "<response>", "<response><faultCode>x</faultCode>", 1)
		},
		"impossible date":     func(s string) string { return strings.Replace(s, "2026-11-23<", "2026-11-31<", 1) },
		"number out of range": func(s string) string { return strings.Replace(s, "<kood>7<", "<kood>2147483648<", 1) },
		"value not listed":    func(s string) string { return strings.Replace(s, "<paringu_liik>PM<", "<paringu_liik>X<", 1) },
		"twice":               func(s string) string { return strings.Replace(s, "<kood>7</kood>", "<kood>7</kood><kood>7</kood>", 1) },
		"unknown attribute":   func(s string) string { return strings.Replace(s, "<kood>", `<kood x="1">`, 1) },
		"text among elements": func(s string) string { return strings.Replace(s, "<kood>", "x<kood>", 1) },
		"qualified local": func(s string) string {
			return strings.ReplaceAll(strings.ReplaceAll(s, "<kood>", "<p1:kood>"), "</kood>", "</p1:kood>")
		},
		"nil": func(s string) string {
			return strings.Replace(s, "<kood>7<", `<kood xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"><`, 1)
		},
		"element in text": func(s string) string { return strings.Replace(s, "<kood>7<", "<kood><kood>7</kood><", 1) },
		"too many entries": func(s string) string {
			entry := s[strings.Index(s, "<kanne>") : strings.Index(s, "</kanne>")+len("</kanne>")]
			return strings.Replace(s, entry, strings.Repeat(entry, 1000), 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			damaged := edit(text)
			if damaged == text {
				t.Fatal("the edit changed nothing")
			}
			doc := etree.NewDocument()
			if err := doc.ReadFromString(damaged); err != nil {
				t.Fatal(err)
			}
			var violations mapping.Violations
			if _, err := mapping.Decode(op.Output, doc.Root()); !errors.As(err, &violations) || len(violations) == 0 {
				t.Errorf("Decode: %v, want violations", err)
			}
			err := contracttest.CheckBody(t, contracttest.Shipped(t, "employment-register.wsdl"), []byte(damaged))
			if !errors.Is(err, contracttest.ErrInvalid) {
				t.Errorf("judge with the shipped contract: %v, want a refusal", err)
			}
			err = contracttest.CheckBody(t, contracttest.RealTOR(t), []byte(damaged))
			if !errors.Is(err, contracttest.ErrInvalid) {
				t.Errorf("judge with the real contract: %v, want a refusal", err)
			}
		})
	}
}

// swap exchanges the first occurrences of two neighbours.
func swap(s, a, b string) string { return strings.Replace(s, a+b, b+a, 1) }

// TestDecodeAgreesWithTheJudge damages messages at random: what the judge
// refuses, Decode refuses, and what it takes, Decode takes.
func TestDecodeAgreesWithTheJudge(t *testing.T) {
	t.Parallel()
	op := operation(t, "consultation-answer.wsdl", "submitAnswer", "v1")
	path := contracttest.Shipped(t, "consultation-answer.wsdl")
	value := fullest(t, op.Input, 0)
	for seed := range 40 {
		pick := rapid.Custom(func(rt *rapid.T) string {
			x, err := mapping.Encode(op.Input, value)
			if err != nil {
				rt.Fatal(err)
			}
			damage(rt, x.ChildElements()[0])
			return string(contracttest.Bytes(t, x))
		})
		text := pick.Example(seed)
		doc := etree.NewDocument()
		if err := doc.ReadFromString(text); err != nil {
			t.Fatal(err)
		}
		_, ours := mapping.Decode(op.Input, doc.Root())
		judge := contracttest.CheckBody(t, path, []byte(text))
		if (ours == nil) != (judge == nil) {
			t.Errorf("we say %v, the judge says %v, of:\n%s", ours, judge, text)
		}
	}
}

// damage makes one change, harmless or not, to the children of x.
func damage(rt *rapid.T, x *etree.Element) {
	children := x.ChildElements()
	i := rapid.IntRange(0, len(children)-1).Draw(rt, "child")
	child := children[i]
	switch rapid.IntRange(0, 5).Draw(rt, "damage") {
	case 0:
		x.RemoveChild(child)
	case 1:
		x.InsertChildAt(child.Index(), child.Copy())
	case 2:
		x.RemoveChild(child)
		x.AddChild(child)
	case 3:
		child.Tag = children[rapid.IntRange(0, len(children)-1).Draw(rt, "as")].Tag
	case 4:
		child.SetText(rapid.SampledFrom([]string{"", "1", "APPROVED", "2026-11-23T10:11:12", " 5 "}).Draw(rt, "text"))
	case 5:
		child.CreateElement("code")
	}
}
