package authority

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/files"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// fetchedFile is an attachment that goes out with an answer.
type fetchedFile struct {
	consultation.Attached
	file      files.File
	packaging soap.Packaging
}

func getAttachment(ctx context.Context, p *Provider, in request) (any, string, error) {
	var c struct {
		ConsultationID string `json:"consultation_id"`
		AttachmentID   string `json:"attachment_id"`
		Packaging      string `json:"packaging"`
	}
	if err := in.read(&c); err != nil {
		return nil, "", err
	}
	leg := straight(c.ConsultationID)
	at, f, err := p.o.Procedure.AttachmentFor(ctx, p.o.Pool, in.from, leg, straight(c.AttachmentID))
	if err != nil {
		return nil, "", p.aboutLeg(ctx, leg, err)
	}
	out := fetchedFile{at, f, soap.PackagingSwA}
	if c.Packaging == "MTOM" {
		out.packaging = soap.PackagingMTOM
	}
	return out, resultRead, nil
}

// replyFile answers with an attachment: its file streams behind the envelope.
func (p *Provider) replyFile(ctx context.Context, op *contract.Operation, msg *soap.Message, f fetchedFile, result string) (reply, error) {
	about, err := soapSpelling(f.Attached)
	if err != nil {
		return reply{}, err
	}
	response, place := map[string]any{"attachment": about, "contentRef": ""}, "contentRef"
	if f.packaging == soap.PackagingMTOM {
		response, place = map[string]any{"attachment": about, "content": ""}, "content"
	}
	body, err := mapping.Encode(op.Output, map[string]any{"response": response})
	if err != nil {
		return reply{}, fmt.Errorf("encoding the answer: %w", err)
	}
	soap.SetReference(soap.Child(soap.Child(body, "", "response"), "", place), f.packaging, f.ID)
	envelope, err := soap.BuildAnswer(msg, body)
	if err != nil {
		return reply{}, fmt.Errorf("building the answer: %w", err)
	}
	part := soap.Attachment{
		ContentID: f.ID, ContentType: f.MediaType, Header: []soap.Field{{Name: "Content-Disposition", Value: files.Disposition(f.Name)}},
	}
	boundary := "ristmik-" + p.o.NewID()
	// Once without the file, for the length: who gets less of it than was said
	// knows that it broke off.
	_, around, err := soap.WriteMessage(envelope, f.packaging, boundary, []soap.Attachment{part})
	if err != nil {
		return reply{}, fmt.Errorf("building the answer: %w", err)
	}
	size, err := io.Copy(io.Discard, around)
	if err != nil {
		return reply{}, fmt.Errorf("building the answer: %w", err)
	}
	out := reply{status: http.StatusOK, result: result, length: size + f.file.Size}
	part.Body = p.files.Open(ctx, f.file)
	if out.contentType, out.stream, err = soap.WriteMessage(envelope, f.packaging, boundary, []soap.Attachment{part}); err != nil {
		return reply{}, fmt.Errorf("building the answer: %w", err)
	}
	return out, nil
}

// send writes a reply with a file. What breaks off is shorter than it was said to
// be, and its connection ends.
func (p *Provider) send(ctx context.Context, w http.ResponseWriter, out *reply) {
	w.Header().Set("Content-Length", fmt.Sprint(out.length))
	w.WriteHeader(out.status)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(files.Timeout(out.length)))
	file := &noting{from: out.stream}
	if _, err := io.Copy(w, file); err != nil {
		out.result = resultFailed
	}
	if file.err != nil && ctx.Err() == nil {
		p.logFailed(ctx, doorSOAP, file.err, p.o.NewID())
	}
}
