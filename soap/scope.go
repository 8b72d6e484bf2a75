package soap

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// An element that moves into another envelope loses the namespace declarations
// of the elements around it. The functions here carry them along.

// answerScope returns the start tag of the answer's Envelope, made after the
// one around the request's header block: the same prefix and the same prefixed
// declarations in the same order, so that repeated blocks seldom need their
// own. The default namespace is left out, for it would capture the unqualified
// elements of the body. scope is what the tag declares.
func answerScope(block *etree.Element) (env *etree.Element, scope map[string]string) {
	env, scope = etree.NewElement("Envelope"), map[string]string{}
	received := block
	for received.Parent() != nil && received.Parent().Tag != "" {
		received = received.Parent()
	}
	if is(received, NSEnvelope, "Envelope") {
		env.Space = received.Space
		for _, a := range received.Attr {
			if a.Space == "xmlns" {
				env.CreateAttr(a.FullKey(), a.Value)
				scope[a.Key] = a.Value
			}
		}
	}
	if env.Space == "" {
		env.Space = "env"
		for scope[env.Space] != "" && scope[env.Space] != NSEnvelope {
			env.Space += "0"
		}
		if scope[env.Space] == "" {
			env.CreateAttr("xmlns:"+env.Space, NSEnvelope)
			scope[env.Space] = NSEnvelope
		}
	}
	return env, scope
}

// echoOf copies a header block for the answer with the declarations that its
// new place does not have. Indentation inside identifiers is left out; text of
// blocks that only their receiver understands is kept to the letter.
func echoOf(block *etree.Element, scope map[string]string) *etree.Element {
	echo := block.Copy()
	declareMissing(echo, around(block), scope)
	if block.NamespaceURI() == NSXRoad && (block.Tag == "client" || block.Tag == "service" || block.Tag == "securityServer") {
		kept := echo.Child[:0:0]
		for _, t := range echo.Child {
			if cd, ok := t.(*etree.CharData); !ok || strings.Trim(cd.Data, whiteSpace) != "" {
				kept = append(kept, t)
			}
		}
		echo.Child = kept
		echo.ReindexChildren()
	}
	return echo
}

// standalone returns el, or a copy, that can be written where scope is declared:
// declarations of elements around it are brought along, and everything it
// holds can be written as XML. The copy never relies on a prefix of scope
// unless el itself was written without declaring it.
func standalone(el *etree.Element, scope map[string]string) (*etree.Element, error) {
	if el == nil {
		return nil, fmt.Errorf("the element is missing")
	}
	if el.Parent() == nil {
		return el, writable(el, scope) // nothing is brought along
	}
	c := el.Copy()
	declareMissing(c, around(el), scope)
	return c, writable(c, scope)
}

// around returns the namespace declarations in scope outside el.
func around(el *etree.Element) map[string]string {
	out := map[string]string{}
	for p := el.Parent(); p != nil; p = p.Parent() {
		for prefix, uri := range declared(p) {
			if _, nearer := out[prefix]; !nearer {
				out[prefix] = uri
			}
		}
	}
	return out
}

// declared returns the declarations that stand on el itself.
func declared(el *etree.Element) map[string]string {
	var out map[string]string
	for _, a := range el.Attr {
		prefix := a.Key
		if a.Space == "" && a.Key == "xmlns" {
			prefix = ""
		} else if a.Space != "xmlns" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[prefix] = a.Value
	}
	return out
}

// declareMissing writes the declarations in want onto el where el has none of
// its own and have does not say the same. Prefixes in values (xsi:type) are
// the reason why unused ones are brought along as well.
func declareMissing(el *etree.Element, want, have map[string]string) {
	own := declared(el)
	for _, prefix := range slices.Sorted(maps.Keys(want)) {
		uri := want[prefix]
		if _, ok := own[prefix]; ok || have[prefix] == uri {
			continue
		}
		if prefix == "" {
			el.CreateAttr("xmlns", uri)
		} else {
			el.CreateAttr("xmlns:"+prefix, uri)
		}
	}
}

// writable refuses a tree that would not be read back as it is: characters
// that XML cannot hold (etree would replace them), prefixes that nobody
// declares, names that are none, and document type declarations.
func writable(el *etree.Element, scope map[string]string) error {
	if own := declared(el); own != nil {
		scope = maps.Clone(scope)
		maps.Copy(scope, own)
	}
	known := func(prefix string) bool {
		return prefix == "" || prefix == "xml" || prefix == "xmlns" || scope[prefix] != ""
	}
	if !ncName(el.Tag) || !known(el.Space) {
		return fmt.Errorf("there is an element without a proper name or with a prefix that is not declared")
	}
	for _, a := range el.Attr {
		if !ncName(a.Key) || !known(a.Space) {
			return fmt.Errorf("there is an attribute without a proper name or with a prefix that is not declared")
		}
		if !legal(a.Value) {
			return fmt.Errorf("there is a character that XML cannot hold")
		}
	}
	for _, t := range el.Child {
		switch t := t.(type) {
		case *etree.Element:
			if err := writable(t, scope); err != nil {
				return err
			}
		case *etree.CharData:
			if !legal(t.Data) {
				return fmt.Errorf("there is a character that XML cannot hold")
			}
		default:
			return fmt.Errorf("there is a node that is neither element nor text")
		}
	}
	return nil
}
