package authority

import (
	"net/http"
	"net/netip"
	"slices"

	"ristmik/adapters/web"
	"ristmik/soap"
)

// allowed tells whether the connection comes from the Security Server.
func (p *Provider) allowed(r *http.Request) bool {
	if p.o.Pinned != nil && !p.o.Pinned.Knows(r.TLS) {
		return false
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	addr := from.Addr().Unmap()
	if len(p.o.AllowFrom) == 0 {
		return p.o.Pinned != nil || addr.IsLoopback()
	}
	for _, prefix := range p.o.AllowFrom {
		if prefix.Contains(addr.WithZone("")) {
			return true
		}
	}
	return false
}

// mayCall tells whether client may call the service with this code, whatever
// its version (C-157). A member and its subsystems are different clients.
func (p *Provider) mayCall(client soap.ClientID, code string) bool {
	return slices.Contains(p.o.Callers[code], client)
}

// guarded lets only the Security Server through to a handler of the REST side.
func (p *Provider) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.allowed(r) {
			p.o.Log.WarnContext(r.Context(), "message refused", "door", doorREST, "code", codeNotSecurityServer, "remote", r.RemoteAddr)
			p.o.Observe(Observation{Door: doorREST, Result: resultRefused})
			web.WriteProblem(w, web.Problem{
				Type: web.TypeForbidden, Title: "Only the Security Server is served here", Status: http.StatusForbidden,
			})
			return
		}
		next(w, r)
	}
}
