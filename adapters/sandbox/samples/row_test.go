package samples_test

import (
	"bytes"
	"mime"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ristmik/soap"
)

// row is one line of expected.tsv with the file that it is about.
type row struct {
	path, kind, exercises, verdict, words string
	data                                  []byte
	set                                   *set
}

// set is one folder of samples with its table, and the address of the hub's own
// service, on which they are tried.
type set struct {
	dir      string
	rows     []*row
	provider string
}

// load reads the table of a folder; columns are found by their names.
func load(t *testing.T, dir string) *set {
	t.Helper()
	table, err := os.ReadFile(filepath.Join(dir, "expected.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	s := &set{dir: dir}
	var column map[string]int
	for line := range strings.Lines(string(table)) {
		cells := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if column == nil {
			column = map[string]int{}
			for i, name := range cells {
				column[name] = i
			}
			continue
		}
		cell := func(name string) string {
			if i, ok := column[name]; ok && i < len(cells) {
				return strings.TrimSpace(cells[i])
			}
			return ""
		}
		r := &row{path: cell("path"), kind: cell("content_type_or_kind"), exercises: cell("exercises"), verdict: cell("verdict"), words: cell("expected"), set: s}
		if r.path == "" {
			continue
		}
		if r.data, err = os.ReadFile(filepath.Join(dir, filepath.FromSlash(r.path))); err != nil {
			t.Errorf("the table names a file that is not there: %v", err)
			continue
		}
		if r.words == "as above" && len(s.rows) > 0 {
			r.words = s.rows[len(s.rows)-1].words
		}
		r.unpack()
		s.rows = append(s.rows, r)
	}
	if len(s.rows) == 0 {
		t.Fatalf("the table of %s has no rows", dir)
	}
	return s
}

var (
	placeholder = regexp.MustCompile(`\{\{[^{}]*\}\}|\{([A-Za-z]+)\}`)
	versioned   = regexp.MustCompile(`(?i)protocolversion`)
)

// unpack makes a message of a recorded HTTP answer (its head becomes the
// Content-Type) and of a template (its placeholders are filled).
func (r *row) unpack() {
	if bytes.HasPrefix(r.data, []byte("HTTP/1.")) {
		head, body, ok := bytes.Cut(r.data, []byte("\r\n\r\n"))
		if !ok {
			head, body, ok = bytes.Cut(r.data, []byte("\n\n"))
		}
		for line := range strings.Lines(string(head)) {
			name, value, _ := strings.Cut(line, ":")
			if ok && strings.EqualFold(strings.TrimSpace(name), "Content-Type") {
				r.kind, r.data = strings.TrimSpace(value), body
			}
		}
	}
	if strings.EqualFold(r.kind, "template") {
		r.kind = "text/xml; charset=UTF-8"
		r.data = placeholder.ReplaceAllFunc(r.data, func(hole []byte) []byte {
			switch name := strings.Trim(string(hole), "{}. "); {
			case versioned.MatchString(name) && !strings.Contains(name, "service"):
				return []byte(soap.ProtocolVersion)
			case name == "requestBody":
				return []byte("<a/>")
			default:
				return []byte(name)
			}
		})
	}
}

func (r *row) folder() string { return filepath.ToSlash(filepath.Dir(r.path)) }
func (r *row) name() string   { return filepath.Base(r.path) }

// sibling is the row of a file in the same folder.
func (r *row) sibling(name string) *row {
	for _, other := range r.set.rows {
		if other.folder() == r.folder() && other.name() == name {
			return other
		}
	}
	return nil
}

var (
	separator  = regexp.MustCompile(`[-_. ]|query|answer|request|response`)
	mediaStart = regexp.MustCompile(`^(?i)(text/xml|multipart/[a-z]+|application/[a-z+.-]+)`)
	boundaryIn = regexp.MustCompile(`boundary[ =]"?([^";, )]+)"?`)
	namedFile  = regexp.MustCompile(`[A-Za-z0-9_.-]+\.(?:query|answer|xml|txt|json|wsdl|asice)\b`)
)

// stem is what the files of one exchange have in common in their names.
func (r *row) stem() string {
	return separator.ReplaceAllString(strings.ToLower(strings.TrimSuffix(r.name(), filepath.Ext(r.name()))), "")
}

// contentTypes are the Content-Types with which the file is sent; none when it
// is no SOAP message.
func (r *row) contentTypes() []string {
	var types []string
	for _, kind := range strings.Split(r.kind, " / ") {
		if t := r.contentType(kind); t != "" {
			types = append(types, t)
		}
	}
	return types
}

func (r *row) contentType(kind string) string {
	lower := strings.ToLower(kind)
	switch {
	case strings.HasPrefix(lower, "text/xml"):
		return kind
	case lower == "soap":
		return soap.ContentType
	case lower == "as request":
		for _, other := range r.set.rows {
			if other != r && other.folder() == r.folder() && other.stem() == r.stem() {
				return strings.Join(other.contentTypes(), "")
			}
		}
		return ""
	case !strings.HasPrefix(lower, "multipart"):
		return ""
	}
	if i := strings.Index(kind, " ("); i >= 0 { // words for people after the value
		kind = kind[:i]
	}
	media, params, err := mime.ParseMediaType(kind)
	if err == nil && params["boundary"] != "" && mediaStart.MatchString(kind) {
		// Some name the whole delimiter as the boundary.
		if first := r.delimiter(); first != "" && first != params["boundary"] && first == strings.TrimPrefix(params["boundary"], "--") && !strings.HasPrefix(r.verdict, "fault") {
			params["boundary"] = first
			return mime.FormatMediaType(media, params)
		}
		return kind
	}
	boundary := ""
	if m := boundaryIn.FindStringSubmatch(kind); m != nil {
		boundary = m[1]
	} else {
		boundary = r.delimiter()
	}
	if boundary == "" {
		return ""
	}
	params = map[string]string{"boundary": boundary, "type": "text/xml"}
	if strings.Contains(lower, "xop") {
		params["type"], params["start-info"] = "application/xop+xml", "text/xml"
	}
	return mime.FormatMediaType("multipart/related", params)
}

// delimiter is the boundary as the file's first line has it, or "".
func (r *row) delimiter() string {
	first, _, _ := bytes.Cut(bytes.TrimLeft(r.data, "\r\n"), []byte("\n"))
	if !bytes.HasPrefix(first, []byte("--")) {
		return ""
	}
	return strings.TrimSpace(string(first[2:]))
}

func multipart(contentType string) bool {
	return strings.HasPrefix(strings.ToLower(contentType), "multipart/")
}

// code is the code that the verdict names, in the spelling of 7.8 and in full;
// "" when it names none.
func (r *row) code() string {
	code, fault := strings.CutPrefix(r.verdict, "fault:")
	code = strings.TrimSpace(code)
	switch {
	case !fault:
		return ""
	case strings.HasPrefix(code, "service_failed."):
		return "server.serverproxy." + code
	case known(code):
		return "client." + strings.TrimPrefix(code, "client.")
	}
	return soap.Normalize(code)
}

// says tells whether the row's words about what it shows or what is expected
// hold any of these.
func (r *row) says(words ...string) bool {
	text := strings.ToLower(r.exercises + " | " + r.words)
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// role says how a SOAP message of the table travels.
type role int

const (
	unknownRole role = iota
	request
	answer
)

// role is told by the verdict's code, the name, what stands in the message, and
// last by the words.
func (r *row) role(m *soap.Message) role {
	code := r.code()
	switch {
	case strings.HasPrefix(code, "client."):
		return request
	case strings.Contains(code, "service_failed.") && !strings.HasSuffix(code, ".inconsistent_response"):
		return answer
	case strings.HasSuffix(r.name(), ".query"):
		return request
	case strings.HasSuffix(r.name(), ".answer"):
		return answer
	case m != nil && m.Fault != nil:
		return answer
	case m != nil && m.Body() != nil && m.Body().Tag == m.Header.Service.Code+"Response", m != nil && m.Header.RequestHash != "":
		return answer
	case m != nil && m.Body() != nil && strings.HasPrefix(m.Body().Tag, m.Header.Service.Code) && m.Header.Service.Code != "":
		return request
	}
	lower := strings.ToLower(r.name() + " " + r.exercises)
	switch {
	case strings.Contains(lower, "response"), strings.Contains(lower, "answer"):
		return answer
	case strings.Contains(lower, "request"), strings.Contains(lower, "query"):
		return request
	}
	return unknownRole
}
