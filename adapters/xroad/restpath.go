package xroad

import (
	"errors"
	"net/url"
	"strings"

	"ristmik/soap"
)

// maxURL is how long path and query may be together (PR-REST 4.2).
const maxURL = 2000

// Errors of a path or query; they never quote it, since it may hold personal
// data.
var (
	errTooLong  = errors.New("path and query are longer than 2000 bytes, which X-Road advises against")
	errEncoding = errors.New("the path or query is not percent-encoded as RFC 3986 wants")
	errSegments = errors.New(`the path has an empty, "." or ".." segment, which Security Servers refuse`)
	errPathChar = errors.New("the path holds, percent-encoded, a character that Security Servers refuse in paths: put it into the query")
	errStart    = errors.New("the path does not begin with a slash")
	errVersion  = errors.New("a REST service has no version in its identifier: put the version into the path")
	errService  = errors.New(`the service identifier is not complete, or one of its parts is "." or ".."`)
)

// restPath joins service and path. The path is never decoded or cleaned: the
// bytes given are the bytes sent. Refused is only what a Security Server
// refuses as well, or what fails at the partner's whatever the rights are.
func restPath(s soap.ServiceID, path string) (string, error) {
	if s.Version != "" {
		return "", errVersion
	}
	for _, p := range []string{s.Provider.Instance, s.Provider.Class, s.Provider.Member, s.Provider.Subsystem, s.Code} {
		if strings.TrimSpace(p) == "" || p == "." || p == ".." {
			return "", errService
		}
	}
	full := "/r1/" + s.String() + path
	if path == "" {
		return full, nil
	}
	if path[0] != '/' {
		return "", errStart
	}
	if !encoded(path, "/") {
		return "", errEncoding
	}
	segments := strings.Split(path[1:], "/")
	for i, segment := range segments {
		v, err := url.PathUnescape(segment)
		if err != nil {
			return "", errEncoding
		}
		// A slash at the end is an empty last segment and is fine.
		if v == "." || v == ".." || v == "" && i < len(segments)-1 || strings.HasPrefix(v, "..;") {
			return "", errSegments
		}
		if strings.ContainsAny(v, " \"<>{}|\\^`[]%") || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r == 0x7F }) {
			return "", errPathChar
		}
	}
	return full, nil
}

func checkQuery(q string) error {
	if !encoded(q, "/?") {
		return errEncoding
	}
	return nil
}

// encoded tells whether s has only characters that may stand in a URL as they
// are, the ones in also, and well-formed percent sequences.
func encoded(s, also string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case strings.IndexByte("-._~!$&'()*+,;=:@", c) >= 0, strings.IndexByte(also, c) >= 0:
		case c == '%' && i+2 < len(s) && hex(s[i+1]) && hex(s[i+2]):
			i += 2
		default:
			return false
		}
	}
	return true
}

func hex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
