package authority_test

import (
	"net/http"
	"strings"
)

// mimeInputs are messages with attachments. The services have no place for
// any, so what is no plain message is refused before a part of it is read.
func mimeInputs() []badInput {
	const refused = "Client.InvalidContentType"
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
	all := func(h *hostile, bodies ...string) {
		h.t.Helper()
		for _, b := range bodies {
			h.refused(refused, related(h, swa, b))
		}
	}
	return []badInput{
		{46, "boundaries", func(h *hostile) {
			for _, t := range []string{`multipart/related`, `multipart/related; boundary=""`, `multipart/related; boundary="` + repeat("b", 300) + `"`, `multipart/mixed; boundary="b-1"`} {
				h.refused(refused, related(h, t, root(h.good)+end))
			}
			all(h, root(h.good)+part("Content-Type: text/plain", "--b-1\r\n--b-1")+end, root(h.good), "no boundary at all", root(h.good)+"--b-1-")
		}},
		{47, "parts and headers without measure", func(h *hostile) {
			all(h, root(h.good)+repeat(file("Content-ID: <a>"), 10_000)+end,
				root(h.good)+file(strings.TrimSuffix(repeat("X-A: b\r\n", 100_000), "\r\n"))+end, root(h.good)+file("X-A: "+repeat("x", 1<<20))+end)
		}},
		{48, "line ends inside a header", func(h *hostile) {
			all(h, root(h.good)+file("Content-ID: <a\rX: y>")+end, root(h.good)+file("Content-ID: <a\x00>")+end, root(h.good)+file("Content-Disposition: attachment; filename=\"a\r\nX: y\"")+end)
		}},
		{49, "no message in it", func(h *hostile) {
			all(h, file("Content-ID: <a>")+root(h.good)+end, file("Content-ID: <a>")+end, end, "", root("")+end, part("Content-ID: <soap>", h.good)+end)
		}},
		{50, "ids of parts", func(h *hostile) {
			all(h, root(h.good)+file("Content-ID: <a>")+file("Content-ID: <a>")+end, root(h.swap(marker, "cid:nowhere"))+file("Content-ID: <a>")+end, root(h.swap(marker, "cid:soap"))+file("Content-ID: <soap>")+end)
		}},
		{51, "file names", func(h *hostile) {
			for _, name := range []string{"../../x", "/etc/passwd", `C:\x`, "CON", repeat("x", 4096), "a\u202efdp.exe", "a%00b"} {
				all(h, root(h.good)+file(`Content-Disposition: attachment; filename="`+name+`"`)+end)
			}
		}},
		{53, "transfer encodings", func(h *hostile) {
			for _, encoding := range []string{"base64", "quoted-printable", "x-none"} {
				all(h, part("Content-Type: text/xml\r\nContent-Transfer-Encoding: "+encoding, h.good)+end, root(h.good)+part("Content-Type: a/b\r\nContent-Transfer-Encoding: "+encoding, "=ZZ!*")+end)
			}
		}},
		{54, "xop:Include", func(h *hostile) {
			const include = `<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:a"/>`
			const mtom = `multipart/related; type="application/xop+xml"; start-info="text/xml"; boundary="b-1"`
			for _, text := range []string{h.swap("<e:Header>", "<e:Header>"+include), h.put(repeat(include, 100)), h.put(repeat(include, 50_000))} {
				h.refused(refused, related(h, mtom, part(`Content-Type: application/xop+xml; type="text/xml"`, text)+file("Content-ID: <a>")+end))
			}
		}},
	}
}
