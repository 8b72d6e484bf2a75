package configs

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// ErrBraces is returned by [AddContract] for a file whose section it cannot add
// to without writing it anew.
var ErrBraces = errors.New("the section is written in braces; write contracts: out in lines, and try again")

// AddContract returns the text of a configuration file with one more entry
// under contracts:, or with the file of an entry that is there already replaced
// when replace says so. All other lines, with their comments, stay as they are.
// It neither reads nor checks what the entry names; [Parse] the result.
func AddContract(data []byte, name string, k Contract, replace bool) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	if len(doc.Content) == 0 {
		return appended(data, name, k)
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode || root.Style&yaml.FlowStyle != 0 {
		return nil, ErrBraces
	}
	key, section := pair(root, "contracts")
	if key == nil {
		return appended(data, name, k)
	}
	indent, nothing := 2, section.Kind == yaml.ScalarNode && section.Tag == "!!null" && section.Value == ""
	switch {
	case nothing:
	case section.Kind != yaml.MappingNode || section.Style&yaml.FlowStyle != 0:
		return nil, ErrBraces
	case len(section.Content) > 0:
		indent = section.Content[0].Column - 1
	}
	if at, entry := pair(section, name); at != nil {
		_, file := pair(entry, "file")
		if !replace || file == nil || file.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("contracts.%s stands in line %d already", name, at.Line)
		}
		return withValue(lines, file, k.File)
	}
	entry, err := entryLines(name, k, indent)
	if err != nil {
		return nil, err
	}
	// Directly below the section's name: what follows, comments included, keeps
	// belonging to what it stands at.
	if !strings.HasSuffix(lines[key.Line-1], "\n") {
		lines[key.Line-1] += "\n"
	}
	lines[key.Line-1] += entry
	return []byte(strings.Join(lines, "")), nil
}

// appended puts a section with the entry at the end of the file.
func appended(data []byte, name string, k Contract) ([]byte, error) {
	entry, err := entryLines(name, k, 2)
	if err != nil {
		return nil, err
	}
	text := strings.TrimRight(string(data), "\n")
	if text != "" {
		text += "\n\n"
	}
	return []byte(text + "contracts:\n" + entry), nil
}

// withValue puts another text into a plain or quoted value on one line.
func withValue(lines []string, n *yaml.Node, value string) ([]byte, error) {
	line := []rune(lines[n.Line-1]) // columns count characters
	before, rest := string(line[:n.Column-1]), string(line[n.Column-1:])
	written := n.Value
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		written = `"` + n.Value + `"`
	case n.Style&yaml.SingleQuotedStyle != 0:
		written = "'" + n.Value + "'"
	}
	after, ok := strings.CutPrefix(rest, written)
	if !ok {
		return nil, fmt.Errorf("line %d: write the file's name in plain letters, and try again", n.Line)
	}
	quoted, err := yaml.Marshal(value)
	if err != nil {
		return nil, err
	}
	lines[n.Line-1] = before + strings.TrimSpace(string(quoted)) + after
	return []byte(strings.Join(lines, "")), nil
}

// entryLines writes one entry as the shipped configuration does.
func entryLines(name string, k Contract, indent int) (string, error) {
	text := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	list := func(values ...string) *yaml.Node {
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
		for _, v := range values {
			n.Content = append(n.Content, text(v))
		}
		return n
	}
	entry := &yaml.Node{Kind: yaml.MappingNode}
	put := func(key string, value *yaml.Node) { entry.Content = append(entry.Content, text(key), value) }
	put("title", &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle, Content: []*yaml.Node{
		text("et"), text(k.Title.ET), text("en"), text(k.Title.EN),
	}})
	put("file", text(k.File))
	put("provider", text(k.Provider))
	if k.Service != "" {
		put("service", text(k.Service))
	}
	if len(k.Require) > 0 {
		var required []string
		for _, r := range k.Require {
			required = append(required, string(r))
		}
		put("require", list(required...))
	}
	if k.Tolerant {
		put("tolerant", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
	if len(k.Refusals) > 0 {
		put("refusals", list(k.Refusals...))
	}
	if k.AsOf != "" {
		put("as_of", text(k.AsOf))
	}
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	whole := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text(name), entry}}
	if err := errors.Join(enc.Encode(whole), enc.Close()); err != nil {
		return "", fmt.Errorf("writing the entry: %w", err)
	}
	margin := strings.Repeat(" ", indent)
	return margin + strings.ReplaceAll(strings.TrimRight(out.String(), "\n"), "\n", "\n"+margin) + "\n", nil
}

// pair finds a key of a mapping with its value; nil when there is none.
func pair(n *yaml.Node, key string) (at, value *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}
