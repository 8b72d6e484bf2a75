package authority

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// sentFile is a file that a message brings, by SwA or MTOM, or in its text.
type sentFile struct {
	path     string // of its element in the answer or question
	id, name string
	sum      []byte // that it shall have, nil for any
	ref      string // to the attachment, "" for none
	text     string // the content in base64
	file     files.File
}

// sentFiles are those of one answer or question back.
type sentFiles struct {
	leg   string
	level consultation.Classification
	list  []*sentFile
	err   error // why none is taken
}

// decode reads the content of a message. What its MTOM includes becomes a
// reference, as SwA has it.
func decode(op *contract.Operation, msg *soap.Message, multipart bool) (map[string]any, error) {
	if multipart && soap.ReferBy(msg.Body(), "content", "contentRef") {
		return mapping.Decode(op.Input, msg.Body())
	}
	return mapping.DecodeMessage(op.Input, msg)
}

// takeOut takes the files out of a message, one list for each answer, and leaves
// their ids, as messages in JSON have them.
func (p *Provider) takeOut(content map[string]any) []*sentFiles {
	request, _ := content["request"].(map[string]any)
	answers, batch := request["answer"].([]any)
	if !batch {
		return []*sentFiles{p.takeOutOf(request)}
	}
	list := make([]*sentFiles, len(answers))
	for i, a := range answers {
		answer, _ := a.(map[string]any)
		list[i] = p.takeOutOf(answer)
	}
	return list
}

func (p *Provider) takeOutOf(owner map[string]any) *sentFiles {
	text := func(m map[string]any, name string) string { s, _ := m[name].(string); return s }
	out := &sentFiles{leg: straight(text(owner, "consultationId")), level: consultation.Classification(text(owner, "classification"))}
	given, _ := owner["attachment"].([]any)
	if len(given) == 0 {
		return out
	}
	ids := make([]any, len(given))
	named := make([]string, len(given))
	var wrong []consultation.Violation
	for i, g := range given {
		m, _ := g.(map[string]any)
		f := &sentFile{path: fmt.Sprintf("/attachments/%d", i), id: straight(text(m, "id")), name: text(m, "name"), ref: text(m, "contentRef"), text: text(m, "content")}
		ids[i], named[i] = f.id, f.id
		if v := text(m, "sha256"); v != "" {
			var err error
			if f.sum, err = hex.DecodeString(v); err != nil || len(f.sum) != 32 {
				wrong = append(wrong, consultation.Violation{Path: f.path + "/sha256", Code: "format", Message: "64 hexadecimal digits are needed"})
			}
		}
		_, inline := m["content"]
		_, referred := m["contentRef"]
		if inline && referred {
			wrong = append(wrong, consultation.Violation{Path: f.path, Code: "duplicate", Message: "either content or contentRef is possible"})
		}
		if inline || referred {
			out.list = append(out.list, f)
		}
	}
	owner["attachment"] = ids
	why, _ := errors.AsType[*consultation.Refusal](consultation.CheckAttachments(named))
	if why != nil {
		wrong = append(why.Violations, wrong...)
	}
	if len(wrong) > 0 {
		out.err = &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: wrong}
	}
	return out
}

// keepFiles reads the attachments of a message and keeps those that it refers to.
// One that is not taken is an error of its answer, a message that is broken or
// brings what nothing in it refers to one of all.
func (p *Provider) keepFiles(ctx context.Context, from soap.ClientID, in *parts, all []*sentFiles) error {
	wanted := false
	for _, s := range all {
		if len(s.list) == 0 || s.err != nil {
			continue
		}
		wanted = true
		if !s.level.Passes() {
			s.list = nil // its answer is refused for it, and nothing of it is kept
		} else if err := p.o.Procedure.MayAttach(ctx, p.o.Pool, from, s.leg); err != nil {
			if _, refused := refusalOf(err); !refused {
				return err
			}
			s.err = err
		}
	}
	if wanted {
		select {
		case p.uploads <- struct{}{}:
			defer func() { <-p.uploads }()
		default:
			return in.refused(refuse("server.too_busy", errBusy.Error()))
		}
	}
	came := map[*sentFile]bool{}
	for {
		a, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		known, err := p.keepPart(ctx, in, a, all, came)
		if err != nil {
			return err
		}
		if !known {
			// Taking the answer and dropping what came with it would be a lie.
			if err := in.skip(a); err != nil {
				return err
			}
			return refuse("client.attachments_not_taken", "the message has attachments that nothing in it refers to")
		}
	}
	in.done()
	for _, s := range all {
		for _, f := range s.list {
			switch {
			case s.err != nil || came[f]:
			case f.ref != "":
				s.err = wrongFile(f, "attachment.missing", "the message has no attachment of this content id")
			default:
				kept, err := p.files.Put(ctx, base64.NewDecoder(base64.StdEncoding, strings.NewReader(f.text)), "", f.sum)
				if err := f.keep(s, kept, err); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// keepPart keeps one attachment for all that refer to it; known says that
// something does.
func (p *Provider) keepPart(ctx context.Context, in *parts, a *soap.Attachment, all []*sentFiles, came map[*sentFile]bool) (known bool, err error) {
	var kept files.File
	for _, s := range all {
		for _, f := range s.list {
			if f.ref == "" || !soap.RefersTo(f.ref, a.ContentID) {
				continue
			}
			known, came[f] = true, true
			if s.err != nil {
				continue
			}
			if kept.ID == "" {
				if err != nil {
					_ = f.keep(s, kept, err) // of one that is not taken, everybody is told
					continue
				}
				in.wanted(p.files.Limit())
				body := &noting{from: a.Body}
				if kept, err = p.files.Put(ctx, body, a.ContentType, f.sum); body.err != nil {
					return true, unread(body.err)
				}
			} else if len(f.sum) > 0 && string(f.sum) != string(kept.SHA256) {
				s.err = wrongFile(f, files.CodeHash, "the file is not the one of the SHA-256 that was given")
				continue
			}
			if f.name == "" {
				f.name = nameOf(a)
			}
			if err := f.keep(s, kept, err); err != nil {
				return true, err
			}
		}
	}
	return known, nil
}

// keep notes the file that was kept, or why it was not.
func (f *sentFile) keep(s *sentFiles, kept files.File, err error) error {
	problem, ok := errors.AsType[*files.Problem](err)
	switch {
	case ok:
		s.err = wrongFile(f, problem.Code, problem.Message)
	case err != nil:
		return err
	}
	f.file = kept
	return nil
}

func wrongFile(f *sentFile, code, message string) error {
	return &consultation.Refusal{Kind: consultation.RefusedInvalid, Violations: []consultation.Violation{{Path: f.path, Code: code, Message: message}}}
}

// noting notes why a body could not be read to its end.
type noting struct {
	from io.Reader
	err  error
}

// Read implements io.Reader.
func (n *noting) Read(b []byte) (int, error) {
	got, err := n.from.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		n.err = err
	}
	return got, err
}

// nameOf is the file name that the header of an attachment gives.
func nameOf(a *soap.Attachment) string {
	for _, field := range a.Header {
		if strings.EqualFold(field.Name, "Content-Disposition") {
			_, params, _ := mime.ParseMediaType(field.Value)
			return params["filename"]
		}
	}
	return ""
}

// attachAll stores what came with an answer or question, in its transaction.
func (p *Provider) attachAll(ctx context.Context, tx pgx.Tx, s *sentFiles) error {
	if s == nil {
		return nil
	}
	if s.err != nil {
		return s.err
	}
	for _, f := range s.list {
		if _, err := p.o.Procedure.Attach(ctx, tx, consultation.NewAttachment{ID: f.id, LegID: s.leg, Name: f.name, Classification: s.level, File: f.file}); err != nil {
			return err
		}
	}
	return nil
}
