package securityserver

import (
	"net/http"
	"strings"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// Refuse answers a request with an error, in the form that its protocol has for
// one, whatever the checks would say: for those who make trouble on purpose. The
// code is written as it is given. The message goes into the list of exchanges as
// x tells about it.
func (s *Server) Refuse(r *wire.Request, x Exchange, code, message string) *wire.Response {
	refused := &refusal{code: code, message: message, spelled: true}
	x.Result, x.Started = code, s.o.Now()
	s.exchanges.add(x)
	if strings.HasPrefix(r.Target, "/r1/") {
		return s.restError(r, refused)
	}
	return &wire.Response{Status: http.StatusOK, Body: s.fault(refused), Fields: wire.Fields{
		{Name: "Content-Type", Value: "text/xml;charset=utf-8"}, {Name: "SOAPAction"},
	}}
}

// Spell writes an X-Road code, given in either spelling, in this one. A code
// that is none of X-Road's stays as it is.
func (s Spelling) Spell(code string) string {
	c := soap.Normalize(code)
	if strings.HasPrefix(c, "provider.") {
		return code
	}
	return s.write(&refusal{code: c})
}

// Spell writes a code of X-Road, given in either spelling, in that of the server.
func (s *Server) Spell(code string) string { return s.o.Spelling.Spell(code) }
