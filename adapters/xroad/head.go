package xroad

import "bytes"

// headFields is what is needed of the head of an answer.
type headFields struct {
	status int
	length int64
	media  []byte // the Content-Type
	size   int    // of the head itself
}

// plainHead reads the head of an answer that lies in b as a whole and holds
// nothing that two readers could understand differently: HTTP/1.1, a final
// status with a body, one Content-Length and no other framing, a connection that
// is kept, lines that end with CR LF, names and values as RFC 9112 has them. It
// says no to everything else, also to what is right but rare.
func plainHead(b []byte) (h headFields, ok bool) {
	size := bytes.Index(b, []byte("\r\n\r\n"))
	if size < 0 {
		return h, false
	}
	h.size, h.length = size+4, -1
	line, rest := cutLine(b[:size+2])
	if len(line) < len("HTTP/1.1 200") || string(line[:9]) != "HTTP/1.1 " || len(line) > 12 && line[12] != ' ' {
		return h, false
	}
	for _, c := range line[9:12] {
		if c < '0' || c > '9' {
			return h, false
		}
		h.status = h.status*10 + int(c-'0')
	}
	if h.status < 200 || h.status > 599 || h.status == 204 || h.status == 304 {
		return h, false
	}
	for len(rest) > 0 {
		line, rest = cutLine(rest)
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 || !token(string(line[:colon])) {
			return h, false
		}
		value := bytes.Trim(line[colon+1:], " \t")
		for _, c := range value {
			if c < ' ' && c != '\t' || c == 0x7f {
				return h, false
			}
		}
		switch name := line[:colon]; {
		case sameName(name, "content-length"):
			if h.length >= 0 || len(value) == 0 || len(value) > 15 {
				return h, false
			}
			h.length = 0
			for _, c := range value {
				if c < '0' || c > '9' {
					return h, false
				}
				h.length = h.length*10 + int64(c-'0')
			}
		case sameName(name, "content-type"):
			if h.media != nil {
				return h, false
			}
			h.media = value
		case sameName(name, "transfer-encoding"), sameName(name, "connection") && !sameName(value, "keep-alive"), sameName(name, "trailer"):
			return h, false
		}
	}
	return h, h.length > 0
}

// cutLine cuts off the first line, which ends with CR LF.
func cutLine(b []byte) (line, rest []byte) {
	end := bytes.IndexByte(b, '\n')
	if end <= 0 || b[end-1] != '\r' {
		return nil, nil // a bare line feed: a line without a colon
	}
	return b[:end-1], b[end+1:]
}

// sameName compares with a name in lower case.
func sameName(b []byte, name string) bool {
	if len(b) != len(name) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != name[i] {
			return false
		}
	}
	return true
}
