package consultation

import (
	"context"
	"fmt"

	"ristmik/adapters/consultation/files"
	"ristmik/adapters/xroad"
	"ristmik/mapping"
	"ristmik/soap"
)

// write puts a question into a call, and its files behind it.
func (w soapWire) write(ctx context.Context, call *xroad.Call, request map[string]any, q Question) error {
	enclosed, size, err := w.enclose(ctx, q)
	if err != nil {
		return err
	}
	named := make([]any, len(q.Attachments))
	for i, a := range q.Attachments {
		one := map[string]any{
			"id": a.ID, "name": a.Name, "mediaType": a.MediaType, "size": a.Size, "sha256": a.SHA256, "classification": string(a.Classification),
		}
		if a.Container {
			one["container"] = true
		}
		switch {
		case i >= len(enclosed):
		case w.files.Packaging == soap.PackagingMTOM:
			one["content"] = "" // the reference comes below
		default:
			one["contentRef"] = "cid:" + a.ID
		}
		named[i] = one
	}
	if len(named) > 0 {
		request["attachment"] = named
	}
	misfit := func(err error) error {
		return &soap.Failure{Kind: soap.KindFixData, Code: "question.contract", Message: "the question does not fit the contract", Err: err}
	}
	if len(enclosed) == 0 || w.files.Packaging == soap.PackagingSwA {
		call.XML, err = mapping.EncodeXML(w.op.Input, map[string]any{"request": request})
	} else if call.Body, err = mapping.Encode(w.op.Input, map[string]any{"request": request}); err == nil {
		for _, el := range soap.Child(call.Body, "", "request").ChildElements() {
			if content := soap.Child(el, "", "content"); el.Tag == "attachment" && content != nil {
				soap.SetReference(content, soap.PackagingMTOM, soap.Child(el, "", "id").Text())
			}
		}
	}
	if err != nil {
		return misfit(err)
	}
	if len(enclosed) > 0 {
		call.Attachments, call.Packaging, call.Timeout = enclosed, w.files.Packaging, files.Timeout(size)
	}
	return nil
}

// enclose finds the files of a question, which are read when they are sent: the
// first ones, as many as may go; size is that of all of them, in bytes. Whatever
// the stored question names, only what its authority may see goes out.
func (w soapWire) enclose(ctx context.Context, q Question) (out []soap.Attachment, size int64, err error) {
	if w.files.Store == nil || len(q.Attachments) == 0 {
		return nil, 0, nil
	}
	rows, err := readAttached(ctx, w.files.Store.Pool, ofLeg, q.LegID)
	if err != nil {
		return nil, 0, &soap.Failure{Kind: soap.KindRetryNow, Code: "question.attachments", Message: "the attachments could not be read, so nothing was sent", Err: err}
	}
	found := map[string]stored{}
	for _, s := range rows {
		found[s.ID] = s
	}
	most := w.files.Most
	if most <= 0 {
		most = mostEnclosed
	}
	for _, a := range q.Attachments {
		s, ok := found[a.ID]
		if !ok || s.SHA256 != a.SHA256 {
			err := fmt.Errorf("attachment %s of the question is not there any more", a.ID)
			return nil, 0, &soap.Failure{Kind: soap.KindFixData, Code: "question.attachment_gone", Message: err.Error(), Err: err}
		}
		if size+a.Size > most {
			break
		}
		size += a.Size
		out = append(out, soap.Attachment{
			ContentID: a.ID, ContentType: a.MediaType, Header: []soap.Field{{Name: "Content-Disposition", Value: files.Disposition(a.Name)}},
			Body: w.files.Store.Open(ctx, s.file),
		})
	}
	return out, size, nil
}
