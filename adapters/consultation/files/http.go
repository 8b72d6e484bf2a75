package files

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Upload is what the header of a request says of the file in its body.
type Upload struct {
	Name      string // of Content-Disposition
	MediaType string // of Content-Type
	SHA256    []byte // of Content-Digest, nil without
}

// ReadUpload reads the header of a request whose body is a file: its type in
// Content-Type, its name as the filename of Content-Disposition (RFC 6266), where
// it stands in no log, and its hash in Content-Digest (RFC 9530). The errors are
// for the sender and hold nothing of the values.
func ReadUpload(h http.Header) (Upload, []error) {
	var u Upload
	var wrong []error
	u.MediaType = h.Get("Content-Type")
	if v := h.Get("Content-Disposition"); v != "" {
		_, params, err := mime.ParseMediaType(v)
		if err != nil {
			wrong = append(wrong, errors.New("Content-Disposition cannot be read"))
		}
		u.Name = params["filename"]
	}
	if v := h.Get("Content-Digest"); v != "" {
		for item := range strings.SplitSeq(v, ",") {
			algorithm, value, _ := strings.Cut(strings.TrimSpace(item), "=")
			if algorithm != "sha-256" {
				continue
			}
			sum, err := base64.StdEncoding.DecodeString(strings.Trim(value, ":"))
			if err != nil || len(sum) != 32 {
				wrong = append(wrong, errors.New("Content-Digest holds no SHA-256: sha-256=:…: is needed"))
			}
			u.SHA256 = sum
		}
		if u.SHA256 == nil && len(wrong) == 0 {
			wrong = append(wrong, errors.New("Content-Digest holds no SHA-256: sha-256=:…: is needed"))
		}
	}
	return u, wrong
}

// Serve sends a file, or the ranges that are asked for, so that no browser shows
// it or takes it for something else.
func (s *Store) Serve(w http.ResponseWriter, r *http.Request, name string, f File) {
	h := w.Header()
	h.Set("Content-Type", f.MediaType)
	h.Set("Content-Disposition", Disposition(name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, no-store")
	h.Set("ETag", `"`+hex.EncodeToString(f.SHA256)+`"`)
	h.Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(f.SHA256)+":")
	// By the machine's clock, as the connection goes; not every writer has one.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(Timeout(f.Size)))
	http.ServeContent(w, r, "", time.Time{}, s.Open(r.Context(), f))
}

// Disposition is a Content-Disposition for a safe name: in ASCII for those who
// know no better, and as it is (RFC 6266).
func Disposition(name string) string {
	name = SafeName(name)
	ascii := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' || r == '\\' {
			return '_'
		}
		return r
	}, name)
	v := `attachment; filename="` + ascii + `"`
	if ascii != name {
		v += "; filename*=UTF-8''" + strings.ReplaceAll(url.PathEscape(name), "'", "%27")
	}
	return v
}
