package authority

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/xroad"
	"ristmik/soap"
)

// Offers are the services at which authorities offer files that they name in
// answers and questions back. Nothing else is ever fetched.
type Offers struct {
	// XRoad calls them; it tells nobody, since a question may be hidden.
	XRoad *xroad.Client
	// Services are those of subsystems, of their own.
	Services map[soap.ClientID]soap.ServiceID
}

// reference is a file that is named by where it is fetched, in the place of the id
// of one that was put.
type reference struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Href   string `json:"href"` // below the address of the authority's service
}

// fetchNamed fetches the files that a body, which is in order, names by reference,
// and leaves their ids in it.
func (p *Provider) fetchNamed(ctx context.Context, from caller, leg string, body []byte) ([]byte, *sentFiles, error) {
	var content map[string]json.RawMessage
	if err := json.Unmarshal(body, &content); err != nil {
		return nil, nil, fmt.Errorf("reading a body that was valid: %w", err)
	}
	var list []json.RawMessage
	if text, ok := content["attachments"]; !ok || json.Unmarshal(text, &list) != nil {
		return body, nil, nil
	}
	var level consultation.Classification
	if text, ok := content["classification"]; ok {
		_ = json.Unmarshal(text, &level) // the schema has found it a text
	}
	sent := &sentFiles{leg: straight(leg), level: level}
	ids := make([]string, len(list))
	hrefs := map[*sentFile]string{}
	for i, item := range list {
		if json.Unmarshal(item, &ids[i]) == nil {
			continue
		}
		var r reference
		if err := json.Unmarshal(item, &r); err != nil {
			return nil, nil, fmt.Errorf("reading a reference that was valid: %w", err)
		}
		f := &sentFile{path: fmt.Sprintf("/attachments/%d", i), id: straight(r.ID), name: r.Name}
		f.sum, _ = hex.DecodeString(r.SHA256) // the schema has found it one
		ids[i], hrefs[f] = f.id, r.Href
		sent.list = append(sent.list, f)
	}
	if len(sent.list) == 0 {
		return body, nil, nil
	}
	err := consultation.CheckAttachments(ids)
	if err == nil {
		err = p.fetchAll(ctx, from, sent, hrefs)
	}
	if err != nil {
		return nil, nil, p.aboutLeg(ctx, sent.leg, err)
	}
	content["attachments"], _ = json.Marshal(ids) // texts always marshal
	if body, err = json.Marshal(content); err != nil {
		return nil, nil, fmt.Errorf("writing a body: %w", err)
	}
	return body, sent, nil
}

// fetchAll fetches the files of a list that are not there yet.
func (p *Provider) fetchAll(ctx context.Context, from caller, sent *sentFiles, hrefs map[*sentFile]string) error {
	if err := p.o.Procedure.MayAttach(ctx, p.o.Pool, from.client, sent.leg); err != nil {
		return err
	}
	service, allowed := p.o.Offers.Services[from.client]
	if !allowed {
		return wrongFile(sent.list[0], "attachment.not_fetched", "nothing is fetched from this authority: put the file, and name it by its id")
	}
	select {
	case p.uploads <- struct{}{}:
		defer func() { <-p.uploads }()
	default:
		return errBusy
	}
	var missing []*sentFile
	for _, f := range sent.list {
		at, _, err := p.o.Procedure.AttachmentFor(ctx, p.o.Pool, from.client, sent.leg, f.id)
		if _, refused := refusalOf(err); err != nil && !refused {
			return err
		}
		if err == nil && at.SHA256 == hex.EncodeToString(f.sum) {
			continue // it was fetched when this was said before
		}
		if err := p.fetchOne(ctx, service, f, hrefs[f]); err != nil {
			return err
		}
		missing = append(missing, f)
	}
	sent.list = missing
	return nil
}

// fetchOne fetches a file through the Security Server, and keeps it.
func (p *Provider) fetchOne(ctx context.Context, service soap.ServiceID, f *sentFile, href string) error {
	limit := p.files.Limit()
	answer, err := p.o.Offers.XRoad.OpenREST(ctx, xroad.RESTCall{
		Service: service, Method: http.MethodGet, Path: href, Header: http.Header{"Accept": {"*/*"}}, Timeout: files.Timeout(limit), MaxAnswer: limit + 1,
	})
	if failure, ok := errors.AsType[*soap.Failure](err); ok && failure.Kind == soap.KindFixData {
		return wrongFile(f, "format", "href is no path of a service")
	}
	if err != nil {
		return unavailable("the file could not be fetched; say it again later")
	}
	defer answer.Body.Close()
	if answer.Status != http.StatusOK {
		return wrongFile(f, "attachment.not_fetched", fmt.Sprintf("the service answered %d", answer.Status))
	}
	body := &noting{from: answer.Body}
	kept, err := p.files.Put(ctx, body, answer.Header.Get("Content-Type"), f.sum)
	if body.err != nil {
		if failure, ok := errors.AsType[*soap.Failure](body.err); !ok || failure.Kind != soap.KindFixData {
			return unavailable("the file could not be fetched; say it again later")
		}
	}
	if problem, ok := errors.AsType[*files.Problem](err); ok {
		return wrongFile(f, problem.Code, problem.Message)
	}
	f.file = kept
	return err
}
