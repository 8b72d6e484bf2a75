package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/adapters/web"
)

// maxUploads bounds the files that come at one moment.
const maxUploads = 8

func (a *API) attachmentRoutes() []route {
	p := a.o.Procedure
	return []route{
		{"/v1/attachments/{id}", false, "GET, HEAD, PUT", map[string]http.HandlerFunc{"GET": a.sendAttachment, "PUT": a.takeAttachment}},
		{"/v1/consultations/{id}/attachments", false, "GET, HEAD, POST", map[string]http.HandlerFunc{
			"GET": func(w http.ResponseWriter, r *http.Request) {
				list, err := p.Attachments(r.Context(), a.o.Pool, r.PathValue("id"))
				a.show(w, r, map[string]any{"attachments": list}, err)
			},
			"POST": a.changes("Attaching", func(ctx context.Context, tx pgx.Tx, r *http.Request, tree any) (consultation.Consultation, error) {
				return p.AddAttachments(ctx, tx, r.PathValue("id"), texts(tree, "attachments"))
			}),
		}},
	}
}

// takeAttachment keeps a file under the id that the core gives it, so that a
// repetition changes nothing. How secret it is is said in the query, before a
// byte of it is read.
func (a *API) takeAttachment(w http.ResponseWriter, r *http.Request) {
	level := consultation.Classification(r.URL.Query().Get("classification"))
	if err := a.o.Procedure.Admit(level, "core", web.Caller(r.Context())); err != nil {
		a.fail(w, r, toldAs(err))
		return
	}
	u, wrong := files.ReadUpload(r.Header)
	if len(wrong) > 0 {
		a.fail(w, r, badParameter("Content", "format", errors.Join(wrong...).Error()+"."))
		return
	}
	select {
	case a.uploads <- struct{}{}:
		defer func() { <-a.uploads }()
	default:
		w.Header().Set("Retry-After", "5")
		web.WriteProblem(w, web.Problem{Type: web.TypeUnavailable, Status: http.StatusServiceUnavailable, Detail: "Too many files come at this moment; try again."})
		return
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(files.Timeout(max(r.ContentLength, a.files.Size))))
	f, err := a.files.Put(r.Context(), r.Body, u.MediaType, u.SHA256)
	if p, ok := errors.AsType[*files.Problem](err); ok {
		web.WriteProblem(w, FileProblem(p))
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var kept consultation.Attached
	err = pgx.BeginFunc(r.Context(), a.o.Pool, func(tx pgx.Tx) (err error) {
		kept, err = a.o.Procedure.Attach(r.Context(), tx, consultation.NewAttachment{
			ID: r.PathValue("id"), Name: u.Name, Classification: level, File: f,
		})
		return err
	})
	if err != nil {
		a.fail(w, r, toldAs(err))
		return
	}
	web.WriteJSON(w, http.StatusOK, kept)
}

// FileProblem is a file that is not taken, as a problem.
func FileProblem(p *files.Problem) web.Problem {
	out := web.Problem{
		Type: web.TypeValidation, Status: http.StatusUnprocessableEntity, Detail: "The file is not taken, and nothing of it was kept.",
		Errors: []web.FieldError{{Path: "body", Code: p.Code, Message: sentence(p.Message)}},
	}
	if p.Code == files.CodeTooLarge {
		out.Type, out.Status = web.TypeTooLarge, http.StatusRequestEntityTooLarge
	}
	return out
}

func (a *API) sendAttachment(w http.ResponseWriter, r *http.Request) {
	at, f, err := a.o.Procedure.FindAttachment(r.Context(), a.o.Pool, r.PathValue("id"))
	if errors.Is(err, consultation.ErrNotFound) {
		web.WriteProblem(w, web.Problem{Type: web.TypeNotFound, Status: http.StatusNotFound, Detail: "There is no such attachment."})
		return
	}
	if err != nil {
		a.fail(w, r, fmt.Errorf("finding an attachment: %w", err))
		return
	}
	a.files.Serve(w, r, at.Name, f)
}
