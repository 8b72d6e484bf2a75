package authority_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"ristmik/adapters/authority"
	"ristmik/soap"
)

// soapInputs are XML, and no message for us.
func soapInputs() []badInput {
	const header, body = "<e:Header>", "<e:Body>"
	cut := func(s, from, to string) string { // what stands between, both included
		i, j := strings.Index(s, from), strings.Index(s, to)+len(to)
		return s[:i] + s[j:]
	}
	part := func(s, from, to string) string { return s[strings.Index(s, from) : strings.Index(s, to)+len(to)] }
	post := func(h *hostile, method string, headers ...string) response {
		return h.do(method, "/soap", strings.NewReader(h.good), headers...)
	}
	return []badInput{
		{29, "parts of the envelope", func(h *hostile) {
			head, content := part(h.good, header, "</e:Header>"), part(h.good, body, "</e:Body>")
			h.all("Client.MissingHeader", cut(h.good, header, "</e:Header>"))
			h.all("Client.MissingBody", cut(h.good, body, "</e:Body>"))
			h.all(invalidSOAP, h.swap("</e:Envelope>", content+"</e:Envelope>"), strings.Replace(h.good, head+content, content+head, 1), h.swap(header, head+header))
		}},
		{30, "a header field twice", func(h *hostile) {
			for _, name := range []string{"id", "client", "service"} {
				field := part(h.good, "<xrd:"+name, "</xrd:"+name+">")
				h.all("Client.DuplicateHeaderField", h.swap(field, field+field))
			}
		}},
		{31, "header and body disagree", func(h *hostile) {
			h.all("Client.InconsistentHeaders", strings.ReplaceAll(h.good, "p:submitAnswer", "p:withdrawAnswer"), strings.ReplaceAll(h.good, "p:submitAnswer", "p:submitAnswerNow"))
			wrapper := part(h.good, "<p:submitAnswer", "</p:submitAnswer>")
			h.all("Client.InvalidBody", h.swap(wrapper, wrapper+wrapper), h.swap(wrapper, ""), h.swap(wrapper, "text"))
		}},
		{32, "protocol version and user", func(h *hostile) {
			const version = "<xrd:protocolVersion>4.0</xrd:protocolVersion>"
			h.all("Client.MissingHeaderField", h.swap(version, ""))
			h.all("Client.InvalidProtocolVersion", h.swap(">4.0<", ">3.1<"), h.swap(">4.0<", ">4.0 <"), h.swap(">4.0<", "><a>4.0</a><"), h.swap(">4.0<", "><"))
			strict := newHostile(h.t, func(o *authority.Options) { o.RequireUserID = true })
			strict.all("Client.MissingHeaderField", cut(strict.good, "<xrd:userId>", "</xrd:userId>"))
		}},
		{33, "objectType", func(h *hostile) {
			const client, service = `<xrd:client id:objectType="SUBSYSTEM"`, `<xrd:service id:objectType="SERVICE"`
			h.all("Client.InvalidXml", h.swap(client, "<xrd:client"), h.swap(client, `<xrd:client objectType="SUBSYSTEM"`),
				h.swap(client, `<xrd:client id:objectType="subsystem"`), h.swap(client, `<xrd:client id:objectType="SERVICE"`), h.swap(service, `<xrd:service id:objectType="SUBSYSTEM"`))
		}},
		{34, "a block that must be understood", func(h *hostile) {
			h.all("client.must_understand", h.swap("<pdu:pdu ", `<pdu:pdu e:mustUnderstand="1" `), h.swap(header, header+`<x:x xmlns:x="urn:x" e:mustUnderstand="true"/>`))
		}},
		{35, "SOAPAction", func(h *hostile) {
			xml := []string{"Content-Type", "text/xml; charset=UTF-8", "SOAPAction"}
			for _, action := range []string{"", `""`, `"urn:withdrawAnswer"`} { // it routes nothing
				h.accepted(post(h, http.MethodPost, append(xml, action)...))
			}
			for _, action := range []string{"submitAnswer", `"a`, `a"`, `"a" "b"`, `"a b"`, `"%zz"`} {
				h.refused("Client.InvalidSoapAction", post(h, http.MethodPost, append(xml, action)...))
			}
			h.refused("Client.InvalidSoapAction", post(h, http.MethodPost, append(xml, `""`, "SOAPAction", `"x"`)...))
		}},
		{36, "an answer to somebody else", func(h *hostile) {
			c := newCanary(h.t)
			for _, ns := range []string{"http://www.w3.org/2005/08/addressing", "http://schemas.xmlsoap.org/ws/2004/08/addressing"} {
				for _, name := range []string{"ReplyTo", "FaultTo"} {
					block := func(address string) string {
						return h.swap(header, header+`<a:`+name+` xmlns:a="`+ns+`"><a:Address>`+address+`</a:Address></a:`+name+`>`)
					}
					h.all("client.unsupported_addressing", block(c.url()), block(""))
					h.accepted(h.send(block(map[bool]string{true: ns + "/anonymous", false: ns + "/role/anonymous"}[strings.Contains(ns, "2005")])))
				}
			}
			c.silent(h)
		}},
		{37, "SOAP 1.2", func(h *hostile) {
			h.all(invalidSOAP, strings.ReplaceAll(h.good, soap.NSEnvelope, "http://www.w3.org/2003/05/soap-envelope"))
			h.refused("Client.InvalidContentType", post(h, http.MethodPost, "Content-Type", "application/soap+xml; charset=utf-8"))
		}},
		{38, "Content-Type", func(h *hostile) {
			for _, t := range []string{"text/html", "application/json", "text/xml; charset=utf-8; charset=utf-16", "text/xml; charset=utf-16", "text", ";", ""} {
				h.refused("Client.InvalidContentType", post(h, http.MethodPost, "Content-Type", t))
			}
			h.refused("Client.InvalidContentType", post(h, http.MethodPost))
			h.refused("Client.InvalidContentType", post(h, http.MethodPost, "Content-Type", "text/xml", "Content-Type", "text/xml"))
		}},
		{39, "methods", func(h *hostile) {
			for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodTrace, "PROPFIND"} {
				h.refused("Client.InvalidHttpMethod", post(h, method, "Content-Type", "text/xml; charset=UTF-8"))
			}
			h.problem(h.do(http.MethodTrace, "/rest/v1/consultations/x/answers", nil), http.StatusMethodNotAllowed)
		}},
		{40, "wrapped content", func(h *hostile) {
			content := part(h.good, body, "</e:Body>")
			hidden := func(in string) string { return `<w:w xmlns:w="urn:w">` + in + `</w:w>` }
			other := strings.Replace(content, "NO_OBJECTION", "APPROVED", 1)
			// Inside an unknown block a Body or an id is nothing but content of the block.
			h.accepted(h.send(h.swap(header, header+hidden(other))))
			h.accepted(h.send(h.swap(header, header+hidden("<xrd:id>another</xrd:id>"))))
			h.all("Client.InvalidBody", h.swap(content, "<e:Body>"+hidden("")+part(h.good, "<p:submitAnswer", "</p:submitAnswer>")+"</e:Body>"))
			h.all("Client.InconsistentHeaders", h.swap(content, "<e:Body>"+hidden(content)+"</e:Body>"))
			h.all(invalidSOAP, h.swap("</e:Envelope>", hidden(other)+"</e:Envelope>"))
		}},
		{41, "a Fault for a request", func(h *hostile) {
			wrapper := part(h.good, "<p:submitAnswer", "</p:submitAnswer>")
			for _, fault := range []string{"<e:Fault/>", "<e:Fault><faultcode>" + marker + "</faultcode><faultstring>&lt;b&gt;" + marker + "</faultstring></e:Fault>"} {
				h.all("Client.InvalidBody", h.swap(wrapper, fault))
			}
		}},
		{43, "too long, endless, a byte at a time", func(h *hostile) {
			h.all(invalidSOAP, h.swap(marker, repeat("x", 11<<20)))
			if status, closed := h.raw("POST /soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n" +
				repeat("10000\r\n"+repeat("x", 1<<16)+"\r\n", 200)); status != http.StatusInternalServerError || !closed {
				h.t.Errorf("a body without an end: %d, closed %v", status, closed)
			}
			drip(h.t)
		}},
		{44, "xsi:nil and xsi:type", func(h *hostile) {
			const xsi = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" `
			h.all("Client.InvalidXml", h.swap("<round>1</round>", "<round"+xsi+`xsi:nil="true"/>`), h.swap("<round>1", "<round"+xsi+`xsi:type="xs:date">1`))
		}},
		{45, "numbers and times", func(h *hostile) {
			for _, n := range []string{"1e400", "NaN", "1.5", "--1", "0x1", "١", "2147483648", repeat("9", 10_000)} {
				got := h.send(h.swap("<round>1<", "<round>"+n+"<"))
				h.refused("Client.InvalidXml", got)
				if !strings.Contains(got.body, "/request/round") {
					h.t.Errorf("the field is not named: %.300s", got.body)
				}
			}
			for _, at := range []string{"9999-99-99T00:00:00Z", "294277-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-11-20T25:00:00Z", "now"} {
				got := h.send(h.swap("2026-11-20T14:00:00+02:00", at))
				h.refused("Client.InvalidXml", got)
				if !strings.Contains(got.body, "/request/answeredAt") {
					h.t.Errorf("%s: the field is not named: %.300s", at, got.body)
				}
			}
			h.problem(h.json(strings.Replace(restBody("B-1"), "2026-11-20T12:00:00Z", "9999-99-99T00:00:00Z", 1)), http.StatusUnprocessableEntity)
			for _, n := range []string{"1e400", "1.5", "-1", repeat("9", 10_000)} {
				h.problem(h.json(strings.Replace(restBody("B-1"), `"round":1`, `"round":`+n, 1)), http.StatusUnprocessableEntity)
			}
			for _, n := range []string{"NaN", "+1", "01", "1."} {
				h.problem(h.json(strings.Replace(restBody("B-1"), `"round":1`, `"round":`+n, 1)), http.StatusBadRequest)
			}
		}},
	}
}

// drip sends a body that does not come: the deadline for bodies frees the door.
func drip(t *testing.T) {
	h := newHostile(t, func(o *authority.Options) { o.BodyTimeout = 100 * time.Millisecond })
	conn, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(h.good), h.good[:100])
	end := make(chan struct{})
	go func() { // one byte more, again and again, until the door hangs up
		defer close(end)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if _, err := conn.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	buf := make([]byte, 64<<10)
	n := 0
	for {
		m, err := conn.Read(buf[n:])
		n += m
		if err != nil {
			break
		}
	}
	if !strings.Contains(string(buf[:n]), "500 Internal Server Error") || !strings.Contains(string(buf[:n]), "client.invalid_request") {
		t.Errorf("the door said: %.500s", buf[:n])
	}
	<-end
	if n := h.stored(); n != 0 {
		t.Errorf("%d rows are stored", n)
	}
}
