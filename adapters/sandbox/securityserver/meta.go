package securityserver

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/beevik/etree"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// listClients answers GET /listClients (PR-META 2): XML, or JSON for those who
// accept it. Errors are SOAP Faults for everybody.
func (s *Server) listClients(r *wire.Request, query string) *wire.Response {
	values, err := url.ParseQuery(query)
	if instance := values.Get("xRoadInstance"); err != nil || instance != "" && instance != s.o.Instance {
		return &wire.Response{Status: http.StatusOK, Fields: wire.Fields{{Name: "Content-Type", Value: "text/xml;charset=utf-8"}, {Name: "SOAPAction"}},
			Body: s.fault(refuse("server.clientproxy.internal_error", "Invalid instance identifier: %s", instance))}
	}
	if accepts(r.Fields, "application/json") {
		return &wire.Response{Status: http.StatusOK, Fields: wire.Fields{{Name: "Content-Type", Value: "application/json; charset=utf-8"}}, Body: s.clientsJSON()}
	}
	return &wire.Response{Status: http.StatusOK, Fields: wire.Fields{{Name: "Content-Type", Value: "text/xml; charset=UTF-8"}}, Body: s.clientsXML()}
}

// jsonID is an identifier in the metaservices' JSON; absent parts are left out.
type jsonID struct {
	MemberClass   string `json:"member_class"`
	MemberCode    string `json:"member_code"`
	ObjectType    string `json:"object_type"`
	ServiceCode   string `json:"service_code,omitempty"`
	ServiceType   string `json:"service_type,omitempty"`
	SubsystemCode string `json:"subsystem_code,omitempty"`
	XRoadInstance string `json:"xroad_instance"`
}

type jsonEndpoint struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

func (s *Server) clientsJSON() []byte {
	type member struct {
		ID            jsonID `json:"id"`
		Name          string `json:"name"`
		SubsystemName string `json:"subsystem_name,omitempty"`
	}
	list := struct {
		Member []member `json:"member"`
	}{Member: []member{}}
	for _, v := range s.o.Subsystems {
		list.Member = append(list.Member, member{
			ID:   jsonID{MemberClass: v.ID.Class, MemberCode: v.ID.Member, ObjectType: v.ID.ObjectType(), SubsystemCode: v.ID.Subsystem, XRoadInstance: v.ID.Instance},
			Name: v.MemberName, SubsystemName: v.SubsystemName,
		})
	}
	data, _ := json.Marshal(list) // strings always marshal
	return data
}

func (s *Server) clientsXML() []byte {
	doc := etree.NewDocument()
	doc.CreateProcInst("xml", `version="1.0" encoding="UTF-8"`)
	root := doc.CreateElement("xrd:clientList")
	root.CreateAttr("xmlns:xrd", soap.NSXRoad)
	root.CreateAttr("xmlns:id", soap.NSIdentifiers)
	for _, v := range s.o.Subsystems {
		m := root.CreateElement("xrd:member")
		id := m.CreateElement("xrd:id")
		id.CreateAttr("id:objectType", v.ID.ObjectType())
		identifier(id, v.ID)
		m.CreateElement("xrd:name").SetText(v.MemberName)
		if v.SubsystemName != "" {
			m.CreateElement("xrd:subsystemName").SetText(v.SubsystemName)
		}
	}
	data, _ := doc.WriteToBytes() // a buffer takes every write
	return data
}

func identifier(e *etree.Element, id soap.ClientID) {
	for _, part := range []struct{ name, value string }{
		{"xRoadInstance", id.Instance}, {"memberClass", id.Class}, {"memberCode", id.Member}, {"subsystemCode", id.Subsystem},
	} {
		if part.value != "" {
			e.CreateElement("id:" + part.name).SetText(part.value)
		}
	}
}

// metaSOAP answers the metaservices listMethods, allowedMethods and getWsdl
// (PR-META 3, 4). They need a registered client and no right; the answer is nil
// for everything else.
func (s *Server) metaSOAP(ctx context.Context, req *soap.Message, sent []byte) (*soapAnswer, error) {
	h := req.Header
	var client *soap.ClientID
	switch h.Service.Code {
	case "listMethods":
	case "allowedMethods":
		client = &h.Client
	case "getWsdl":
		return s.getWSDL(ctx, req, sent)
	default:
		return nil, nil
	}
	body := etree.NewElement("xrd:" + h.Service.Code + "Response")
	body.CreateAttr("xmlns:xrd", soap.NSXRoad)
	body.CreateAttr("xmlns:id", soap.NSIdentifiers)
	for _, v := range s.offered(h.Service.Provider, false, client) {
		e := body.CreateElement("xrd:service")
		e.CreateAttr("id:objectType", "SERVICE")
		identifier(e, v.ID.Provider)
		e.CreateElement("id:serviceCode").SetText(v.ID.Code)
		if v.ID.Version != "" {
			e.CreateElement("id:serviceVersion").SetText(v.ID.Version)
		}
	}
	answer, err := soap.BuildAnswer(req, body)
	if err != nil {
		return nil, err
	}
	answer, err = withRequestHash(answer, soap.HashOf(sent))
	return plainAnswer(answer), err
}

// metaREST answers GET listMethods, allowedMethods and getOpenAPI (PR-MREST 4,
// 5); ok is false for everything else.
func (s *Server) metaREST(ctx context.Context, r *wire.Request, q restRequest) (*providerAnswer, bool, error) {
	if r.Method != http.MethodGet {
		return nil, false, nil
	}
	var client *soap.ClientID
	switch q.service.Code {
	case "listMethods":
	case "allowedMethods":
		client = &q.client
	case "getOpenAPI":
		a, err := s.getOpenAPI(ctx, q)
		return a, true, err
	default:
		return nil, false, nil
	}
	type service struct {
		jsonID
		EndpointList []jsonEndpoint `json:"endpoint_list"`
	}
	list := struct {
		Service []service `json:"service"`
	}{Service: []service{}}
	for _, v := range s.offered(q.service.Provider, true, client) {
		p, kind := v.ID.Provider, string(REST)
		if v.Kind == OpenAPI3 {
			kind = "OPENAPI"
		}
		one := service{
			jsonID:       jsonID{MemberClass: p.Class, MemberCode: p.Member, ObjectType: "SERVICE", ServiceCode: v.ID.Code, ServiceType: kind, SubsystemCode: p.Subsystem, XRoadInstance: p.Instance},
			EndpointList: []jsonEndpoint{},
		}
		for _, e := range v.Endpoints {
			one.EndpointList = append(one.EndpointList, jsonEndpoint{Method: e.Method, Path: e.Path})
		}
		list.Service = append(list.Service, one)
	}
	data, err := json.Marshal(list)
	if err != nil {
		return nil, true, err
	}
	return &providerAnswer{status: http.StatusOK, reason: "OK", fields: wire.Fields{{Name: "Content-Type", Value: "application/json"}}, body: data}, true, nil
}
