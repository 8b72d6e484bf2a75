package contract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// API is the description of a REST service (OpenAPI 3.0.x or 3.1.0). It is
// immutable and safe for concurrent use. The addresses in it are the provider's
// own and are never called: calls go through the Security Server (PR-META 4).
type API struct {
	// Name is the file it was loaded from; Title and Version are the service's.
	Name, Title, Version string
	// Base is the path of servers[0].url without a slash at the end; "" for the
	// root. A Security Server puts the rest of a request's path behind it.
	Base string
	// Endpoints are its operations in the order of the document.
	Endpoints []Endpoint
}

// Endpoint is one operation: a method and a path with {parameters}.
type Endpoint struct {
	Method, Path string
	// ID and Summary are operationId and summary, "" when the document has none.
	ID, Summary string
	// Parameters are those of the path and of the operation, the latter winning.
	Parameters []Parameter
	// Body says whether there is a request body, and Required whether there must be.
	Body, Required bool
	// Statuses are the response codes that the document lists ("200", "4XX", "default").
	Statuses []string
}

// Parameter is one parameter of an endpoint.
type Parameter struct {
	Name string
	// In is "path", "query", "header" or "cookie".
	In       string
	Required bool
}

// ErrNotOpenAPI is returned for a document that is not OpenAPI 3.0.x or 3.1.0,
// the versions that a Security Server takes.
var ErrNotOpenAPI = errors.New("not an OpenAPI description of version 3.0.x or 3.1.0")

// methods are the methods of a path item, which are also those of X-Road.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

var (
	reOpenAPI  = regexp.MustCompile(`^(3\.0\.\d+|3\.1\.0)$`)
	reTemplate = regexp.MustCompile(`\{[^{}/]*\}`)
)

// LoadOpenAPI reads an OpenAPI description, JSON or YAML, as a Security Server
// does when a service is registered: up to 10 MiB, versions 3.0.x and 3.1.0, no
// method and path twice (also not under another name of a parameter), base path
// from servers[0]. References are followed within the document only. The error
// says what is refused.
func LoadOpenAPI(fsys fs.FS, name string) (*API, error) {
	source, err := readFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	a, err := ParseOpenAPI(source)
	if err != nil {
		return nil, fmt.Errorf("reading contract %s: %w", name, err)
	}
	a.Name = name
	return a, nil
}

// ParseOpenAPI is LoadOpenAPI for a document that is at hand, such as the
// answer of getOpenAPI.
func ParseOpenAPI(source []byte) (*API, error) { return parseOpenAPI(context.Background(), source) }

func parseOpenAPI(ctx context.Context, source []byte) (*API, error) {
	if len(source) > maxFileBytes {
		return nil, ErrTooLarge
	}
	var doc yaml.Node // JSON is YAML too
	if err := yaml.Unmarshal(source, &doc); err != nil || len(doc.Content) != 1 {
		return nil, ErrNotOpenAPI
	}
	r := openapi{root: doc.Content[0]}
	if err := r.plain(r.root, 0); err != nil {
		return nil, err
	}
	version := r.text(r.root, "openapi")
	if !reOpenAPI.MatchString(version) {
		return nil, ErrNotOpenAPI
	}
	a := &API{Title: r.text(r.get(r.root, "info"), "title"), Version: r.text(r.get(r.root, "info"), "version")}
	var err error
	if a.Base, err = r.base(); err != nil {
		return nil, err
	}
	paths := r.get(r.root, "paths")
	if paths == nil || paths.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: it has no paths", ErrNotOpenAPI)
	}
	seen := map[string]string{}
	for i := 0; i+1 < len(paths.Content); i += 2 {
		path, item := paths.Content[i].Value, r.resolve(paths.Content[i+1])
		if strings.HasPrefix(path, "x-") {
			continue
		}
		if ctx.Err() != nil {
			return nil, ErrTooSlow
		}
		if !strings.HasPrefix(path, "/") {
			return nil, fmt.Errorf("path %q does not begin with a slash", path)
		}
		for _, method := range methods {
			operation := r.get(item, method)
			if operation == nil {
				continue
			}
			key := method + " " + reTemplate.ReplaceAllString(path, "{}")
			if other, twice := seen[key]; twice {
				return nil, fmt.Errorf("%s %s stands twice (as %s)", strings.ToUpper(method), path, other)
			}
			seen[key] = path
			a.Endpoints = append(a.Endpoints, r.endpoint(method, path, item, operation))
		}
	}
	return a, nil
}

// openapi walks one document.
type openapi struct{ root *yaml.Node }

// plain refuses what could make reading expensive or mean two things: aliases,
// keys that stand twice, nesting without end.
func (r *openapi) plain(n *yaml.Node, depth int) error {
	switch {
	case depth > maxDepth:
		return ErrTooLarge
	case n.Kind == yaml.AliasNode:
		return errors.New("aliases are not supported")
	}
	keys := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if keys[child.Value] {
				return fmt.Errorf("line %d: a key stands twice", child.Line)
			}
			keys[child.Value] = true
		}
		if err := r.plain(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// get returns a member of a mapping, its reference followed; nil when there is
// none.
func (r *openapi) get(n *yaml.Node, key string) *yaml.Node {
	n = r.resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return r.resolve(n.Content[i+1])
		}
	}
	return nil
}

// resolve follows a reference within the document; others lead nowhere.
func (r *openapi) resolve(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n == nil || n.Kind != yaml.MappingNode {
			return n
		}
		ref := ""
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == "$ref" {
				ref = n.Content[i+1].Value
			}
		}
		if ref == "" {
			return n
		}
		steps, local := strings.CutPrefix(ref, "#/")
		if !local {
			return nil
		}
		n = r.root
		for step := range strings.SplitSeq(steps, "/") {
			n = child(n, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
	}
	return nil
}

// child is a member of a mapping as it stands.
func child(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func (r *openapi) text(n *yaml.Node, key string) string {
	if v := r.get(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// base is the path of the first server; one with variables has its defaults put
// in.
func (r *openapi) base() (string, error) {
	servers := r.get(r.root, "servers")
	if servers == nil || len(servers.Content) == 0 {
		return "", nil
	}
	server := servers.Content[0]
	address := reTemplate.ReplaceAllStringFunc(r.text(server, "url"), func(variable string) string {
		return r.text(r.get(r.get(server, "variables"), strings.Trim(variable, "{}")), "default")
	})
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("the address of the first server is none")
	}
	return strings.TrimRight(u.EscapedPath(), "/"), nil
}

func (r *openapi) endpoint(method, path string, item, operation *yaml.Node) Endpoint {
	e := Endpoint{
		Method: strings.ToUpper(method), Path: path, ID: r.text(operation, "operationId"), Summary: oneLine(r.text(operation, "summary")),
	}
	for _, list := range []*yaml.Node{r.get(operation, "parameters"), r.get(item, "parameters")} {
		if list == nil {
			continue
		}
		for _, one := range list.Content {
			one = r.resolve(one)
			p := Parameter{Name: r.text(one, "name"), In: r.text(one, "in"), Required: r.text(one, "required") == "true"}
			known := slices.ContainsFunc(e.Parameters, func(q Parameter) bool { return q.Name == p.Name && q.In == p.In })
			if p.Name != "" && !known {
				e.Parameters = append(e.Parameters, p)
			}
		}
	}
	if body := r.get(operation, "requestBody"); body != nil {
		e.Body, e.Required = true, r.text(body, "required") == "true"
	}
	if responses := r.get(operation, "responses"); responses != nil && responses.Kind == yaml.MappingNode {
		for i := 0; i < len(responses.Content); i += 2 {
			e.Statuses = append(e.Statuses, responses.Content[i].Value)
		}
	}
	return e
}
