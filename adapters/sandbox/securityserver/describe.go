package securityserver

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/beevik/etree"
	"go.yaml.in/yaml/v3"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// endpointInWSDL stands for every address in a WSDL that was got through X-Road
// (PR-META 4).
const endpointInWSDL = "http://example.org/xroad-endpoint"

// description fetches a service's description live, as the service's own
// settings say (TLS, timeout).
func (s *Server) description(ctx context.Context, v Service) (*providerAnswer, error) {
	address := v.Description
	if address == "" && v.Kind == WSDL && v.URL != "" {
		address = v.URL + "?wsdl"
	}
	if address == "" && v.Kind == OpenAPI3 && v.URL != "" {
		address = strings.TrimRight(v.URL, "/") + "/openapi.yaml"
	}
	v.URL = address
	failed := refuse("server.serverproxy.internal_error", "Failed reading service description from %s", address)
	if address == "" {
		return nil, failed
	}
	a, err := s.callProvider(ctx, v, "server.serverproxy.", http.MethodGet, "", nil, nil, 0)
	if err != nil {
		return nil, failed
	}
	if a.status != http.StatusOK {
		return nil, refuse("server.serverproxy.http_error", "Failed reading service description from %s: received HTTP error %d", address, a.status)
	}
	return a, nil
}

// getWSDL answers getWsdl: a message with the WSDL as its second part, whose
// addresses say nothing (PR-META 4).
func (s *Server) getWSDL(ctx context.Context, req *soap.Message, sent []byte) (*soapAnswer, error) {
	text := func(name string) string {
		if c := soap.Child(req.Body(), soap.NSXRoad, name); c != nil {
			return c.Text()
		}
		return ""
	}
	code, version := text("serviceCode"), text("serviceVersion")
	if code == "" {
		return nil, refuse("server.serverproxy.invalid_request", "Missing serviceCode in message body")
	}
	id := soap.ServiceID{Provider: req.Header.Service.Provider, Code: code, Version: version}
	s.mu.RLock()
	v, ok := s.services[id]
	s.mu.RUnlock()
	switch {
	case !ok:
		return nil, refuse("server.serverproxy.unknown_service", "Unknown service: %s", id.LogForm())
	case v.Kind != WSDL:
		return nil, refuse("server.serverproxy.service_type", "Service is a REST service and does not have a WSDL")
	}
	a, err := s.description(ctx, v)
	if err != nil {
		return nil, err
	}
	wsdl, err := withoutAddresses(a.body)
	if err != nil {
		return nil, refuse("server.serverproxy.internal_error", "Failed reading service description: %v", err)
	}
	body := etree.NewElement("xrd:getWsdlResponse")
	body.CreateAttr("xmlns:xrd", soap.NSXRoad)
	body.CreateElement("xrd:serviceCode").SetText(code)
	if version != "" {
		body.CreateElement("xrd:serviceVersion").SetText(version)
	}
	answer, err := soap.BuildAnswer(req, body)
	if err != nil {
		return nil, err
	}
	if answer, err = withRequestHash(answer, soap.HashOf(sent)); err != nil {
		return nil, err
	}
	boundary := "xroad" + strings.ReplaceAll(s.o.NewID(), "-", "")
	var b bytes.Buffer
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n%s\r\n", boundary, answer)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: text/xml\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <wsdl=%s@x-road.eu>\r\n\r\n%s\r\n--%s--\r\n", boundary, s.o.NewID(), wsdl, boundary)
	return &soapAnswer{contentType: fmt.Sprintf(`multipart/related; type="text/xml"; charset=UTF-8; boundary=%s`, boundary), body: b.Bytes(), envelope: answer}, nil
}

var location = regexp.MustCompile(`(\slocation\s*=\s*)("[^"]*"|'[^']*')`)

// withoutAddresses replaces the location of every SOAP address in a WSDL; all
// other bytes stay as they are.
func withoutAddresses(wsdl []byte) ([]byte, error) {
	dec := xml.NewDecoder(bytes.NewReader(wsdl))
	dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var out bytes.Buffer
	for {
		from := dec.InputOffset()
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		raw := wsdl[from:dec.InputOffset()]
		if t, ok := token.(xml.StartElement); ok && t.Name.Local == "address" && strings.HasPrefix(t.Name.Space, "http://schemas.xmlsoap.org/wsdl/soap") {
			raw = location.ReplaceAll(raw, []byte(`${1}"`+endpointInWSDL+`"`))
		}
		out.Write(raw)
	}
}

// getOpenAPI answers getOpenAPI: the description with its servers cut to their
// paths (PR-MREST 5).
func (s *Server) getOpenAPI(ctx context.Context, q restRequest) (*providerAnswer, error) {
	values, _ := url.ParseQuery(strings.TrimPrefix(q.query, "?"))
	code := values.Get("serviceCode")
	if code == "" {
		return nil, refuse("server.serverproxy.invalid_request", "Missing serviceCode in message body")
	}
	id := soap.ServiceID{Provider: q.service.Provider, Code: code}
	s.mu.RLock()
	v, ok := s.services[id]
	s.mu.RUnlock()
	switch {
	case !ok:
		return nil, refuse("server.serverproxy.internal_error", "Service not found: %s", id.LogForm())
	case v.Kind != OpenAPI3:
		return nil, refuse("server.serverproxy.internal_error", "Invalid service type: %s", v.Kind)
	}
	a, err := s.description(ctx, v)
	if err != nil {
		return nil, err
	}
	contentType := a.fields.Get("Content-Type")
	if contentType == "" {
		contentType = "text/plain"
	}
	body, err := serversCut(a.body)
	if err != nil {
		return nil, refuse("server.serverproxy.internal_error", "Failed reading service description from %s", v.Description)
	}
	return &providerAnswer{status: http.StatusOK, reason: "OK", fields: wire.Fields{{Name: "Content-Type", Value: contentType}}, body: body}, nil
}

// serversCut replaces each address under servers by its path, unless it has
// variables. JSON is YAML too; all other bytes stay as they are.
func serversCut(description []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(description, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return nil, errors.New("the description is empty")
	}
	lines := bytes.SplitAfter(description, []byte("\n"))
	servers := valueOf(doc.Content[0], "servers")
	if servers == nil {
		return description, nil
	}
	// From the end, so that what stands before stays where it is.
	for i := len(servers.Content) - 1; i >= 0; i-- {
		at := valueOf(servers.Content[i], "url")
		if at == nil || strings.Contains(at.Value, "{") {
			continue
		}
		u, err := url.Parse(at.Value)
		if err != nil || u.Host == "" {
			continue
		}
		line := []rune(string(lines[at.Line-1])) // columns count characters
		before, rest := string(line[:at.Column-1]), string(line[at.Column-1:])
		quote, written := "", at.Value
		if at.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			quote = rest[:1]
			end := strings.Index(rest[1:], quote)
			if end < 0 {
				continue
			}
			written = rest[:end+2]
		}
		path := u.EscapedPath()
		if path == "" {
			path = "/"
		}
		lines[at.Line-1] = []byte(before + quote + path + quote + strings.TrimPrefix(rest, written))
	}
	return bytes.Join(lines, nil), nil
}

// valueOf finds a key of a mapping.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
