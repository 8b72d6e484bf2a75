package authority_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"ristmik/adapters/consultation"
	"ristmik/soap"
)

// packed sends a message with attachments and reads the answer with its own.
func (w *world) packed(from soap.ClientID, operation, request string, packaging soap.Packaging, list ...soap.Attachment) (*soap.Message, map[string]string) {
	w.t.Helper()
	text := strings.NewReplacer("<id:serviceCode>submitAnswer<", "<id:serviceCode>"+operation+"<",
		"<id:memberCode>70000591<", "<id:memberCode>"+from.Member+"<", "<id:subsystemCode>konsult<", "<id:subsystemCode>"+from.Subsystem+"<",
	).Replace(message(`<p:` + operation + ` xmlns:p="http://ristmik.x-road.eu/consultation"><request>` + request + `</request></p:` + operation + `>`))
	contentType, body := soap.ContentType, io.Reader(strings.NewReader(text))
	if len(list) > 0 {
		var err error
		if contentType, body, err = soap.WriteMessage([]byte(text), packaging, "b-17", list); err != nil {
			w.t.Fatal(err)
		}
	}
	r := w.do(http.MethodPost, "/soap", body, "Content-Type", contentType)
	in, err := soap.OpenAnswer(r.header.Get("Content-Type"), strings.NewReader(r.body), soap.DefaultLimits())
	if err != nil {
		w.t.Fatalf("%v: %.300s", err, r.body)
	}
	msg, err := soap.ReadRequest(in.Envelope(), soap.DefaultLimits())
	if r.status != http.StatusOK {
		msg, err = soap.ReadAnswer(in.Envelope(), soap.DefaultLimits())
	}
	if err != nil {
		w.t.Fatalf("%v: %.300s", err, r.body)
	}
	files := map[string]string{}
	for {
		a, err := in.Next()
		if err == io.EOF {
			return msg, files
		}
		if err != nil {
			w.t.Fatal(err)
		}
		content, err := io.ReadAll(a.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		files[a.ContentID] = string(content)
	}
}

// said is a field of an answer, or the code of its Fault.
func said(m *soap.Message, path ...string) string {
	if m.Fault != nil {
		return m.Fault.Code
	}
	el := soap.Child(m.Body(), "", "response")
	for _, name := range path {
		if el = soap.Child(el, "", name); el == nil {
			return ""
		}
	}
	return el.Text()
}

// fileElement is an attachment of a request; content is what stands behind its id.
func fileElement(id, content string) string {
	return "<attachment><id>" + id + "</id>" + content + "</attachment>"
}

const includesF = `<content><xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:f-1"/></content>`

func answerWith(leg, id, files string) string {
	return "<answerId>" + id + "</answerId><consultationId>" + leg + "</consultationId><round>1</round><answerCode>OPINION_POSITIVE</answerCode>" +
		"<answeredAt>2026-03-02T12:00:00+02:00</answeredAt>" + files
}

func pdfPart(id, content string) soap.Attachment {
	return soap.Attachment{ContentID: id, ContentType: "application/pdf", Body: strings.NewReader(content)}
}

// An authority fetches the files of its question in either packaging, and nobody
// else does.
func TestFilesAreFetchedOverSOAP(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	content := "%PDF-1.7\r\n--b\r\n" + strings.Repeat("\x00õ ", 200_000)
	w.attached(content)
	leg := w.leg("labour")
	ask := func(leg, id, more string) string {
		return "<consultationId>" + leg + "</consultationId><attachmentId>" + id + "</attachmentId>" + more
	}
	for more, place := range map[string]string{"": "contentRef", "<packaging>SWA</packaging>": "contentRef", "<packaging>MTOM</packaging>": "content"} {
		msg, files := w.packed(labour, "getAttachment", ask(leg, strings.ToUpper(fileA), more), 0)
		response := soap.Child(msg.Body(), "", "response")
		ref, ok := soap.Reference(soap.Child(response, "", place))
		if !ok || len(files) != 1 || files[strings.TrimPrefix(ref, "cid:")] != content {
			t.Errorf("%q: %d files, reference %q", more, len(files), ref)
		}
		if said(msg, "attachment", "sha256") != hexOf(content) || said(msg, "attachment", "name") != "tööleping.pdf" {
			t.Errorf("%q: %s", more, msg.Raw)
		}
	}
	for what, request := range map[string]string{"no file": ask(leg, fileB, ""), "no question": ask(fileB, fileA, ""), "another's": ask(w.leg("security"), fileA, "")} {
		msg, files := w.packed(labour, "getAttachment", request, 0)
		if said(msg, "faultCode") != consultation.FaultUnknownConsultation || len(files) != 0 {
			t.Errorf("%s: %s", what, msg.Raw)
		}
	}
}

// Files come with answers and questions back, by SwA, MTOM and in the text; what
// is sent again changes nothing.
func TestFilesComeWithAnswersOverSOAP(t *testing.T) {
	t.Parallel()
	content := "%PDF-1.7 arvamus\r\n--b"
	digest := "<sha256>" + hexOf(content) + "</sha256>"
	for name, c := range map[string]struct {
		packaging soap.Packaging
		element   string
		parts     func() []soap.Attachment
	}{
		"SwA":     {soap.PackagingSwA, "<name>../arvamus.pdf</name>" + digest + "<contentRef>cid:f-1</contentRef>", func() []soap.Attachment { return []soap.Attachment{pdfPart("f-1", content)} }},
		"MTOM":    {soap.PackagingMTOM, "<name>arvamus.pdf</name>" + includesF, func() []soap.Attachment { return []soap.Attachment{pdfPart("f-1", content)} }},
		"in text": {0, "<name>arvamus.pdf</name>" + digest + "<content>" + base64.StdEncoding.EncodeToString([]byte(content)) + "</content>", func() []soap.Attachment { return nil }},
		"named by its part": {soap.PackagingSwA, "<contentRef>cid:f-1</contentRef>", func() []soap.Attachment {
			a := pdfPart("f-1", content)
			a.Header = []soap.Field{{Name: "Content-Disposition", Value: `attachment; filename="arvamus.pdf"`}}
			return []soap.Attachment{a}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, _ := guardedWorld(t)
			leg := w.leg("labour")
			for _, want := range []string{"accepted", "duplicate"} {
				asked := "<actionId>q</actionId><consultationId>" + leg + "</consultationId><round>1</round><text>Milline neist?</text>" + fileElement(fileA, c.element)
				if msg, _ := w.packed(labour, "requestInformation", asked, c.packaging, c.parts()...); said(msg, "status") != want {
					t.Errorf("%s", msg.Raw)
				}
				msg, _ := w.packed(labour, "submitAnswer", answerWith(leg, "a", fileElement(fileB, c.element)), c.packaging, c.parts()...)
				if said(msg, "status") != want {
					t.Errorf("%s", msg.Raw)
				}
			}
			all, err := w.procedure.Attachments(t.Context(), w.pool, w.round.ID)
			if err != nil || len(all) != 2 || all[0].ID != fileA || all[0].With != "q" || all[1].ID != fileB || all[1].With != "a" || w.count("consultation.file") != 1 {
				t.Fatalf("%+v (%v)", all, err)
			}
			for _, a := range all {
				if a.Name != "arvamus.pdf" || a.SHA256 != hexOf(content) || a.Authority != "labour" {
					t.Errorf("%+v", a)
				}
			}
			if got := w.fetchFile(labour, leg, fileB); got.body != content {
				t.Errorf("%d bytes", len(got.body))
			}
			// Named only, it is the one that has been sent.
			if msg, _ := w.packed(labour, "submitAnswer", answerWith(leg, "a", fileElement(fileB, "")), 0); said(msg, "status") != "duplicate" {
				t.Errorf("%s", msg.Raw)
			}
			other := pdfPart("f-1", "%PDF-1.7 other")
			if msg, _ := w.packed(labour, "submitAnswer", answerWith(leg, "b", fileElement(fileB, "<contentRef>cid:f-1</contentRef>")), 0, other); said(msg, "faultCode") != consultation.FaultAttachmentIDReused {
				t.Errorf("%s", msg.Raw)
			}
			for _, line := range w.log.take() {
				if strings.Contains(line, "arvamus") {
					t.Errorf("log: %s", line)
				}
			}
		})
	}
}

// Of a batch, an answer whose file is not taken is refused alone; one file serves
// many answers.
func TestFilesOfABatch(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	var request strings.Builder
	var rounds []string
	for i := range 4 {
		w.round = w.open()
		rounds = append(rounds, w.round.ID)
		ref, leg := "f-1", w.leg("labour")
		switch i {
		case 2:
			ref = "f-2" // a program
		case 3:
			leg = w.leg("security")
		}
		request.WriteString("<answer>" + answerWith(leg, fmt.Sprint("a", i), fileElement(fmt.Sprintf("%s%d", fileA[:35], i), "<contentRef>cid:"+ref+"</contentRef>")) + "</answer>")
	}
	msg, _ := w.packed(labour, "submitAnswers", request.String(), soap.PackagingSwA, pdfPart("f-1", "%PDF-1.7 ühine"), pdfPart("f-2", "MZ program"))
	var got []string
	for _, el := range soap.Child(msg.Body(), "", "response").ChildElements() {
		status := soap.Child(el, "", "status").Text()
		if code := soap.Child(el, "", "faultCode"); code != nil {
			status = code.Text()
		}
		got = append(got, status)
	}
	if want := "[accepted accepted attachment.media_type consultation.unknown]"; fmt.Sprint(got) != want {
		t.Errorf("%v, want %s", got, want)
	}
	for i, id := range rounds {
		if all, err := w.procedure.Attachments(t.Context(), w.pool, id); err != nil || (len(all) == 1) != (i < 2) {
			t.Errorf("%d: %+v (%v)", i, all, err)
		}
	}
	if n := w.count("consultation.file"); n != 1 {
		t.Errorf("%d files", n)
	}
}

func (w *world) count(table string) (n int) {
	w.t.Helper()
	if err := w.pool.QueryRow(w.t.Context(), "select count(*) from "+table).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// What is wrong with a file is told, and neither it nor the answer is kept.
func TestFilesThatAreNotTakenOverSOAP(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	leg := w.leg("labour")
	good := func() soap.Attachment { return pdfPart("f-1", "%PDF-1.7") }
	const ref = "<contentRef>cid:f-1</contentRef>"
	for what, c := range map[string]struct {
		code, request string
		parts         []soap.Attachment
	}{
		"another hash":       {"attachment.sha256", answerWith(leg, "a", fileElement(fileB, "<sha256>"+hexOf("x")+"</sha256>"+ref)), []soap.Attachment{good()}},
		"no hash":            {"format", answerWith(leg, "a", fileElement(fileB, "<sha256>xyz</sha256>"+ref)), []soap.Attachment{good()}},
		"a program":          {"attachment.media_type", answerWith(leg, "a", fileElement(fileB, ref)), []soap.Attachment{pdfPart("f-1", "MZ program")}},
		"nothing":            {"attachment.empty", answerWith(leg, "a", fileElement(fileB, ref)), []soap.Attachment{pdfPart("f-1", "")}},
		"nothing, in text":   {"attachment.empty", answerWith(leg, "a", fileElement(fileB, "<content/>")), nil},
		"not there":          {"attachment.missing", answerWith(leg, "a", fileElement(fileB, ref)), nil},
		"not a reference":    {"attachment.missing", answerWith(leg, "a", fileElement(fileB, "<contentRef>http://127.0.0.1/x</contentRef>")), nil},
		"twice":              {"duplicate", answerWith(leg, "a", fileElement(fileB, "<content>JVBERg==</content>"+ref)), []soap.Attachment{good()}},
		"one id twice":       {"duplicate", answerWith(leg, "a", fileElement(fileB, ref)+fileElement(fileB, ref)), []soap.Attachment{good()}},
		"no id":              {"attachment.unknown", answerWith(leg, "a", fileElement("x", ref)), []soap.Attachment{good()}},
		"too many":           {"length", answerWith(leg, "a", strings.Repeat(fileElement(fileB, ref), 21)), []soap.Attachment{good()}},
		"another's question": {"consultation.unknown", answerWith(w.leg("security"), "a", fileElement(fileB, ref)), []soap.Attachment{good()}},
		"no question":        {"consultation.unknown", answerWith("x", "a", fileElement(fileB, ref)), []soap.Attachment{good()}},
		"too secret":         {"classification.too_high", answerWith(leg, "a", "<classification>SALAJANE</classification>"+fileElement(fileB, ref)), []soap.Attachment{pdfPart("f-1", "%PDF-1.7 "+trace)}},
	} {
		msg, _ := w.packed(labour, "submitAnswer", c.request, soap.PackagingSwA, c.parts...)
		if got := said(msg, "faultCode"); got != c.code {
			t.Errorf("%s: %s, want %s: %s", what, got, c.code, msg.Raw)
		}
	}
	for what, c := range map[string]struct{ code, operation, request string }{
		"to which nothing refers":     {"client.attachments_not_taken", "submitAnswer", answerWith(leg, "a", "")},
		"with what takes none":        {"client.attachments_not_taken", "getConsultation", "<consultationId>" + leg + "</consultationId>"},
		"of which one is referred to": {"client.attachments_not_taken", "submitAnswer", answerWith(leg, "a", fileElement(fileB, "<contentRef>cid:f-2</contentRef>"))},
	} {
		msg, _ := w.packed(labour, c.operation, c.request, soap.PackagingSwA, good(), pdfPart("f-2", "%PDF-1.7"))
		if got := said(msg); got != c.code {
			t.Errorf("%s: %s, want %s", what, got, c.code)
		}
	}
	if n := w.count("consultation.attachment") + w.count("consultation.answer"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	var n int
	if err := w.pool.QueryRow(t.Context(), `select count(*) from consultation.chunk where position('\x4d5a'::bytea in data) > 0 or position(convert_to($1, 'UTF8') in data) > 0`, trace).Scan(&n); err != nil || n != 0 {
		t.Errorf("%d pieces of what is not taken (%v)", n, err)
	}
}

// A message that breaks off in its file is not an answer, and nothing of it stays.
func TestASOAPMessageThatBreaksOffInItsFile(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	text := strings.NewReplacer("<id:memberCode>70000591<", "<id:memberCode>"+labour.Member+"<", "<id:subsystemCode>konsult<", "<id:subsystemCode>"+labour.Subsystem+"<").Replace(
		message(`<p:submitAnswer xmlns:p="http://ristmik.x-road.eu/consultation"><request>` + answerWith(w.leg("labour"), "a", fileElement(fileB, "<contentRef>cid:f-1</contentRef>")) + `</request></p:submitAnswer>`))
	contentType, body, err := soap.WriteMessage([]byte(text), soap.PackagingSwA, "b-17", []soap.Attachment{pdfPart("f-1", "%PDF-1.7\n"+strings.Repeat("x", 700_000))})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	r := w.do(http.MethodPost, "/soap", bytes.NewReader(whole[:600_000]), "Content-Type", contentType)
	if r.status != http.StatusInternalServerError || !strings.Contains(r.body, "mime_parsing_failed") {
		t.Errorf("%d %s", r.status, r.body)
	}
	if n := w.count("consultation.file") + w.count("consultation.chunk") + w.count("consultation.answer"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// Whose files they are that others may not know of does not stand in the log,
// whether they are taken or not, and nobody else finds them.
func TestFilesOfAHiddenQuestion(t *testing.T) {
	t.Parallel()
	w, _ := guardedWorld(t)
	if _, err := w.pool.Exec(t.Context(), `update consultation.leg set hidden = true, policy = policy || '{"hidden": true}' where authority = 'security'`); err != nil {
		t.Fatal(err)
	}
	w.log.take()
	leg := w.leg("security")
	const ref = "<contentRef>cid:f-1</contentRef>"
	good := func() soap.Attachment { return pdfPart("f-1", "%PDF-1.7 salajane arvamus") }
	answer := func(id, files string) string {
		return strings.Replace(answerWith(leg, id, files), "OPINION_POSITIVE", "NO_OBJECTION", 1)
	}
	for _, want := range []string{"accepted", "duplicate"} {
		if msg, _ := w.packed(security, "submitAnswer", answer("a", fileElement(fileB, ref)), soap.PackagingSwA, good()); said(msg, "status") != want {
			t.Errorf("%s", msg.Raw)
		}
	}
	for code, send := range map[string]func() *soap.Message{
		"attachment.sha256": func() *soap.Message {
			msg, _ := w.packed(security, "submitAnswer", answer("b", fileElement(fileA, "<sha256>"+hexOf("x")+"</sha256>"+ref)), soap.PackagingSwA, good())
			return msg
		},
		"client.attachments_not_taken": func() *soap.Message {
			msg, _ := w.packed(security, "submitAnswer", answer("b", ""), soap.PackagingSwA, good())
			return msg
		},
		"consultation.unknown": func() *soap.Message {
			msg, _ := w.packed(security, "getAttachment", "<consultationId>"+leg+"</consultationId><attachmentId>"+fileA+"</attachmentId>", 0)
			return msg
		},
	} {
		if got := said(send(), "faultCode"); got != code {
			t.Errorf("%s, want %s", got, code)
		}
	}
	if _, files := w.packed(security, "getAttachment", "<consultationId>"+leg+"</consultationId><attachmentId>"+fileB+"</attachmentId>", 0); len(files) != 1 {
		t.Error("its own file is not given")
	}
	lines := w.log.take()
	for _, line := range lines {
		if strings.Contains(line, security.Member) || strings.Contains(line, "security") || strings.Contains(line, messageID) {
			t.Errorf("log: %s", line)
		}
	}
	if len(lines) != 3 { // three refusals, of nobody
		t.Errorf("%d lines: %v", len(lines), lines)
	}
	for _, question := range []string{leg, w.leg("labour")} {
		if msg, files := w.packed(labour, "getAttachment", "<consultationId>"+question+"</consultationId><attachmentId>"+fileB+"</attachmentId>", 0); said(msg, "faultCode") != consultation.FaultUnknownConsultation || len(files) > 0 {
			t.Errorf("labour: %s", msg.Raw)
		}
	}
}
