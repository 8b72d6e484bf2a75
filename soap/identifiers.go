package soap

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Object types of identifiers (PR-MESS 2.1, Annex A).
const (
	ObjectMember    = "MEMBER"
	ObjectSubsystem = "SUBSYSTEM"
	ObjectService   = "SERVICE"
	ObjectServer    = "SERVER"
)

// ClientID names a member or, with Subsystem set, one of its subsystems. The
// two are different clients: rights of one are not rights of the other. Values
// compare exactly, without trimming or case folding, so == is the comparison.
type ClientID struct{ Instance, Class, Member, Subsystem string }

// ServiceID names a service of a provider. An empty Version is a service
// registered without a version, which is another service than any version.
type ServiceID struct {
	Provider      ClientID
	Code, Version string
}

// ParseClientID reads the path form, such as "EE/GOV/70008747/ristmik": three
// or four parts separated by "/". Each part is percent-decoded once, after
// splitting, so that "%2F" is a slash inside a part (PR-REST 4.2). The error
// says what is allowed.
func ParseClientID(s string) (ClientID, error) {
	p, err := parts(s)
	if err != nil {
		return ClientID{}, fmt.Errorf("client identifier: %w", err)
	}
	switch len(p) {
	case 3:
		return ClientID{p[0], p[1], p[2], ""}, nil
	case 4:
		return ClientID{p[0], p[1], p[2], p[3]}, nil
	}
	return ClientID{}, fmt.Errorf("client identifier: has %d parts; allowed are instance/class/member and instance/class/member/subsystem", len(p))
}

// ParseServiceID reads the path form instance/class/member/subsystem/service
// with an optional version as the sixth part; parts are decoded as in
// ParseClientID. A service of a bare member has no path form (PR-REST 4.1 and
// the implementation need the subsystem).
func ParseServiceID(s string) (ServiceID, error) {
	p, err := parts(s)
	if err != nil {
		return ServiceID{}, fmt.Errorf("service identifier: %w", err)
	}
	if len(p) != 5 && len(p) != 6 {
		return ServiceID{}, fmt.Errorf("service identifier: has %d parts; allowed are instance/class/member/subsystem/service and the same with /version", len(p))
	}
	id := ServiceID{Provider: ClientID{p[0], p[1], p[2], p[3]}, Code: p[4]}
	if len(p) == 6 {
		id.Version = p[5]
	}
	return id, nil
}

// String returns the path form with every part percent-encoded, as it stands
// in X-Road-Client.
func (c ClientID) String() string { return join(true, c.Instance, c.Class, c.Member, c.Subsystem) }

// LogForm returns the form that Security Servers write in logs and faults,
// such as "SUBSYSTEM:EE/GOV/70008747/ristmik"; parts are not encoded.
func (c ClientID) LogForm() string {
	return c.ObjectType() + ":" + join(false, c.Instance, c.Class, c.Member, c.Subsystem)
}

// ObjectType returns SUBSYSTEM when there is a subsystem and MEMBER otherwise.
func (c ClientID) ObjectType() string {
	if c.Subsystem == "" {
		return ObjectMember
	}
	return ObjectSubsystem
}

// IsZero tells whether nothing is set.
func (c ClientID) IsZero() bool { return c == ClientID{} }

// String returns the path form with every part percent-encoded.
func (s ServiceID) String() string {
	p := s.Provider
	return join(true, p.Instance, p.Class, p.Member, p.Subsystem, s.Code, s.Version)
}

// LogForm returns the form that Security Servers write in logs and faults,
// such as "SERVICE:EE/GOV/70000349/tor/TORIK/v2"; parts are not encoded.
func (s ServiceID) LogForm() string {
	p := s.Provider
	return ObjectService + ":" + join(false, p.Instance, p.Class, p.Member, p.Subsystem, s.Code, s.Version)
}

// IsZero tells whether nothing is set.
func (s ServiceID) IsZero() bool { return s == ServiceID{} }

// join leaves out empty fields, because absent components are never written.
func join(escaped bool, fields ...string) string {
	var room [128]byte
	out := room[:0]
	for _, f := range fields {
		switch {
		case f == "":
			continue
		case len(out) > 0:
			out = append(out, '/')
		}
		if escaped {
			out = appendPart(out, f)
		} else {
			out = append(out, f...)
		}
	}
	return string(out)
}

// parts splits the path form and decodes each part once.
func parts(s string) ([]string, error) {
	raw := strings.Split(s, "/")
	for i, r := range raw {
		v, err := unescapePart(r)
		if err != nil {
			return nil, fmt.Errorf("part %d: %w", i+1, err)
		}
		raw[i] = v
	}
	return raw, nil
}

const upperHex = "0123456789ABCDEF"

// appendPart is the path segment escaper of PR-REST 4.2: unreserved,
// sub-delims, ":" and "@" stay, every other byte becomes %XX.
func appendPart(out []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; rawInPart(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return out
}

func unescapePart(s string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' {
			if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
				return "", fmt.Errorf("a broken percent sequence; allowed is %% followed by two hexadecimal digits")
			}
			c = byte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
		} else if !rawInPart(c) {
			return "", fmt.Errorf("a character that must be percent-encoded; allowed as they are: letters A-Z a-z, digits and -._~!$&'()*+,;=:@")
		}
		b.WriteByte(c)
	}
	v := b.String()
	if strings.TrimSpace(v) == "" {
		return "", fmt.Errorf("is blank; allowed is at least one character that is not white space")
	}
	if !utf8.ValidString(v) || !legal(v) || strings.ContainsFunc(v, unicode.IsControl) {
		return "", fmt.Errorf("not text; allowed is UTF-8 without control characters")
	}
	return v, nil
}

// rawInPart tells whether c may stand unencoded in a path segment (RFC 3986,
// pchar without the percent sign).
func rawInPart(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	}
	return strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
