package contract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// declarationKind is one of the symbol spaces of a schema.
type declarationKind string

const (
	declElement        declarationKind = "element"
	declType           declarationKind = "type"
	declAttribute      declarationKind = "attribute"
	declGroup          declarationKind = "group"
	declAttributeGroup declarationKind = "attributeGroup"
)

// schema is one schema document (or one inline schema of the WSDL), under the
// target namespace it was included for.
type schema struct {
	root               *etree.Element
	target             string
	chameleon          bool // has no target namespace of its own
	elementsQualified  bool
	attributeQualified bool
}

// declaration is a global declaration, or a construct that stands in its place
// and cannot be used.
type declaration struct {
	node        *etree.Element
	schema      *schema
	unsupported error
}

type declarationKey struct {
	kind declarationKind
	name Name
}

// schemaSet holds every global declaration that the description reaches.
type schemaSet struct {
	ctx          context.Context // how long there is time
	fsys         fs.FS
	declarations map[declarationKey]declaration
	loaded       map[string]bool   // file (or catalogue file) and target namespace
	missing      map[string]string // namespace -> why its schema is not here
	substituted  map[Name]bool     // heads of substitution groups
	files, bytes int
}

func newSchemaSet(ctx context.Context, fsys fs.FS) *schemaSet {
	return &schemaSet{
		ctx:          ctx,
		fsys:         fsys,
		declarations: map[declarationKey]declaration{},
		loaded:       map[string]bool{},
		missing:      map[string]string{},
		substituted:  map[Name]bool{},
	}
}

// inTime is [ErrTooSlow] when the time is over.
func (s *schemaSet) inTime() error {
	if s.ctx.Err() != nil {
		return ErrTooSlow
	}
	return nil
}

// overBudget says whether an error is about the description as a whole and not
// about one part of it.
func overBudget(err error) bool { return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTooSlow) }

// addInline adds the schemas inside wsdl:types of the file called name.
func (s *schemaSet) addInline(definitions *etree.Element, name string) error {
	for _, types := range definitions.ChildElements() {
		if !is(types, nsWSDL, "types") {
			continue
		}
		for _, child := range types.ChildElements() {
			if !is(child, nsXSD, "schema") {
				continue
			}
			if err := s.addSchema(child, name, "", false); err != nil {
				return err
			}
		}
	}
	return nil
}

// addSchema adds the declarations of one schema element. from is the file it
// stands in, for relative addresses; a schema without target namespace takes
// the one that included it.
func (s *schemaSet) addSchema(root *etree.Element, from, includedFor string, inCatalogue bool) error {
	doc := &schema{
		root:               root,
		target:             attr(root, "targetNamespace"),
		elementsQualified:  attr(root, "elementFormDefault") == "qualified",
		attributeQualified: attr(root, "attributeFormDefault") == "qualified",
	}
	if doc.target == "" && includedFor != "" {
		doc.target, doc.chameleon = includedFor, true
	}
	for _, child := range root.ChildElements() {
		if child.NamespaceURI() != nsXSD {
			continue
		}
		switch child.Tag {
		case "import":
			if err := s.follow(attr(child, "namespace"), attr(child, "schemaLocation"), from, "", inCatalogue); err != nil {
				return err
			}
		case "include":
			if err := s.follow(doc.target, attr(child, "schemaLocation"), from, doc.target, inCatalogue); err != nil {
				return err
			}
		case "redefine":
			s.addRedefined(child, doc)
		case "element":
			s.declare(declElement, child, doc)
			if head := attr(child, "substitutionGroup"); head != "" {
				if n, err := doc.resolve(child, head); err == nil {
					s.substituted[n] = true
				}
			}
		case "complexType", "simpleType":
			s.declare(declType, child, doc)
		case "attribute":
			s.declare(declAttribute, child, doc)
		case "group":
			s.declare(declGroup, child, doc)
		case "attributeGroup":
			s.declare(declAttributeGroup, child, doc)
		}
	}
	return nil
}

// declare keeps the first declaration of a name.
func (s *schemaSet) declare(kind declarationKind, node *etree.Element, doc *schema) {
	key := declarationKey{kind, Name{doc.target, attr(node, "name")}}
	if _, known := s.declarations[key]; !known {
		s.declarations[key] = declaration{node: node, schema: doc}
	}
}

// addRedefined makes the redefined names unusable: to use either the old or the
// new definition silently would be wrong.
func (s *schemaSet) addRedefined(redefine *etree.Element, doc *schema) {
	s.missing[doc.target] = "redefined schema " + attr(redefine, "schemaLocation")
	for _, child := range redefine.ChildElements() {
		kind := declType
		switch child.Tag {
		case "group":
			kind = declGroup
		case "attributeGroup":
			kind = declAttributeGroup
		}
		name := Name{doc.target, attr(child, "name")}
		s.declarations[declarationKey{kind, name}] = declaration{unsupported: unsupported("xs:redefine of %s", name)}
	}
}

// follow adds the schema that an import or include names: a file beside the one
// it stands in, or the catalogue's schema of that namespace. What is neither is
// remembered as missing and is no error until an operation needs it.
func (s *schemaSet) follow(namespace, location, from, includedFor string, inCatalogue bool) error {
	switch file, ok := catalogueByNamespace[namespace]; {
	case inCatalogue && includedFor != "":
		return s.addFile(Catalogue(), "catalogue:", location, includedFor, true)
	case ok:
		return s.addFile(Catalogue(), "catalogue:", file, "", true)
	case location == "" || inCatalogue:
		return nil // another inline schema, or nothing at all
	}
	for _, candidate := range candidates(location, from) {
		if err := s.inTime(); err != nil {
			return err
		}
		if _, err := fs.Stat(s.fsys, candidate); err != nil {
			continue
		}
		err := s.addFile(s.fsys, "", candidate, includedFor, false)
		if err != nil && !overBudget(err) {
			s.missing[namespace] = "schema " + location + ", which cannot be read"
			return nil
		}
		return err
	}
	if _, known := s.missing[namespace]; !known {
		s.missing[namespace] = "schema " + location + ", which is neither beside the description nor in the catalogue"
	}
	return nil
}

// candidates are the files of the folder that an address may stand for: the
// relative path, the file of that name beside the one that names it or beside the
// description, where an operator can put what comes from the network, and for an
// address that asks a service for its schema (?xsd=name) the name in the question.
func candidates(location, from string) []string {
	location = strings.ReplaceAll(location, `\`, "/")
	location, _, _ = strings.Cut(location, "#")
	location, query, _ := strings.Cut(location, "?")
	if plain, err := url.PathUnescape(location); err == nil {
		location = plain
	}
	var names []string
	if !strings.Contains(location, ":") && !strings.HasPrefix(location, "/") {
		names = append(names, location)
	}
	for pair := range strings.SplitSeq(query, "&") {
		if len(names) > maxCandidates {
			break
		}
		if key, value, _ := strings.Cut(pair, "="); value != "" && (strings.EqualFold(key, "xsd") || strings.EqualFold(key, "wsdl")) {
			if plain, err := url.QueryUnescape(value); err == nil {
				value = plain
			}
			names = append(names, value, path.Base(value), path.Base(value)+"."+strings.ToLower(key))
		}
	}
	names = append(names, path.Base(location))
	var out []string
	for _, folder := range []string{path.Dir(from), "."} {
		for _, n := range names {
			if p := path.Join(folder, n); fs.ValidPath(p) && p != "." && !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// maxCandidates is how many names one address can stand for, about.
const maxCandidates = 12

func (s *schemaSet) addFile(fsys fs.FS, scheme, file, includedFor string, inCatalogue bool) error {
	doc, err := s.document(fsys, scheme, file, includedFor)
	if err != nil || doc == nil {
		return err
	}
	if !is(doc.Root(), nsXSD, "schema") {
		return fmt.Errorf("reading schema %s: not an XML Schema", file)
	}
	return s.addSchema(doc.Root(), file, includedFor, inCatalogue)
}

// document reads a file, within the budgets for all of them; nil when it was read
// before for the same namespace.
func (s *schemaSet) document(fsys fs.FS, scheme, file, includedFor string) (*etree.Document, error) {
	key := scheme + file + " " + includedFor
	if s.loaded[key] {
		return nil, nil
	}
	s.loaded[key] = true
	if err := s.inTime(); err != nil {
		return nil, err
	}
	if s.files++; s.files > maxSchemaFiles {
		return nil, fmt.Errorf("%w: more than %d schema files", ErrTooLarge, maxSchemaFiles)
	}
	data, err := readFile(fsys, file)
	if err != nil {
		return nil, fmt.Errorf("reading schema %s: %w", file, err)
	}
	if s.bytes += len(data); s.bytes > maxTotalBytes {
		return nil, fmt.Errorf("%w: more than %d bytes of schemas", ErrTooLarge, maxTotalBytes)
	}
	doc, err := parseDocument(data)
	if err != nil {
		return nil, fmt.Errorf("reading schema %s: %w", file, err)
	}
	return doc, nil
}

// lookup finds a global declaration. Descriptions often forget an import, so
// the catalogue is asked for the namespace before giving up.
func (s *schemaSet) lookup(kind declarationKind, name Name) (declaration, error) {
	key := declarationKey{kind, name}
	d, ok := s.declarations[key]
	if !ok {
		if file, inCatalogue := catalogueByNamespace[name.Space]; inCatalogue {
			if err := s.addFile(Catalogue(), "catalogue:", file, "", true); err != nil {
				return declaration{}, err
			}
			d, ok = s.declarations[key]
		}
	}
	switch {
	case !ok && s.missing[name.Space] != "":
		return declaration{}, unsupported("%s %s of the %s", kind, name, s.missing[name.Space])
	case !ok:
		return declaration{}, unsupported("%s %s, which is not declared", kind, name)
	case d.unsupported != nil:
		return declaration{}, d.unsupported
	}
	return d, nil
}

// resolve resolves a name used in a schema. In a schema that took its
// namespace from the including one, names without a prefix are of that namespace.
func (d *schema) resolve(el *etree.Element, qname string) (Name, error) {
	prefix, n, ok := resolveName(el, strings.TrimSpace(qname))
	if !ok {
		return Name{}, unsupported("name %s with an undeclared prefix", qname)
	}
	if prefix == "" && n.Space == "" && d.chameleon {
		n.Space = d.target
	}
	return n, nil
}

// is says whether el has that namespace and local name.
func is(el *etree.Element, space, local string) bool {
	return el != nil && el.Tag == local && el.NamespaceURI() == space
}
