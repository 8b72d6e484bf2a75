package mapping_test

import (
	"strings"
	"testing"

	"github.com/beevik/etree"

	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// mutants returns copies of a message, each with one change, by what was changed.
// Whether a change does harm depends on the contract; what counts is that we and
// the judge say the same about it.
func mutants(t *testing.T, body []byte) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	change := func(label string, edit func(root *etree.Element) bool) {
		doc, err := soap.ReadTree(body, soap.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		if edit(doc.Root()) {
			out[label] = contracttest.Bytes(t, doc.Root())
		}
	}
	change("one missing", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return len(x.ChildElements()) > 0 })
		return x != nil && x.RemoveChild(x.ChildElements()[0]) != nil
	})
	change("the last one missing", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return len(x.ChildElements()) > 1 })
		if x == nil {
			return false
		}
		children := x.ChildElements()
		return x.RemoveChild(children[len(children)-1]) != nil
	})
	change("one twice", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return x.Parent() != nil && x.Parent().Parent() != nil })
		if x == nil {
			return false
		}
		x.Parent().InsertChildAt(x.Index(), x.Copy())
		return true
	})
	change("two in the other order", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool {
			children := x.ChildElements()
			return len(children) > 1 && children[0].Tag != children[1].Tag
		})
		if x == nil {
			return false
		}
		first := x.ChildElements()[0]
		x.RemoveChild(first)
		x.InsertChildAt(x.ChildElements()[0].Index()+1, first)
		return true
	})
	change("another name", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return x != root })
		if x != nil {
			x.Tag += "X"
		}
		return x != nil
	})
	change("another namespace", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return x != root && len(x.ChildElements()) == 0 })
		if x != nil {
			x.Space = ""
			x.CreateAttr("xmlns", "urn:ristmik:elsewhere")
		}
		return x != nil
	})
	change("an attribute more", func(root *etree.Element) bool {
		root.CreateAttr("ristmik-stranger", "1")
		return true
	})
	change("text among elements", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return len(x.ChildElements()) > 0 })
		if x != nil {
			x.AddChild(etree.NewText("stranger"))
		}
		return x != nil
	})
	for _, text := range []string{"", "!", "-1.5", "2026-02-30", strings.Repeat("x", 300)} {
		change("another value: "+text[:min(len(text), 12)], func(root *etree.Element) bool {
			x := pick(root, func(x *etree.Element) bool { return len(x.ChildElements()) == 0 && x.Text() != "" })
			if x != nil {
				x.SetText(text)
			}
			return x != nil
		})
	}
	change("an element in a value", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return len(x.ChildElements()) == 0 && x.Text() != "" })
		if x != nil {
			x.CreateElement("stranger")
		}
		return x != nil
	})
	change("nothing said to be nil", func(root *etree.Element) bool {
		x := pick(root, func(x *etree.Element) bool { return len(x.ChildElements()) == 0 && x.Text() != "" })
		if x != nil {
			x.SetText("")
			x.CreateAttr("xmlns:nothing", "http://www.w3.org/2001/XMLSchema-instance")
			x.CreateAttr("nothing:nil", "true")
		}
		return x != nil
	})
	return out
}

// pick returns the element in the middle of those that fit, in document order, nil
// for none: the first ones alone would always be the same few.
func pick(root *etree.Element, fits func(*etree.Element) bool) *etree.Element {
	var found []*etree.Element
	var walk func(x *etree.Element)
	walk = func(x *etree.Element) {
		if fits(x) {
			found = append(found, x)
		}
		for _, child := range x.ChildElements() {
			walk(child)
		}
	}
	walk(root)
	if len(found) == 0 {
		return nil
	}
	return found[len(found)/2]
}
