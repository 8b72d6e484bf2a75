package authority

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/web"
	"ristmik/soap"
)

// maxUploads bounds the files that come at one moment.
const maxUploads = 8

// serveAttachment takes a file for a question, or sends one of it. A file is
// put under an id of the authority's own choice, so that a repetition changes
// nothing, and named in the answer or the question back that it belongs to.
func (p *Provider) serveAttachment(w http.ResponseWriter, r *http.Request) {
	started := p.o.Now()
	observe := func(result string) {
		p.o.Observe(Observation{Door: doorREST, Result: result, Took: p.o.Now().Sub(started)})
	}
	if r.Method != http.MethodPut && r.Method != http.MethodGet && r.Method != http.MethodHead {
		p.logRefused(r.Context(), doorREST, refuse("method", ""), nil, p.o.NewID())
		wrongMethod(w, "GET, HEAD, PUT")
		observe(resultRefused)
		return
	}
	from, problem, err := p.attachment(w, r)
	switch {
	case err != nil:
		correlation := p.o.NewID()
		p.logFailed(r.Context(), doorREST, err, correlation)
		web.WriteProblem(w, web.Problem{
			Type: web.TypeInternal, Title: "The message could not be handled", Status: http.StatusInternalServerError, Detail: "Ask with this id: " + correlation,
		})
		observe(resultFailed)
	case problem != nil:
		var msg *soap.Message
		if from != nil {
			msg = &soap.Message{Header: soap.Header{Client: from.client, ID: from.messageID}}
		}
		why := refuse(codeOf(*problem), "")
		hidden, unknown := p.o.Procedure.IsHidden(r.Context(), p.o.Pool, straight(r.PathValue("id")))
		why.Hidden = hidden || unknown != nil
		p.logRefused(r.Context(), doorREST, why, msg, p.o.NewID())
		web.WriteProblem(w, *problem)
		observe(resultRefused)
	case r.Method == http.MethodPut:
		observe(string(consultation.StatusAccepted))
	default:
		observe(resultRead)
	}
}

// codeOf is what the log says of a problem.
func codeOf(p web.Problem) string {
	if len(p.Errors) > 0 {
		return p.Errors[0].Code
	}
	return fmt.Sprint(p.Status)
}

// attachment answers a request that is in order; otherwise it returns why not.
func (p *Provider) attachment(w http.ResponseWriter, r *http.Request) (*caller, *web.Problem, error) {
	from, wrong := p.callerOf(r.Header)
	if len(wrong) > 0 {
		return nil, &web.Problem{Type: web.TypeMalformed, Title: "The X-Road header fields are not in order", Status: http.StatusBadRequest, Errors: wrong}, nil
	}
	if !p.mayCall(from.client, p.o.RESTService) {
		return &from, &web.Problem{Type: web.TypeForbidden, Title: "The client may not call this service", Status: http.StatusForbidden}, nil
	}
	leg, id := straight(r.PathValue("id")), straight(r.PathValue("attachment"))
	var err error
	if r.Method == http.MethodPut {
		var kept consultation.Attached
		if kept, err = p.takeFile(w, r, from, leg, id); err == nil {
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_ = json.NewEncoder(w).Encode(kept) // a caller who has gone needs no answer
		}
	} else {
		var at consultation.Attached
		var f files.File
		if at, f, err = p.o.Procedure.AttachmentFor(r.Context(), p.o.Pool, from.client, leg, id); err == nil {
			p.files.Serve(w, r, at.Name, f)
		}
	}
	if err == nil {
		return &from, nil, nil
	}
	if why, ok := refusalOf(err); ok {
		problem := problemOf(why)
		return &from, &problem, nil
	}
	if f, ok := errors.AsType[*files.Problem](err); ok {
		return &from, fileProblem(f), nil
	}
	if problem, ok := later(w, err); ok {
		return &from, problem, nil
	}
	return &from, nil, err
}

func fileProblem(f *files.Problem) *web.Problem {
	problem := &web.Problem{
		Type: web.TypeValidation, Title: "The file is not taken, and nothing of it was kept", Status: http.StatusUnprocessableEntity,
		Errors: []web.FieldError{{Path: "body", Code: f.Code, Message: f.Message}},
	}
	if f.Code == files.CodeTooLarge {
		problem.Type, problem.Status = web.TypeTooLarge, http.StatusRequestEntityTooLarge
	}
	return problem
}

// unavailable says that what is wanted cannot be done now, but later.
type unavailable string

func (u unavailable) Error() string { return string(u) }

const errBusy = unavailable("too many files come at this moment; try again")

// later is how a caller is told to try again.
func later(w http.ResponseWriter, err error) (*web.Problem, bool) {
	why, ok := errors.AsType[unavailable](err)
	if !ok {
		return nil, false
	}
	w.Header().Set("Retry-After", "5")
	return &web.Problem{Type: web.TypeUnavailable, Title: why.Error(), Status: http.StatusServiceUnavailable}, true
}

// takeFile keeps the body as an attachment of a question. How secret it is is
// said in the query; that and whose question it is are looked at before a byte is read.
func (p *Provider) takeFile(w http.ResponseWriter, r *http.Request, from caller, leg, id string) (consultation.Attached, error) {
	level := consultation.Classification(r.URL.Query().Get("classification"))
	if err := p.o.Procedure.Admit(level, doorREST, from.client.String()); err != nil {
		return consultation.Attached{}, err
	}
	if err := p.o.Procedure.MayAttach(r.Context(), p.o.Pool, from.client, leg); err != nil {
		return consultation.Attached{}, err
	}
	u, wrong := files.ReadUpload(r.Header)
	if len(wrong) > 0 {
		return consultation.Attached{}, &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: []consultation.Violation{
			{Path: "Content", Code: "format", Message: errors.Join(wrong...).Error()},
		}}
	}
	select {
	case p.uploads <- struct{}{}:
		defer func() { <-p.uploads }()
	default:
		return consultation.Attached{}, errBusy
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(files.Timeout(max(r.ContentLength, p.files.Size))))
	f, err := p.files.Put(r.Context(), r.Body, u.MediaType, u.SHA256)
	if err != nil {
		return consultation.Attached{}, err
	}
	return p.attach(r.Context(), consultation.NewAttachment{ID: id, LegID: leg, Name: u.Name, Classification: level, File: f})
}

// attach stores an attachment in a transaction of its own.
func (p *Provider) attach(ctx context.Context, n consultation.NewAttachment) (kept consultation.Attached, err error) {
	err = pgx.BeginFunc(ctx, p.o.Pool, func(tx pgx.Tx) (err error) {
		kept, err = p.o.Procedure.Attach(ctx, tx, n)
		return err
	})
	return kept, err
}
