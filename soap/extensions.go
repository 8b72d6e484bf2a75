package soap

import (
	"fmt"
	"io"
	"log/slog"
)

// TokenTypeJWT is the type of a security token that is a JWT (PR-SECTOKEN 2.2).
const TokenTypeJWT = "urn:ietf:params:oauth:token-type:jwt"

// RepresentedParty is the party for which the client acts (PR-THIRDPARTY 2).
// Class may be empty, Code may not.
type RepresentedParty struct{ Class, Code string }

// ServerID names a Security Server: its owner, a member, and the server's code
// (PR-TARGETSS 2.2). Values compare exactly.
type ServerID struct{ Instance, Class, Member, Code string }

// ParseServerID reads the path form instance/class/member/server, as it stands
// in X-Road-Security-Server; parts are decoded as in ParseClientID.
func ParseServerID(s string) (ServerID, error) {
	p, err := parts(s)
	if err != nil {
		return ServerID{}, fmt.Errorf("server identifier: %w", err)
	}
	if len(p) != 4 {
		return ServerID{}, fmt.Errorf("server identifier: has %d parts; allowed is instance/class/member/server", len(p))
	}
	return ServerID{p[0], p[1], p[2], p[3]}, nil
}

// String returns the path form with every part percent-encoded (PR-REST 4.3).
func (s ServerID) String() string { return join(true, s.Instance, s.Class, s.Member, s.Code) }

// LogForm returns the form that Security Servers write in logs and faults,
// such as "SERVER:EE/GOV/70008747/ss1"; parts are not encoded.
func (s ServerID) LogForm() string {
	return ObjectServer + ":" + join(false, s.Instance, s.Class, s.Member, s.Code)
}

// SecurityToken is a token of the end user (PR-SECTOKEN 2.2). It is a secret:
// whatever prints or logs it gets its type only, as PR-SECTOKEN 3 asks.
type SecurityToken struct{ Type, Value string }

const masked = "***"

// Format writes the token without its value, whatever the verb is.
func (t SecurityToken) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, "{"+t.Type+" "+masked+"}")
}

// LogValue returns the token without its value.
func (t SecurityToken) LogValue() slog.Value {
	return slog.GroupValue(slog.String("type", t.Type), slog.String("value", masked))
}

// MarshalText returns the token without its value, so that no encoder of
// structures writes it.
func (t SecurityToken) MarshalText() ([]byte, error) { return []byte(t.Type + " " + masked), nil }

// LogValue returns what may stand in a log: who calls what under which id.
// Persons, cases and tokens are left out.
func (h Header) LogValue() slog.Value {
	return slog.GroupValue(slog.String("client", h.Client.String()),
		slog.String("service", h.Service.String()), slog.String("id", h.ID))
}
