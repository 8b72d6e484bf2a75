package securityserver

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap"
)

// asic answers GET /asic: the containers of the messages with an id, of one
// client or provider (UG-SIGDOC 2). Errors are plain text.
func (s *Server) asic(r *wire.Request, query string) *wire.Response {
	values, err := url.ParseQuery(query)
	if err != nil {
		return textPage(http.StatusBadRequest, err.Error())
	}
	requestOnly, responseOnly, unique := values.Has("requestOnly"), values.Has("responseOnly"), values.Has("unique")
	switch {
	case requestOnly && responseOnly:
		return textPage(http.StatusBadRequest, `Parameters "requestOnly" and "responseOnly" cannot be used at the same time.`)
	case unique && !requestOnly && !responseOnly:
		return textPage(http.StatusBadRequest, `Parameter "unique" not applicable without "requestOnly" or "responseOnly".`)
	}
	for _, name := range []string{"queryId", "xRoadInstance", "memberClass", "memberCode"} {
		if values.Get(name) == "" {
			return textPage(http.StatusBadRequest, fmt.Sprintf(`Parameter "%s"  must be specified.`, name))
		}
	}
	owner := soap.ClientID{Instance: values.Get("xRoadInstance"), Class: values.Get("memberClass"), Member: values.Get("memberCode"), Subsystem: values.Get("subsystemCode")}
	if err := s.client(owner, r); err != nil {
		refused := asRefusal(err)
		if strings.HasSuffix(refused.code, "ssl_authentication_failed") {
			return textPage(http.StatusUnauthorized, refused.message)
		}
		return textPage(http.StatusInternalServerError, refused.message)
	}
	id, now := values.Get("queryId"), s.o.Now()
	found := s.messages.find(id, owner, !responseOnly, !requestOnly)
	switch {
	case len(found) == 0:
		return textPage(http.StatusNotFound, "No signed documents found")
	case unique && len(found) > 1:
		return textPage(http.StatusInternalServerError, fmt.Sprintf("There are %d signed documents with this id", len(found)))
	}
	if !values.Has("force") {
		for _, m := range found {
			if now.Before(m.logged.Add(s.o.TimestampAfter)) {
				return textPage(http.StatusInternalServerError, "Message signature has not been timestamped yet!")
			}
		}
	}
	own, err := s.o.Certificate()
	if err != nil {
		return textPage(http.StatusInternalServerError, err.Error())
	}
	name := url.QueryEscape(id)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, m := range found {
		container, err := m.container(own)
		if err != nil {
			return textPage(http.StatusInternalServerError, err.Error())
		}
		if unique {
			return attached("application/vnd.etsi.asic-e+zip", fmt.Sprintf("%s-%s.asice", name, m.kind()), container)
		}
		if err := stored(z, fmt.Sprintf("%s-%s-%d.asice", name, m.kind(), m.number), container); err != nil {
			return textPage(http.StatusInternalServerError, err.Error())
		}
	}
	if err := z.Close(); err != nil {
		return textPage(http.StatusInternalServerError, err.Error())
	}
	switch {
	case requestOnly:
		name += "-request"
	case responseOnly:
		name += "-response"
	}
	return attached("application/zip", name+".zip", out.Bytes())
}

// verificationConf answers GET /verificationconf: what the offline verifier
// needs to know of the instance (UG-SIGDOC 3).
func (s *Server) verificationConf() *wire.Response {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	folder := "verificationconf/" + s.o.Instance + "/"
	metadata := fmt.Sprintf(`{"contentIdentifier":"SHARED-PARAMETERS","instanceIdentifier":%q,"contentFileName":"shared-params.xml","expirationDate":%q,"configurationVersion":"3"}`,
		s.o.Instance, s.o.Now().Add(10*time.Minute).UTC().Format(time.RFC3339))
	for _, f := range []struct {
		name string
		data []byte
	}{
		{folder + "shared-params.xml", s.sharedParameters()},
		{folder + "shared-params.xml.metadata", []byte(metadata)},
		{"verificationconf/instance-identifier", []byte(s.o.Instance)},
	} {
		if err := stored(z, f.name, f.data); err != nil {
			return textPage(http.StatusInternalServerError, err.Error())
		}
	}
	if err := z.Close(); err != nil {
		return textPage(http.StatusInternalServerError, err.Error())
	}
	return &wire.Response{Status: http.StatusOK, Body: out.Bytes(), Fields: wire.Fields{
		{Name: "Content-Type", Value: "application/zip"}, {Name: "Content-Disposition", Value: `filename="verificationconf.zip"`},
	}}
}

// stored puts a file into an archive without compressing it.
func stored(z *zip.Writer, name string, data []byte) error {
	w, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

func attached(contentType, name string, data []byte) *wire.Response {
	return &wire.Response{Status: http.StatusOK, Body: data, Fields: wire.Fields{
		{Name: "Content-Type", Value: contentType}, {Name: "Content-Disposition", Value: fmt.Sprintf("attachment; filename=%q", name)},
	}}
}

func textPage(status int, text string) *wire.Response {
	return &wire.Response{Status: status, Body: []byte(text), Fields: wire.Fields{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}}}
}
