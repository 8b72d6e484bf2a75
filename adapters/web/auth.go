package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// minTokenLength is the shortest token that a file of tokens may hold, in
// bytes: 16 random bytes in base64 are longer.
const minTokenLength = 20

// Token lets one caller in. Only the token's hash is kept in memory.
type Token struct {
	// Name says who it is, in the log and in records.
	Name string
	hash [sha256.Size]byte
}

// NewToken returns the token of that name whose text is secret.
func NewToken(name, secret string) Token {
	return Token{Name: name, hash: sha256.Sum256([]byte(secret))}
}

// ParseTokens reads a file of tokens: a "name token" pair on each line; empty
// lines and those that start with # do not count. The error names all wrong
// lines by number, never by text.
func ParseTokens(data []byte) ([]Token, error) {
	var (
		tokens []Token
		errs   []error
		names  = make(map[string]bool)
	)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		case len(fields) != 2:
			errs = append(errs, fmt.Errorf("line %d: not a name and a token", n))
		case len(fields[1]) < minTokenLength:
			errs = append(errs, fmt.Errorf("line %d: the token is shorter than %d characters", n, minTokenLength))
		case names[fields[0]]:
			errs = append(errs, fmt.Errorf("line %d: the name has a token already", n))
		default:
			names[fields[0]] = true
			tokens = append(tokens, NewToken(fields[0], fields[1]))
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, err)
	}
	if len(errs) == 0 && len(tokens) == 0 {
		errs = append(errs, errors.New("no tokens"))
	}
	return tokens, errors.Join(errs...)
}

type callerKey struct{}

// Caller is the name of the token that the request came with, or "".
func Caller(ctx context.Context) string {
	name, _ := ctx.Value(callerKey{}).(string)
	return name
}

// Bearer lets requests to next that carry one of the tokens: as a bearer token
// (RFC 6750), or as the password of HTTP Basic with any user name, so that a
// browser can open the console. All others get 401. With no tokens nobody
// comes in. next learns the name by [Caller].
func Bearer(tokens []Token, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, ok := match(tokens, secretOf(r))
		if !ok {
			w.Header().Add("WWW-Authenticate", `Bearer realm="ristmik"`)
			w.Header().Add("WWW-Authenticate", `Basic realm="ristmik", charset="UTF-8"`)
			WriteProblem(w, Problem{Type: TypeUnauthorized, Status: http.StatusUnauthorized, Detail: "A token is needed."})
			return
		}
		known := r.WithContext(context.WithValue(r.Context(), callerKey{}, name))
		defer func() { r.Pattern = known.Pattern }() // for LogRequests outside
		next.ServeHTTP(w, known)
	})
}

func secretOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// match compares with every token in the same time, whichever fits.
func match(tokens []Token, secret string) (name string, ok bool) {
	hash := sha256.Sum256([]byte(secret))
	for _, t := range tokens {
		if subtle.ConstantTimeCompare(hash[:], t.hash[:]) == 1 {
			name, ok = t.Name, secret != ""
		}
	}
	return name, ok
}

// AllowFrom lets requests to next that come over a connection from one of the
// prefixes; all others get 403. Headers such as X-Forwarded-For do not count:
// anybody can write them.
func AllowFrom(prefixes []netip.Prefix, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err == nil {
			addr := peer.Addr().Unmap().WithZone("")
			for _, p := range prefixes {
				if p.Contains(addr) {
					next.ServeHTTP(w, r)
					return
				}
			}
		}
		WriteProblem(w, Problem{Type: TypeForbidden, Status: http.StatusForbidden, Detail: "This address may not call here."})
	})
}

// SameOrigin refuses (403) what a page of another site makes a browser send:
// every unsafe request whose Sec-Fetch-Site or Origin header says so. Programs,
// which send neither header, pass.
func SameOrigin(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteProblem(w, Problem{Type: TypeCrossOrigin, Status: http.StatusForbidden, Detail: "The request comes from another site."})
	}))
	return guard.Handler(next)
}

// LocalHost refuses (421) requests whose Host is not a name of this machine.
// It belongs in front of a loopback listener without authentication: a page of
// any site can point a name of its own at 127.0.0.1 and would then be of the
// same origin.
func LocalHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if !isLoopback(strings.Trim(host, "[]")) {
			WriteProblem(w, Problem{Type: TypeWrongHost, Status: http.StatusMisdirectedRequest, Detail: "This listener answers to localhost only."})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// RequireLoopbackOrAuth refuses a listener that other machines can reach and
// that asks nobody who they are. An address without a host, such as ":8080",
// listens everywhere; of names only localhost is taken for this machine.
func RequireLoopbackOrAuth(addr string, authConfigured bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("listener address %q is not host:port: %w", addr, err)
	}
	if authConfigured || isLoopback(host) {
		return nil
	}
	return fmt.Errorf("listener address %q can be reached from other machines and has no authentication: set tokens_file (or allow_from), or listen on 127.0.0.1", addr)
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
