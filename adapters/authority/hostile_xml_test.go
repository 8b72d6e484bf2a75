package authority_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
)

const invalidSOAP = "Client.InvalidSoap" // what a Security Server says to XML that is none (7.8; C-056)

func repeat(s string, n int) string { return strings.Repeat(s, n) }

// numbered is a text for each number below n.
func numbered(n int, text func(i int) string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(text(i))
	}
	return b.String()
}

// xmlInputs are documents that are not XML as X-Road means it, or want too much.
func xmlInputs() []badInput {
	withDTD := func(h *hostile, dtd, use string) string {
		return strings.Replace(h.put("<legalGround>"+use+"</legalGround>"), "<e:Envelope", "<!DOCTYPE x ["+dtd+"]><e:Envelope", 1)
	}
	return []badInput{
		{1, "billion laughs", func(h *hostile) {
			h.all(invalidSOAP, withDTD(h, `<!ENTITY a0 "ha">`+numbered(10, func(i int) string {
				return fmt.Sprintf(`<!ENTITY a%d "%s">`, i+1, repeat(fmt.Sprintf("&a%d;", i), 10))
			}), "&a10;"))
		}},
		{2, "quadratic blow-up", func(h *hostile) {
			h.all(invalidSOAP, withDTD(h, `<!ENTITY a "`+repeat("x", 50_000)+`">`, repeat("&a;", 10_000)))
		}},
		{3, "external general entity", func(h *hostile) {
			c := newCanary(h.t)
			h.all(invalidSOAP, withDTD(h, `<!ENTITY a SYSTEM "file:///etc/passwd">`, "&a;"), withDTD(h, `<!ENTITY a SYSTEM "`+c.url()+`">`, "&a;"))
			c.silent(h)
		}},
		{4, "parameter entity", func(h *hostile) {
			c := newCanary(h.t)
			h.all(invalidSOAP, withDTD(h, `<!ENTITY % a SYSTEM "`+c.url()+`"> %a;`, "x"))
			c.silent(h)
		}},
		{5, "external DTD only", func(h *hostile) {
			c := newCanary(h.t)
			h.all(invalidSOAP, h.swap("<e:Envelope", `<!DOCTYPE e:Envelope SYSTEM "`+c.url()+`"><e:Envelope`))
			c.silent(h)
		}},
		{6, "processing instructions are dropped", func(h *hostile) {
			c := newCanary(h.t)
			pi := `<?xml-stylesheet href="` + c.url() + `"?>`
			h.accepted(h.send(h.put(pi)))
			got := h.send(h.swap("<e:Envelope", pi+"<e:Envelope"))
			h.accepted(got)
			if strings.Contains(got.body, "stylesheet") {
				h.t.Error("it is given back")
			}
			c.silent(h)
		}},
		{7, "XInclude is data", func(h *hostile) {
			c := newCanary(h.t)
			include := `<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="` + c.url() + `" parse="text"/>`
			h.all("Client.InvalidXml", h.put(include)) // the contract has no place for it
			got := h.send(h.swap("<e:Header>", "<e:Header>"+include))
			h.accepted(got)
			if !strings.Contains(got.body, "include") || !strings.Contains(got.body, c.url()) {
				h.t.Error("the header block is not given back")
			}
			c.silent(h)
		}},
		{8, "depth", func(h *hostile) {
			for _, n := range []int{61, 10_000, 150_000} {
				h.all(invalidSOAP, h.put(repeat("<a>", n)+repeat("</a>", n)))
			}
		}},
		{9, "100,000 attributes", func(h *hostile) {
			h.all(invalidSOAP, h.put("<a"+numbered(100_000, func(i int) string { return fmt.Sprintf(" b%d=''", i) })+"/>"))
		}},
		{10, "an attribute of 9 MB", func(h *hostile) { h.all(invalidSOAP, h.put("<a b='"+repeat("x", 9<<20)+"'/>")) }},
		{11, "a name of 1 MB", func(h *hostile) {
			h.all(invalidSOAP, h.put("<"+repeat("a", 1<<20)+"/>"), h.put("<a "+repeat("b", 1<<20)+"=''/>"))
		}},
		{12, "260,000 elements in 1 MB", func(h *hostile) { h.all(invalidSOAP, h.put(repeat("<a/>", 260_000))) }},
		{13, "10,000 namespaces", func(h *hostile) {
			declare := func(i int) string { return fmt.Sprintf(` xmlns:n%d="urn:%d"`, i, i) }
			h.all(invalidSOAP, h.put("<a"+numbered(10_000, declare)+"/>"),
				h.put(numbered(50, func(i int) string { return "<a" + declare(2*i) + declare(2*i+1) + ">" })+repeat("</a>", 50)))
		}},
		{14, "attributes that are alike", func(h *hostile) {
			// "Aa" and "BB" are the same to a weak hash.
			h.all(invalidSOAP, h.put("<a"+numbered(10_000, func(i int) string {
				return " x" + strings.NewReplacer("0", "Aa", "1", "BB").Replace(fmt.Sprintf("%014b", i)) + "=''"
			})+"/>"))
		}},
		{15, "an attribute twice", func(h *hostile) {
			h.all(invalidSOAP, h.put(`<a b="1" b="2"/>`), h.put(`<a xmlns:p="urn:u" xmlns:q="urn:u" p:b="1" q:b="2"/>`))
		}},
		{16, "prefixes", func(h *hostile) {
			h.all(invalidSOAP, h.put("<zz:a/>"), h.put("<a zz:b='1'/>"), h.put(`<a xmlns:xml="urn:x"/>`), h.put(`<a xmlns:xmlns="urn:x"/>`), h.put(`<a xmlns:p=""/>`))
		}},
		{17, "not one root", func(h *hostile) {
			h.all(invalidSOAP, h.good+"<x/>", h.good+h.good, h.good+"text", "", " ")
		}},
		{18, "the declaration twice, or late", func(h *hostile) {
			const declaration = `<?xml version="1.0" encoding="UTF-8"?>`
			h.all(invalidSOAP, declaration+h.good, " "+h.good, "\n"+h.good)
		}},
		{22, "markup where text is due", func(h *hostile) {
			h.all(invalidSOAP, h.put("]]>"), h.put("<!-- a -- b -->"), h.put("<a b='<'/>"), h.put("<a b=c/>"), h.put("&nbsp;"), h.put("&"))
		}},
		{25, "truncated at every byte", func(h *hostile) {
			for n := range len(h.good) {
				h.refused(invalidSOAP, h.send(h.good[:n]))
			}
		}},
		{26, "one byte flipped", func(h *hostile) {
			for n := range len(h.good) {
				changed := []byte(h.good)
				changed[n] ^= 1 << (n % 8)
				got := h.send(string(changed))
				if got.status != http.StatusOK && got.status != http.StatusInternalServerError || strings.Contains(got.body, "server.internal_error") {
					h.t.Errorf("byte %d: %d %.300s", n, got.status, got.body)
				}
			}
		}},
		{27, "XML 1.1", func(h *hostile) { h.all(invalidSOAP, h.swap(`version="1.0"`, `version="1.1"`)) }},
		{28, "compressed bombs", func(h *hostile) {
			var zipped, twice, deflated bytes.Buffer
			z := gzip.NewWriter(&zipped)
			_, _ = z.Write(make([]byte, 10<<20))
			_ = z.Close()
			z = gzip.NewWriter(&twice)
			_, _ = z.Write(zipped.Bytes())
			_ = z.Close()
			f, _ := flate.NewWriter(&deflated, flate.BestCompression)
			_, _ = f.Write(make([]byte, 10<<20))
			_ = f.Close()
			for coding, body := range map[string]string{"gzip": zipped.String(), "deflate": deflated.String(), "gzip, gzip": twice.String()} {
				got := h.do(http.MethodPost, "/soap", strings.NewReader(body), "Content-Type", "text/xml; charset=UTF-8", "Content-Encoding", coding)
				h.refused("Client.InvalidContentType", got)
				h.problem(h.json(body, "Content-Encoding", coding), http.StatusUnsupportedMediaType)
			}
		}},
	}
}

// encodingInputs are about characters, and about what a value is.
func encodingInputs() []badInput {
	utf16 := func(s string, low, high int) string {
		b := make([]byte, 2*len(s))
		for i := range len(s) {
			b[2*i+low], b[2*i+high] = s[i], 0
		}
		return string(b)
	}
	return []badInput{
		{19, "other encodings", func(h *hostile) {
			ascii := strings.NewReplacer("õ", "o", "ü", "u").Replace(h.good)
			declared := func(name string) string { return strings.Replace(ascii, "UTF-8", name, 1) }
			h.all(invalidSOAP, "\xff\xfe"+utf16(declared("UTF-16"), 0, 1), "\xfe\xff"+utf16(declared("UTF-16"), 1, 0), utf16(ascii, 0, 1),
				declared("UTF-7"), declared("UTF-16"), declared("IBM037"), declared("ISO-8859-1"), declared("windows-1257"), declared("x-unknown"), declared(""),
				"\x4c\x6f\xa7\x94\x93\x40", h.swap(marker, "õ\xf5"))
		}},
		{20, "a byte order mark is taken", func(h *hostile) {
			h.accepted(h.send("\xef\xbb\xbf" + h.good))
			h.all(invalidSOAP, "\xef\xbb\xbf\xef\xbb\xbf"+h.good)
		}},
		{21, "no characters of XML", func(h *hostile) {
			for _, c := range []string{"\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\x00", "\ufffe", "\uffff", "\x01", "\x1f", "\xff", "&#0;", "&#x1;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#99999999999999999999;"} {
				h.all(invalidSOAP, h.swap(marker, marker+c))
			}
		}},
		{23, "comments and CDATA inside a value", func(h *hostile) {
			const code = "<id:memberCode>70000591</id:memberCode>"
			for _, same := range []string{"700<!-- -->00591", "<![CDATA[70000591]]>", "700<![CDATA[005]]>91", "7000059&#49;", "70000591<?x y?>"} {
				h.accepted(h.send(h.swap(code, "<id:memberCode>"+same+"</id:memberCode>")))
			}
			h.all("client.access_denied", h.swap(code, "<id:memberCode>70000591<!-- -->0</id:memberCode>"))
		}},
		{24, "an identifier that looks alike", func(h *hostile) {
			for _, like := range []string{" 70000591", "70000591\n", "70000591\u00a0", "7000\u200b0591", "7000059\uff11", "\ufeff70000591"} {
				h.all("client.access_denied", h.swap("<id:memberCode>70000591<", "<id:memberCode>"+like+"<"))
			}
			h.all("client.unknown_service", h.swap("<id:memberCode>70008747<", "<id:memberCode>70008747 <"), h.swap("<id:serviceVersion>v1<", "<id:serviceVersion>v1\u200b<"))
			h.all("Client.InconsistentHeaders", h.swap(">submitAnswer<", ">submit\u0410nswer<"))
			for _, like := range []string{" " + labour.String(), "EE/GOV/79990000%20/jarelevalve", "EE/GOV/79990000/jarelevalve%E2%80%8B"} {
				// HTTP takes blanks off the ends of a header field; inside they count.
				got := h.json(restBody("B-1"), "-X-Road-Client", "X-Road-Client", like)
				if want := http.StatusForbidden; like[0] != ' ' {
					h.problem(got, want)
				} else {
					h.problem(got, http.StatusNotFound)
				}
			}
		}},
	}
}
