package mapping_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// schemaMaker draws a description with one operation "op". Every construct that
// the model knows may be in it, alone and inside others; names are all different,
// so that XML Schema's rule of unique particles holds by itself.
type schemaMaker struct {
	*rapid.T
	names   int
	globals strings.Builder // types and groups
	simple  []string        // names of simple types
	bases   []madeType      // complex types that can be extended
	within  []string        // the named types around this place, for recursion
	budget  int             // elements that may still be made
	loose   bool            // there is an element of xs:anyType
}

// madeType is a named complex type and what forbids to add more of it.
type madeType struct {
	name                     string
	wild, repeats, anyOfAttr bool
	closed                   bool // all, or simple content
}

// description is the WSDL, and whether something in it may be anything.
func description(rt *rapid.T) (text string, loose bool) {
	m := &schemaMaker{T: rt, budget: 40}
	form := func(label string) string {
		return rapid.SampledFrom([]string{"qualified", "unqualified"}).Draw(rt, label)
	}
	head := fmt.Sprintf(`elementFormDefault="%s" attributeFormDefault="%s"`, form("elements"), form("attributes"))
	for range m.number("simple types", 0, 3) {
		name := m.name("S")
		fmt.Fprintf(&m.globals, "<xs:simpleType name=%q>%s</xs:simpleType>\n", name, m.restriction())
		m.simple = append(m.simple, "t:"+name)
	}
	for range m.number("complex types", 0, 3) {
		m.named()
	}
	var op string
	if len(m.bases) > 0 && m.yes("a named type") {
		op = fmt.Sprintf(`<xs:element name="op" type="t:%s"/>`, rapid.SampledFrom(m.bases).Draw(rt, "type").name)
	} else {
		body, _ := m.complex(0)
		op = `<xs:element name="op">` + strings.Replace(body, "NAME", "", 1) + `</xs:element>`
	}
	schema := fmt.Sprintf("<xs:schema targetNamespace=\"urn:t\" %s>\n%s\n%s</xs:schema>", head, op, m.globals.String())
	return `<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t"><wsdl:types>` + schema + `</wsdl:types>
<wsdl:message name="m"><wsdl:part name="body" element="t:op"/></wsdl:message>
<wsdl:portType name="p"><wsdl:operation name="op"><wsdl:input message="t:m"/><wsdl:output message="t:m"/></wsdl:operation></wsdl:portType>
<wsdl:binding name="b" type="t:p"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/><wsdl:operation name="op"><soap:operation soapAction=""/>
<wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output></wsdl:operation></wsdl:binding></wsdl:definitions>`, m.loose
}

func (m *schemaMaker) number(label string, low, high int) int {
	return rapid.IntRange(low, high).Draw(m.T, label)
}

func (m *schemaMaker) yes(label string) bool { return rapid.Bool().Draw(m.T, label) }

func (m *schemaMaker) of(label string, options ...string) string {
	return rapid.SampledFrom(options).Draw(m.T, label)
}

func (m *schemaMaker) name(kind string) string {
	m.names++
	// Real names have dots and letters that ASCII lacks.
	return fmt.Sprintf("%s%s%d", kind, m.of("name", "", ".osa", "-ö", "_"), m.names)
}

// named makes a complex type with a name, perhaps derived from another one.
func (m *schemaMaker) named() {
	name := m.name("T")
	m.within = append(m.within, name)
	body, made := m.complex(1)
	m.within = m.within[:len(m.within)-1]
	made.name = name
	m.bases = append(m.bases, made)
	m.globals.WriteString(strings.Replace(body, "NAME", fmt.Sprintf(` name=%q`, name), 1) + "\n")
}

// complex makes a complex type; NAME stands for its name.
func (m *schemaMaker) complex(depth int) (string, madeType) {
	var made madeType
	switch kind := m.of("content", "sequence", "sequence", "sequence", "choice", "all", "simple", "extension", "empty"); {
	case kind == "simple":
		made.closed = true
		return fmt.Sprintf("<xs:complexType NAME><xs:simpleContent><xs:extension base=%q>%s</xs:extension></xs:simpleContent></xs:complexType>", m.type_(), m.attributes(&made)), made
	case kind == "empty":
		return "<xs:complexType NAME>" + m.attributes(&made) + "</xs:complexType>", made
	case kind == "all":
		made.closed = true
		var out strings.Builder
		for range m.number("members", 1, 3) {
			out.WriteString(m.element(depth))
		}
		return fmt.Sprintf("<xs:complexType NAME><xs:all%s>%s</xs:all>%s</xs:complexType>", m.of("free", "", ` minOccurs="0"`), out.String(), m.attributes(&made)), made
	case kind == "extension" && m.extendable() != nil:
		base := rapid.SampledFrom(m.extendable()).Draw(m.T, "base")
		made = base
		return fmt.Sprintf("<xs:complexType NAME><xs:complexContent><xs:extension base=%q>%s%s</xs:extension></xs:complexContent></xs:complexType>",
			"t:"+base.name, m.group(depth, "sequence", &made, false), m.attributes(&made)), made
	case kind == "choice":
		return "<xs:complexType NAME>" + m.group(depth, "choice", &made, false) + m.attributes(&made) + "</xs:complexType>", made
	}
	return "<xs:complexType NAME>" + m.group(depth, "sequence", &made, false) + m.attributes(&made) + "</xs:complexType>", made
}

// extendable are the types that a derived one can add to; not one that stands
// around this place, which would contain itself.
func (m *schemaMaker) extendable() (out []madeType) {
	for _, b := range m.bases {
		if !b.closed {
			out = append(out, b)
		}
	}
	return out
}

// group makes a sequence or choice; repeated says that one around it repeats.
func (m *schemaMaker) group(depth int, kind string, made *madeType, repeated bool) string {
	occurs := m.of("group occurs", "", "", ` minOccurs="0"`)
	if !repeated && !made.repeats && m.number("repeats", 0, 5) == 0 {
		made.repeats, repeated = true, true
		occurs = m.of("group repeats", ` maxOccurs="unbounded"`, ` minOccurs="0" maxOccurs="3"`, ` minOccurs="2" maxOccurs="4"`)
	}
	var out strings.Builder
	for range m.number("members", 1, 4) {
		switch m.number("member", 0, 9) {
		case 0:
			if depth < 3 {
				out.WriteString(m.group(depth+1, m.of("kind", "sequence", "choice"), made, repeated))
				continue
			}
		case 1:
			if !made.wild && !repeated {
				made.wild = true
				fmt.Fprintf(&out, `<xs:any namespace=%q processContents=%q minOccurs="0"%s/>`, m.of("from", "##other", "urn:else"), m.of("contents", "skip", "lax"), m.of("many", "", ` maxOccurs="unbounded"`))
				continue
			}
		case 2:
			if depth < 2 {
				name := m.name("G")
				inner := m.elementIn(depth+1, repeated)
				fmt.Fprintf(&m.globals, "<xs:group name=%q><xs:sequence>%s</xs:sequence></xs:group>\n", name, inner)
				fmt.Fprintf(&out, "<xs:group ref=%q%s/>", "t:"+name, m.of("group free", "", ` minOccurs="0"`))
				continue
			}
		}
		out.WriteString(m.elementIn(depth, repeated))
	}
	return fmt.Sprintf("<xs:%[1]s%[2]s>%[3]s</xs:%[1]s>", kind, occurs, out.String())
}

// elementIn makes an element of a group. One that repeats has only lists without
// bounds: of others it would not be told by looking at the next element where an
// occurrence ends.
func (m *schemaMaker) elementIn(depth int, repeated bool) string {
	occurs := []string{"", "", ` minOccurs="0"`, ` minOccurs="0" maxOccurs="unbounded"`, ` maxOccurs="2"`, ` minOccurs="2" maxOccurs="5"`}
	if repeated {
		occurs = occurs[:4]
	}
	return m.elementOccurring(depth, m.of("occurs many", occurs...))
}

// element makes an element that occurs once at most.
func (m *schemaMaker) element(depth int) string {
	return m.elementOccurring(depth, m.of("occurs", "", "", ` minOccurs="0"`))
}

func (m *schemaMaker) elementOccurring(depth int, occurs string) string {
	m.budget--
	name, nil_ := m.name("e"), m.of("nillable", "", "", ` nillable="true"`)
	form := m.of("form", "", "", "", ` form="qualified"`, ` form="unqualified"`)
	head := fmt.Sprintf("<xs:element name=%q%s%s", name, occurs, form)
	deep := depth < 3 && m.budget > 0
	switch m.number("kind of element", 0, 9) {
	case 0, 1:
		if deep {
			body, _ := m.complex(depth + 1)
			return head + nil_ + ">" + strings.Replace(body, "NAME", "", 1) + "</xs:element>"
		}
	case 2:
		if len(m.bases) > 0 {
			return fmt.Sprintf("%s%s type=%q/>", head, nil_, "t:"+rapid.SampledFrom(m.bases).Draw(m.T, "type").name)
		}
	case 3:
		if len(m.within) > 0 { // in itself, and free to be missing
			return fmt.Sprintf("<xs:element name=%q minOccurs=\"0\"%s%s type=%q/>", name, form, nil_, "t:"+m.within[len(m.within)-1])
		}
	case 4:
		return head + nil_ + "><xs:simpleType>" + m.restriction() + "</xs:simpleType></xs:element>"
	case 5:
		return head + m.of("value", ` type="xs:string" default="vaikimisi"`, ` type="xs:int" fixed="7"`, ` type="xs:boolean" default="true"`, ` type="xs:decimal" fixed="1.50"`) + "/>"
	case 6:
		if m.number("anything", 0, 3) == 0 {
			m.loose = true
			return head + "/>"
		}
	}
	return fmt.Sprintf("%s%s type=%q/>", head, nil_, m.type_())
}

// type_ names a simple type.
func (m *schemaMaker) type_() string {
	if len(m.simple) > 0 && m.number("own type", 0, 2) == 0 {
		return rapid.SampledFrom(m.simple).Draw(m.T, "simple type")
	}
	return "xs:" + m.of("built-in type", "string", "string", "normalizedString", "token", "int", "long", "integer", "decimal", "boolean", "date", "dateTime", "time",
		"gYear", "gYearMonth", "duration", "double", "float", "hexBinary", "anyURI", "language", "NCName", "nonNegativeInteger", "positiveInteger",
		"unsignedByte", "short", "byte", "unsignedLong")
}

// restriction makes the inside of a simple type for which there is a value.
func (m *schemaMaker) restriction() string {
	facets := func(base string, facets ...string) string {
		var out strings.Builder
		for i := 0; i+1 < len(facets); i += 2 {
			fmt.Fprintf(&out, `<xs:%s value="%s"/>`, facets[i], facets[i+1])
		}
		return fmt.Sprintf("<xs:restriction base=%q>%s</xs:restriction>", base, out.String())
	}
	switch m.number("restriction", 0, 13) {
	case 0:
		return facets("xs:string", "enumeration", "A", "enumeration", "õ &amp; &lt;b>", "enumeration", "")
	case 1:
		return facets("xs:int", "enumeration", "1", "enumeration", "20")
	case 2:
		return facets("xs:string", "minLength", "2", "maxLength", m.of("longest", "2", "5", "40"))
	case 3:
		return facets("xs:token", "length", m.of("length", "1", "3", "11"))
	case 4:
		return facets("xs:string", "pattern", m.of("pattern", "[0-9]{11}", `\d{2}\.\d{4}`, "[A-ZÕÄÖÜ][a-zõäöü]*", "(a|b)+", `[^\s]{3}`, "^$", `\p{Lu}{2}-\i\c*`, "[a-z-[aeiou]]{2}"))
	case 5:
		return facets("xs:int", "minInclusive", m.of("least", "-5", "0"), "maxInclusive", m.of("most", "0", "999"))
	case 6:
		return facets("xs:decimal", "minExclusive", "0", "maxExclusive", m.of("below", "0.5", "10", "1000000"))
	case 7:
		return facets("xs:decimal", "totalDigits", "6", "fractionDigits", m.of("fraction", "0", "2"))
	case 8:
		return facets("xs:date", "minInclusive", "2000-01-01", "maxExclusive", "2100-01-01")
	case 9:
		return facets("xs:hexBinary", "length", "4")
	case 10:
		return facets("xs:string", "whiteSpace", m.of("white space", "collapse", "replace", "preserve"))
	case 11:
		if len(m.simple) > 0 {
			return fmt.Sprintf("<xs:restriction base=%q/>", rapid.SampledFrom(m.simple).Draw(m.T, "base type"))
		}
	case 12:
		return fmt.Sprintf("<xs:union memberTypes=%q/>", m.of("members", "xs:int xs:date", "xs:date xs:token", "xs:boolean xs:decimal"))
	}
	return facets("xs:string", "maxLength", "8")
}

// attributes makes what stands behind the content.
func (m *schemaMaker) attributes(made *madeType) string {
	var out strings.Builder
	for range m.number("attributes", 0, 2) {
		name := m.name("a")
		value := fmt.Sprintf(` type=%q`, m.type_())
		if m.number("fixed attribute", 0, 5) == 0 {
			value = ` type="xs:string" fixed="kindel"`
		}
		one := fmt.Sprintf("<xs:attribute name=%q%s%s%s/>", name, value, m.of("use", "", ` use="optional"`, ` use="required"`), m.of("attribute form", "", "", ` form="qualified"`, ` form="unqualified"`))
		if m.number("attribute group", 0, 4) == 0 {
			group := m.name("AG")
			fmt.Fprintf(&m.globals, "<xs:attributeGroup name=%q>%s</xs:attributeGroup>\n", group, one)
			one = fmt.Sprintf(`<xs:attributeGroup ref="t:%s"/>`, group)
		}
		out.WriteString(one)
	}
	if !made.anyOfAttr && m.number("any attribute", 0, 6) == 0 {
		made.anyOfAttr = true
		out.WriteString(`<xs:anyAttribute namespace="##other" processContents="lax"/>`)
	}
	return out.String()
}
