package authority_test

import (
	"fmt"
	"net/http"
	"strings"
)

// mimeInputs are messages with attachments. They are read to their end as
// streams; nothing in the good message refers to any, so the best of them is
// refused in words that say so.
func mimeInputs() []badInput {
	const (
		contentType = "Client.InvalidContentType"
		broken      = "Client.MimeParsingFailed"
		notTaken    = "client.attachments_not_taken"
	)
	related := func(h *hostile, contentType, body string) response {
		return h.do(http.MethodPost, "/soap", strings.NewReader(body), "Content-Type", contentType)
	}
	const swa = `multipart/related; type="text/xml"; start="<soap>"; boundary="b-1"`
	part := func(headers, content string) string { return "--b-1\r\n" + headers + "\r\n\r\n" + content + "\r\n" }
	root := func(content string) string {
		return part("Content-Type: text/xml; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit\r\nContent-ID: <soap>", content)
	}
	file := func(headers string) string { return part("Content-Type: application/pdf\r\n"+headers, "%PDF") }
	const end = "--b-1--\r\n"
	all := func(h *hostile, code string, bodies ...string) {
		h.t.Helper()
		for _, b := range bodies {
			h.refused(code, related(h, swa, b))
		}
	}
	return []badInput{
		{46, "boundaries", func(h *hostile) {
			h.accepted(related(h, swa, root(h.good)+end)) // a message that is multipart, and has nothing else (C-101)
			for _, t := range []string{`multipart/related`, `multipart/related; boundary=""`, `multipart/related; boundary="` + repeat("b", 300) + `"`, `multipart/mixed; boundary="b-1"`} {
				h.refused(contentType, related(h, t, root(h.good)+end))
			}
			all(h, notTaken, root(h.good)+part("Content-Type: text/plain\r\nContent-ID: <a>", "x--b-1 x")+end)
			all(h, broken, root(h.good), root(h.good)+"--b-1-", root(h.good)+file("Content-ID: <a>"))
			all(h, "Client.MissingSoap", end, "", "--b-1", "no boundary")
		}},
		{47, "parts and headers without measure", func(h *hostile) {
			all(h, notTaken, root(h.good)+numbered(63, func(i int) string { return file(fmt.Sprintf("Content-ID: <%d>", i)) })+end)
			all(h, broken, root(h.good)+repeat(part("Content-Type: a/b", ""), 10_000)+end,
				root(h.good)+file(strings.TrimSuffix(repeat("X-A: b\r\n", 100_000), "\r\n"))+end, root(h.good)+file("X-A: "+repeat("x", 1<<20))+end)
			h.refused("client.invalid_request", related(h, swa, root(h.good)+part("Content-Type: a/b", repeat("x", 75<<20))+end)) // past all measure
		}},
		{48, "line ends inside a header", func(h *hostile) {
			all(h, broken, root(h.good)+file("Content-ID: <a\rX: y>")+end, root(h.good)+file("Content-ID: <a\x00>")+end)
			// A line end that is quoted is a line end: here the header has no colon.
			all(h, broken, root(h.good)+file("Content-Disposition: attachment; filename=\"a\r\ny\"")+end)
		}},
		{49, "no message in it", func(h *hostile) {
			all(h, contentType, file("Content-ID: <a>")+root(h.good)+end, file("Content-ID: <a>")+end, part("Content-ID: <soap>", h.good)+end)
			all(h, "Client.MissingSoap", end, "", "--b-1", "no boundary")
			all(h, invalidSOAP, root("")+end, root("text")+end)
		}},
		{50, "ids of parts", func(h *hostile) {
			all(h, broken, root(h.good)+file("Content-ID: <a>")+file("Content-ID: <a>")+end, root(h.swap(marker, "cid:soap"))+file("Content-ID: <soap>")+end)
			all(h, notTaken, root(h.swap(marker, "cid:nowhere"))+file("Content-ID: <a>")+end)
		}},
		{51, "file names", func(h *hostile) {
			for _, name := range []string{"../../x", "/etc/passwd", `C:\x`, "CON", repeat("x", 4096), "a\u202efdp.exe", "a%00b"} {
				all(h, notTaken, root(h.good)+file(`Content-Disposition: attachment; filename="`+name+`"`)+end)
			}
		}},
		{53, "transfer encodings", func(h *hostile) {
			for _, encoding := range []string{"base64", "quoted-printable", "x-none"} {
				all(h, invalidSOAP, part("Content-Type: text/xml\r\nContent-Transfer-Encoding: "+encoding, h.good)+end)
				all(h, broken, root(h.good)+part("Content-Type: a/b\r\nContent-Transfer-Encoding: "+encoding, "=ZZ!*")+end)
			}
		}},
		{54, "xop:Include", func(h *hostile) {
			const include = `<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:a"/>`
			const mtom = `multipart/related; type="application/xop+xml"; start-info="text/xml"; boundary="b-1"`
			for text, code := range map[string]string{
				h.swap("<e:Header>", "<e:Header>"+include): notTaken, h.put(include): "Client.InvalidXml", h.put(repeat(include, 100)): "Client.InvalidXml",
			} {
				h.refused(code, related(h, mtom, part(`Content-Type: application/xop+xml; type="text/xml"`, text)+file("Content-ID: <a>")+end))
			}
			h.refused(invalidSOAP, related(h, mtom, part(`Content-Type: application/xop+xml; type="text/xml"`, h.put(repeat(include, 50_000)))+end))
			h.refused("Client.InvalidXml", related(h, mtom, part(`Content-Type: application/xop+xml; type="text/xml"`, h.put(include))+end))
		}},
	}
}
