package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"
)

// Problem is one fault of a configuration file: where it is, what is wrong and
// what is allowed instead. Code is a short name of the kind of fault.
type Problem struct {
	File    string
	Line    int
	Path    string
	Code    string
	Message string
	Allowed []string
}

// String is the form people read: file:line: path: message (allowed: …).
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if len(p.Allowed) > 0 {
		b.WriteString(" (allowed: " + strings.Join(p.Allowed, ", ") + ")")
	}
	return b.String()
}

// Problems are all the faults of a file, in the order of its lines.
type Problems []Problem

// Error lists every problem, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Sort orders the problems by file, line and path.
func (ps Problems) Sort() {
	sort.SliceStable(ps, func(i, j int) bool {
		if ps[i].File != ps[j].File {
			return ps[i].File < ps[j].File
		}
		if ps[i].Line != ps[j].Line {
			return ps[i].Line < ps[j].Line
		}
		return ps[i].Path < ps[j].Path
	})
}

// Lines remember where in a file each value stands.
type Lines struct {
	file  string
	lines map[string]int
}

// Line returns the line on which path stands (1-based), or of its nearest
// parent that does; what stands nowhere is missing from the file as a whole: 1.
func (l Lines) Line(path string) int {
	for path != "" {
		if n, ok := l.lines[path]; ok {
			return n
		}
		path = parent(path)
	}
	return 1
}

// Any says whether anything could be read of the file.
func (l Lines) Any() bool { return len(l.lines) > 0 }

// Problem is a fault of the value at path.
func (l Lines) Problem(path, code, message string, allowed ...string) Problem {
	return Problem{l.file, l.Line(path), path, code, message, allowed}
}

// Decode reads data as exactly one YAML document into the struct to which into
// points: by its yaml tags, strictly, naming every fault instead of stopping at
// the first. Texts whose type has a method Allowed() []string hold one of those
// values; lists whose type has a method Single() bool may be one value by itself;
// durations are written with their unit. The file is called name in the
// problems. What could be read is in the struct even when there are problems.
func Decode(name string, data []byte, into any) (Lines, Problems) {
	r := &reader{file: name, lines: map[string]int{}}
	if doc := r.document(data); doc != nil {
		r.read(doc, reflect.ValueOf(into).Elem(), "")
	}
	return Lines{name, r.lines}, r.problems
}

// reader walks a YAML tree along the Go type that it should fill and notes
// every fault instead of stopping at the first, which the library's own strict
// decoding does.
type reader struct {
	file     string
	lines    map[string]int
	problems Problems
}

func (r *reader) fault(n *yaml.Node, path, code, message string, allowed ...string) {
	line := 0
	if n != nil {
		line = n.Line
	}
	r.problems = append(r.problems, Problem{r.file, line, path, code, message, allowed})
}

// document parses data as exactly one YAML document.
func (r *reader) document(data []byte) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			r.fault(&yaml.Node{Line: 1}, "", "empty", "the file is empty")
		} else {
			line, message := placeOf(err)
			r.fault(&yaml.Node{Line: line}, "", "not-yaml", message)
		}
		return nil
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		r.fault(&second, "", "second-document", "a second document begins here; one file holds one document")
	}
	if len(doc.Content) != 1 {
		r.fault(&doc, "", "empty", "the file is empty")
		return nil
	}
	return doc.Content[0]
}

// placeOf takes the line out of what the parser says; 1 when there is none.
func placeOf(err error) (line int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(message, "line "); ok {
		if number, words, ok := strings.Cut(rest, ": "); ok {
			if n, err := strconv.Atoi(number); err == nil {
				return n, words
			}
		}
	}
	return 1, message
}

func (r *reader) read(n *yaml.Node, v reflect.Value, path string) {
	if path != "" {
		r.lines[path] = n.Line
	}
	if n.Kind == yaml.AliasNode {
		r.fault(n, path, "alias", "anchors and aliases are not read; write the value out")
		return
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		r.duration(n, v, path)
	case v.Kind() == reflect.Struct:
		r.mapping(n, path, func(key string, kn, vn *yaml.Node) {
			f, ok := fieldNamed(v, key)
			if !ok {
				r.fault(kn, join(path, key), "unknown-key", "unknown key", keysOf(v.Type())...)
				return
			}
			r.read(vn, f, join(path, key))
		})
	case v.Kind() == reflect.Map:
		if v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
		r.mapping(n, path, func(key string, _, vn *yaml.Node) {
			e := reflect.New(v.Type().Elem()).Elem()
			r.read(vn, e, join(path, key))
			v.SetMapIndex(reflect.ValueOf(key), e)
		})
	case v.Kind() == reflect.Slice:
		if s, ok := v.Interface().(interface{ Single() bool }); ok && s.Single() && n.Kind == yaml.ScalarNode {
			e := reflect.New(v.Type().Elem()).Elem()
			r.scalar(n, e, path)
			v.Set(reflect.Append(v, e))
			return
		}
		if n.Kind != yaml.SequenceNode {
			r.fault(n, path, "wrong-type", "a list is needed, this is "+kindOf(n))
			return
		}
		for i, c := range n.Content {
			e := reflect.New(v.Type().Elem()).Elem()
			r.read(c, e, fmt.Sprintf("%s[%d]", path, i))
			v.Set(reflect.Append(v, e))
		}
	default:
		r.scalar(n, v, path)
	}
}

func (r *reader) mapping(n *yaml.Node, path string, each func(key string, kn, vn *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fault(n, path, "wrong-type", "a mapping (key: value) is needed, this is "+kindOf(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		kn, vn := n.Content[i], n.Content[i+1]
		if seen[kn.Value] {
			r.fault(kn, join(path, kn.Value), "duplicate-key", "the key stands twice")
			continue
		}
		seen[kn.Value] = true
		each(kn.Value, kn, vn)
	}
}

func (r *reader) duration(n *yaml.Node, v reflect.Value, path string) {
	d, err := time.ParseDuration(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil {
		r.fault(n, path, "not-a-duration", "a duration with its unit is needed", "500ms", "30s", "5m", "24h")
		return
	}
	v.SetInt(int64(d))
}

func (r *reader) scalar(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.ScalarNode {
		r.fault(n, path, "wrong-type", wanted(v.Kind())+" is needed, this is "+kindOf(n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		// Codes such as 00123456 keep their text, whatever YAML makes of them.
		if a, ok := v.Interface().(interface{ Allowed() []string }); ok && !contains(a.Allowed(), n.Value) {
			r.fault(n, path, "not-allowed", fmt.Sprintf("%q is not one of the values", n.Value), a.Allowed()...)
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Tag != "!!bool" {
			r.fault(n, path, "wrong-type", "true or false is needed, this is "+kindOf(n), "true", "false")
			return
		}
		v.SetBool(n.Value == "true" || n.Value == "True" || n.Value == "TRUE")
	case reflect.Int:
		var i int
		if n.Tag != "!!int" || n.Decode(&i) != nil {
			r.fault(n, path, "wrong-type", "a whole number is needed, this is "+kindOf(n))
			return
		}
		v.SetInt(int64(i))
	default:
		panic("configs: no rule for " + v.Type().String())
	}
}

func wanted(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "a whole number"
	default:
		return "a text"
	}
}

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	default:
		return map[string]string{"!!int": "a number", "!!float": "a number", "!!bool": "true or false", "!!str": "a text"}[n.Tag]
	}
}

func fieldNamed(v reflect.Value, key string) (reflect.Value, bool) {
	index, ok := fieldsOf(v.Type())[key]
	if !ok {
		return reflect.Value{}, false
	}
	return v.FieldByIndex(index), true
}

// fields are the fields of each type by their keys: a long list would otherwise
// have them looked up anew for every one of its items.
var fields sync.Map // reflect.Type: map[string][]int

func fieldsOf(t reflect.Type) map[string][]int {
	if known, ok := fields.Load(t); ok {
		return known.(map[string][]int)
	}
	found := map[string][]int{}
	// Fields of embedded structs stand beside the others.
	for _, f := range reflect.VisibleFields(t) {
		name := f.Tag.Get("yaml")
		if _, hidden := found[name]; name != "" && !hidden {
			found[name] = f.Index
		}
	}
	fields.Store(t, found)
	return found
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("yaml"); name != "" {
			keys = append(keys, name)
		}
	}
	return keys
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func parent(path string) string {
	i := strings.LastIndexAny(path, ".[")
	if i < 0 {
		return ""
	}
	return path[:i]
}
