package securityserver

import (
	"errors"
	"fmt"
	"strings"
)

// refusal is an error made by the Security Server itself, with its code in the
// spelling of 7.8.
type refusal struct {
	code, message string
	// literal codes are somebody else's and keep their spelling from that length on.
	literal int
	// spelled codes are written as they are.
	spelled bool
}

func (r *refusal) Error() string { return r.code + ": " + r.message }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code: code, message: fmt.Sprintf(format, args...)}
}

// asRefusal turns any error into one that can be told to a client.
func asRefusal(err error) *refusal {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r
	}
	return refuse("server.clientproxy.internal_error", "%v", err)
}

// Spelling is how error codes are written: until X-Road 7.7 in camel case, from
// 7.8 on in lower case with underscores.
type Spelling string

// The two spellings.
const (
	Spelling77 Spelling = "7.7"
	Spelling78 Spelling = "7.8"
)

// Allowed lists the values a configuration may hold.
func (Spelling) Allowed() []string { return []string{string(Spelling77), string(Spelling78)} }

// write spells the code of a refusal.
func (s Spelling) write(r *refusal) string {
	if s != Spelling77 || r.spelled {
		return r.code
	}
	code, rest := r.code, ""
	if r.literal > 0 {
		code, rest = r.code[:r.literal], r.code[r.literal:]
	}
	parts := strings.Split(code, ".")
	for i, p := range parts {
		parts[i] = camel(p)
	}
	return strings.Join(parts, ".") + rest
}

// camel writes one part of a code as 7.7 did. Four codes differ by more than
// their letters.
func camel(part string) string {
	switch part {
	case "clientproxy":
		return "ClientProxy"
	case "serverproxy":
		return "ServerProxy"
	case "io_error":
		return "IOError"
	case "hsm_non_operational":
		return "HSMNonOperational"
	case "global_conf_outdated":
		return "OutdatedGlobalConf"
	case "unknown_host":
		return "NetworkError"
	}
	words := strings.Split(part, "_")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, "")
}
