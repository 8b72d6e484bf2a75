package samples_test

import (
	"errors"
	"testing"

	"github.com/beevik/etree"

	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// tryClient makes the request of an answer with the hub's own client, where that
// can write the same header, and checks what it makes of the answer.
func (r *row) tryClient(t *testing.T, url string, req *soap.Message, expect string) {
	t.Helper()
	h := req.Header
	empty := func(name, value string) bool { return (h.Block(soap.NSXRoad, name) == nil) != (value == "") }
	if empty("userId", h.UserID) || empty("issue", h.Issue) || party(h) != "" || h.Block(soap.NSXRoad, "securityServer") != nil {
		return
	}
	client, err := xroad.New(xroad.Options{SecurityServer: url, Client: h.Client, NewID: func() string { return h.ID }})
	if err != nil {
		t.Fatal(err)
	}
	body := etree.NewElement("p:" + h.Service.Code)
	body.CreateAttr("xmlns:p", "urn:sample")
	a, err := client.Call(t.Context(), xroad.Call{Service: h.Service, Body: body, UserID: h.UserID, Issue: h.Issue})
	if expect != "" {
		wantCode(t, "the hub's client", expect, err)
		return
	}
	if err != nil {
		t.Errorf("the hub's client refuses the answer: %v", err)
		return
	}
	if a.Exchange.RequestHash == "" || a.Message.Header.ID != h.ID {
		t.Errorf("the hub's client got %+v", a.Exchange)
	}
}

// tryClientFault checks that the hub's client knows a provider's Fault as one.
func (r *row) tryClientFault(t *testing.T, url string, req *soap.Message, fault *soap.Fault) {
	t.Helper()
	client, err := xroad.New(xroad.Options{SecurityServer: url, Client: req.Header.Client})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Call(t.Context(), xroad.Call{Service: req.Header.Service, Body: etree.NewElement(req.Header.Service.Code)})
	failure, ok := errors.AsType[*soap.Failure](err)
	if !ok || failure.Raw != fault.Code {
		t.Errorf("the hub's client gives %v, want a Fault with code %s", err, fault.Code)
	}
}
