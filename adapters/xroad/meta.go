package xroad

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/beevik/etree"

	"ristmik/soap"
)

// Member is one entry of listClients: a member, or one of its subsystems.
type Member struct {
	ID soap.ClientID
	// Name is that of the member. SubsystemName is empty before X-Road 7.7.
	Name, SubsystemName string
}

// ListClients returns all members and subsystems of an instance, which every
// Security Server knows and tells anybody (PR-META 2). An empty instance is
// the server's own.
func (c *Client) ListClients(ctx context.Context, instance string) ([]Member, error) {
	query := ""
	if instance != "" {
		query = url.Values{"xRoadInstance": {instance}}.Encode()
	}
	got, err := c.get(ctx, "/listClients", query, "application/json", c.bytes)
	if err != nil {
		return nil, err
	}
	body, err := got.body.all()
	if err != nil {
		return nil, err
	}
	if media, _, _ := mime.ParseMediaType(got.media); media == "application/json" && got.status == http.StatusOK {
		return membersJSON(body)
	}
	if m, err := soap.ReadAnswer(body, c.o.Limits); err == nil && m.Fault != nil {
		return nil, m.Fault.Failure("")
	}
	if got.status != http.StatusOK {
		return nil, page(got.status, "")
	}
	return membersXML(body, c.o.Limits)
}

// jsonID is an identifier in the JSON of the metaservices; absent parts are
// left out.
type jsonID struct {
	Instance  string `json:"xroad_instance"`
	Class     string `json:"member_class"`
	Member    string `json:"member_code"`
	Subsystem string `json:"subsystem_code"`
	Service   string `json:"service_code"`
	Version   string `json:"service_version"`
}

func (i jsonID) client() soap.ClientID {
	return soap.ClientID{Instance: i.Instance, Class: i.Class, Member: i.Member, Subsystem: i.Subsystem}
}

func membersJSON(body []byte) ([]Member, error) {
	var list struct {
		Member []struct {
			ID            jsonID `json:"id"`
			Name          string `json:"name"`
			SubsystemName string `json:"subsystem_name"`
		} `json:"member"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, unreadable("", "the list of clients is not the JSON of listClients")
	}
	out := make([]Member, 0, len(list.Member))
	for _, m := range list.Member {
		out = append(out, Member{ID: m.ID.client(), Name: m.Name, SubsystemName: m.SubsystemName})
	}
	return out, nil
}

func membersXML(body []byte, lim soap.Limits) ([]Member, error) {
	doc, err := soap.ReadTree(body, lim)
	if err != nil || doc.Root() == nil || doc.Root().Tag != "clientList" || doc.Root().NamespaceURI() != soap.NSXRoad {
		return nil, unreadable("", "the list of clients is not the XML of listClients")
	}
	var out []Member
	for _, m := range doc.Root().ChildElements() {
		id := soap.Child(m, soap.NSXRoad, "id")
		if m.Tag != "member" || id == nil {
			continue
		}
		out = append(out, Member{
			ID: serviceIn(id).Provider, Name: text(m, soap.NSXRoad, "name"), SubsystemName: text(m, soap.NSXRoad, "subsystemName"),
		})
	}
	return out, nil
}

// ListMethods returns the SOAP services of a provider, AllowedMethods those of
// them that our subsystem may call (PR-META 3).
func (c *Client) ListMethods(ctx context.Context, provider soap.ClientID) ([]soap.ServiceID, error) {
	return c.methods(ctx, provider, "listMethods")
}

// AllowedMethods is described with ListMethods.
func (c *Client) AllowedMethods(ctx context.Context, provider soap.ClientID) ([]soap.ServiceID, error) {
	return c.methods(ctx, provider, "allowedMethods")
}

func (c *Client) methods(ctx context.Context, provider soap.ClientID, code string) ([]soap.ServiceID, error) {
	a, err := c.Call(ctx, Call{Service: soap.ServiceID{Provider: provider, Code: code}, Body: metaBody(code)})
	if err != nil {
		return nil, err
	}
	var out []soap.ServiceID
	for _, e := range a.Message.Body().ChildElements() {
		if e.Tag == "service" && e.NamespaceURI() == soap.NSXRoad {
			out = append(out, serviceIn(e))
		}
	}
	return out, nil
}

// RESTService is one service of a REST provider.
type RESTService struct {
	ID soap.ServiceID
	// Type is REST or OPENAPI; only the latter has a description.
	Type string
	// Endpoints are methods and paths, which may be patterns ("*", "**").
	Endpoints []Endpoint
}

// Endpoint is one method and path of a REST service.
type Endpoint struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

// ListRESTMethods returns the REST services of a provider, AllowedRESTMethods
// those of them, with their endpoints, that our subsystem may call (PR-MREST 4).
func (c *Client) ListRESTMethods(ctx context.Context, provider soap.ClientID) ([]RESTService, error) {
	return c.restMethods(ctx, provider, "listMethods")
}

// AllowedRESTMethods is described with ListRESTMethods.
func (c *Client) AllowedRESTMethods(ctx context.Context, provider soap.ClientID) ([]RESTService, error) {
	return c.restMethods(ctx, provider, "allowedMethods")
}

func (c *Client) restMethods(ctx context.Context, provider soap.ClientID, code string) ([]RESTService, error) {
	a, err := c.metaREST(ctx, soap.ServiceID{Provider: provider, Code: code}, "")
	if err != nil {
		return nil, err
	}
	var list struct {
		Service []struct {
			jsonID
			Type      string     `json:"service_type"`
			Endpoints []Endpoint `json:"endpoint_list"`
		} `json:"service"`
	}
	if err := json.Unmarshal(a.Body, &list); err != nil {
		return nil, unreadable(a.Exchange.MessageID, "the answer is not the JSON of "+code)
	}
	out := make([]RESTService, 0, len(list.Service))
	for _, s := range list.Service {
		out = append(out, RESTService{
			ID:   soap.ServiceID{Provider: s.client(), Code: s.Service, Version: s.Version},
			Type: s.Type, Endpoints: s.Endpoints,
		})
	}
	return out, nil
}

// WSDL returns the description of a SOAP service (PR-META 4). The addresses in
// it are not the provider's and are never to be called.
func (c *Client) WSDL(ctx context.Context, service soap.ServiceID) ([]byte, error) {
	body := metaBody("getWsdl")
	body.CreateElement("xrd:serviceCode").SetText(service.Code)
	if service.Version != "" {
		body.CreateElement("xrd:serviceVersion").SetText(service.Version)
	}
	a, err := c.Open(ctx, Call{Service: soap.ServiceID{Provider: service.Provider, Code: "getWsdl"}, Body: body, MaxAnswer: 2 * c.bytes})
	if err != nil {
		return nil, err
	}
	defer a.Close()
	part, err := a.Next()
	if err == io.EOF {
		return nil, unreadable(a.Exchange.MessageID, "the answer of getWsdl has no WSDL attached")
	}
	if err != nil {
		return nil, err
	}
	wsdl, err := io.ReadAll(part.Body)
	if err != nil {
		return nil, named(err, a.Exchange.MessageID)
	}
	return wsdl, nil
}

// OpenAPI returns the description of a REST service as the provider wrote it,
// JSON or YAML as the content type says (PR-MREST 5). The addresses in it are
// never to be called.
func (c *Client) OpenAPI(ctx context.Context, service soap.ServiceID) (description []byte, contentType string, err error) {
	a, err := c.metaREST(ctx, soap.ServiceID{Provider: service.Provider, Code: "getOpenAPI"}, url.Values{"serviceCode": {service.Code}}.Encode())
	if err != nil {
		return nil, "", err
	}
	return a.Body, a.Header.Get("Content-Type"), nil
}

// metaREST asks a metaservice of a provider over REST.
func (c *Client) metaREST(ctx context.Context, service soap.ServiceID, query string) (*RESTAnswer, error) {
	a, err := c.REST(ctx, RESTCall{Service: service, Method: http.MethodGet, Query: query})
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, &soap.Failure{
			Kind: KindOfStatus(a.Status), Code: "answer.http_status", MessageID: a.Exchange.MessageID,
			Message: "the metaservice answered with " + http.StatusText(a.Status),
		}
	}
	return a, nil
}

// metaBody is the wrapper of a metaservice.
func metaBody(code string) *etree.Element {
	e := etree.NewElement("xrd:" + code)
	e.CreateAttr("xmlns:xrd", soap.NSXRoad)
	return e
}

// serviceIn reads the identifier inside an element of a list.
func serviceIn(e *etree.Element) soap.ServiceID {
	part := func(name string) string { return text(e, soap.NSIdentifiers, name) }
	return soap.ServiceID{
		Provider: soap.ClientID{Instance: part("xRoadInstance"), Class: part("memberClass"), Member: part("memberCode"), Subsystem: part("subsystemCode")},
		Code:     part("serviceCode"), Version: part("serviceVersion"),
	}
}

func text(e *etree.Element, ns, name string) string {
	if c := soap.Child(e, ns, name); c != nil {
		return strings.TrimSpace(c.Text())
	}
	return ""
}

// get asks our own Security Server for something that has no X-Road headers.
func (c *Client) get(ctx context.Context, path, query, accept string, limit int64) (*reply, error) {
	r := &request{
		method: http.MethodGet, target: url.URL{Path: path, RawQuery: query}, header: http.Header{"Accept": {accept}},
		timeouts: c.timeoutsOf(soap.ServiceID{}, 0), limit: limit,
	}
	got, err := c.send(ctx, r)
	var f *soap.Failure
	if errors.As(err, &f) && f.Kind == soap.KindUnknownResult {
		// Reading changes nothing: the trouble is our own server's.
		f.Kind = soap.KindOwnServer
	}
	return got, err
}

func unreadable(id, message string) *soap.Failure {
	return &soap.Failure{Kind: soap.KindRetryLater, Code: "answer.unreadable", Message: message, MessageID: id}
}
