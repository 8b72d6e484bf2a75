package securityserver

import (
	hash512 "crypto/sha512"
	"encoding/base64"
	"strconv"
	"strings"

	"ristmik/adapters/sandbox/wire"
)

// requestHash is the value of x-road-request-hash: SHA-512 over the request
// line and the kept header fields as the consumer side writes them, and where
// there is a body, SHA-512 over the two hashes joined (reference 7.8 behaviour;
// an empty body counts as none).
func requestHash(method, target string, fields wire.Fields, body []byte) string {
	sum := hash512.Sum512([]byte(method + "\r\n" + target + "\r\n" + fieldLines(fields)))
	if len(body) > 0 {
		bodySum := hash512.Sum512(body)
		sum = hash512.Sum512(append(sum[:], bodySum[:]...))
	}
	return base64.StdEncoding.EncodeToString(sum[:])
}

// ambiguous says that the HTTP layer of a Security Server would refuse the
// address with a bare 400 before X-Road sees it: dot segments in any encoding,
// empty segments, an encoded percent sign, control character or backslash.
func ambiguous(target string) bool {
	raw, _, _ := strings.Cut(target, "?")
	segments := strings.Split(raw, "/")
	for i, seg := range segments {
		if seg == "" && i > 0 && i < len(segments)-1 {
			return true
		}
		name, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(seg), "%2e", "."), ";")
		if name == "." || name == ".." {
			return true
		}
		for j := 0; j+2 < len(seg); j++ {
			if seg[j] != '%' {
				continue
			}
			c, err := strconv.ParseUint(seg[j+1:j+3], 16, 8)
			if err == nil && (c == '%' || c == '\\' || c < 0x20 || c == 0x7f) {
				return true
			}
		}
	}
	return false
}
