package authority_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/web"
)

// httpInputs are below the messages: what is sent on the socket itself.
func httpInputs() []badInput {
	post := func(head, body string) string {
		return "POST /soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml; charset=UTF-8\r\n" + head + "\r\n\r\n" + body
	}
	refused := func(h *hostile, want int, requests ...string) {
		h.t.Helper()
		for _, r := range requests {
			if status, closed := h.raw(r); status != want || !closed {
				h.t.Errorf("status %d (want %d), closed %v: %.200q", status, want, closed, r)
			}
		}
	}
	return []badInput{
		{55, "two lengths", func(h *hostile) {
			n := fmt.Sprint(len(h.good))
			chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(h.good), h.good)
			second := "GET /soap HTTP/1.1\r\nHost: x\r\n\r\n"
			refused(h, http.StatusBadRequest,
				post("Content-Length: "+n+"\r\nTransfer-Encoding: chunked", chunk+second),
				post("Transfer-Encoding: chunked\r\nContent-Length: 4", chunk+second),
				post("Content-Length: "+n+"\r\nContent-Length: 4", h.good+second),
				post("Content-Length: +"+n, h.good+second), post("Content-Length: -1", second), post("Content-Length: "+n+", "+n, h.good+second))
			refused(h, http.StatusNotImplemented, post("Transfer-Encoding: xchunked", chunk+second), post("Transfer-Encoding: chunked, identity", chunk+second))
			// In the middle of a connection too, behind a request that was good.
			status, closed := h.raw(post("Content-Length: "+n, h.good) + post("Transfer-Encoding: chunked", chunk) + post("Transfer-Encoding: chunked\r\nContent-Length: 4", chunk))
			if status != http.StatusOK && status != http.StatusBadRequest || status == http.StatusBadRequest && !closed {
				h.t.Errorf("behind a good request: %d %v", status, closed)
			}
		}},
		{56, "chunks", func(h *hostile) {
			for _, chunks := range []string{"5\nhello\r\n0\r\n\r\n", "-1\r\nx\r\n0\r\n\r\n", "10000000000000000\r\nx\r\n", "0x5\r\nhello\r\n0\r\n\r\n", "5;a\rb\r\nhello\r\n0\r\n\r\n", "5\r\nhelloworld\r\n0\r\n\r\n"} {
				refused(h, http.StatusInternalServerError, post("Transfer-Encoding: chunked", chunks)) // what had begun as a message is answered as one
			}
		}},
		{57, "header lines", func(h *hostile) {
			refused(h, http.StatusBadRequest,
				post("X-A : b\r\nContent-Length: 0", ""), post("X-A: b\r\n folded\r\nContent-Length: 0", ""), post("X-A: b\r\n\tfolded\r\nContent-Length: 0", ""),
				post("X-A: b\x00c\r\nContent-Length: 0", ""), post("X-A: b\rX-B: c\r\nContent-Length: 0", ""), post("X A: b\r\nContent-Length: 0", ""), post("no colon\r\nContent-Length: 0", ""))
		}},
		{58, "HTTP/2 is not spoken", func(h *hostile) {
			refused(h, http.StatusBadRequest, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
			dir := h.t.TempDir()
			certificate, key := filepath.Join(dir, "c.pem"), filepath.Join(dir, "k.pem")
			files(h.t, certificate, key)
			own, err := web.LoadCertificates(certificate, key, nil, slog.New(slog.DiscardHandler))
			if err != nil {
				h.t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				h.t.Fatal(err)
			}
			server := web.Server(h.handler, slog.New(slog.DiscardHandler))
			go func() { _ = server.Serve(web.StrictHeads(l, own.ServerConfig(), slog.New(slog.DiscardHandler))) }()
			h.t.Cleanup(func() { _ = server.Close() })
			conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
			if err == nil {
				defer conn.Close()
				if p := conn.ConnectionState().NegotiatedProtocol; p == "h2" {
					h.t.Error("HTTP/2 was agreed on")
				}
			}
			refused(h, http.StatusBadRequest, "POST /soap /x HTTP/1.1\r\nHost: x\r\n\r\n", "POST /soap\x01 HTTP/1.1\r\nHost: x\r\n\r\n")
		}},
		{59, "heads without measure", func(h *hostile) {
			refused(h, http.StatusRequestHeaderFieldsTooLarge, post("X-A: "+repeat("x", 10<<20), ""), post(strings.TrimSuffix(repeat("X-A: b\r\n", 100_000), "\r\n"), ""))
			server := web.Server(h.handler, slog.New(slog.DiscardHandler))
			if server.ReadHeaderTimeout <= 0 || server.ReadHeaderTimeout > 5*time.Second {
				h.t.Errorf("a head may take %v", server.ReadHeaderTimeout)
			}
			server.ReadHeaderTimeout = 100 * time.Millisecond
			slow := serve(h, server)
			_, _ = io.WriteString(slow, "POST /soap HTTP/1.1\r\nHost: x\r\nX-")
			if text, err := io.ReadAll(slow); err != nil || strings.Contains(string(text), "200 OK") { // hangs up
				h.t.Errorf("a head that does not end: %q %v", text, err)
			}
		}},
		{60, "Expect without a body, half-closed", func(h *hostile) {
			conn := serve(h, web.Server(h.handler, slog.New(slog.DiscardHandler)))
			_, _ = io.WriteString(conn, post("Expect: 100-continue\r\nContent-Length: "+fmt.Sprint(len(h.good)), ""))
			line, err := bufio.NewReader(io.LimitReader(conn, 25)).ReadString('\n')
			if err != nil || !strings.Contains(line, "100 Continue") {
				h.t.Errorf("%q %v", line, err)
			}
			_ = conn.(*net.TCPConn).CloseWrite() // the body never comes
			text, err := io.ReadAll(conn)
			if err != nil || !strings.Contains(string(text), "client.invalid_request") {
				h.t.Errorf("%q %v", text, err)
			}
			drip(h.t) // nobody closes: the deadline of bodies does
		}},
		{61, "where it claims to come from", func(h *hostile) {
			got := h.do(http.MethodGet, "/soap?wsdl", nil, "Host", `evil.example`, "X-Forwarded-Host", "forwarded.example", "X-Forwarded-For", "192.0.2.1", "X-Forwarded-Proto", "https", "Forwarded", "host=forwarded.example")
			if got.status != http.StatusOK || strings.Contains(got.body, "forwarded.example") || strings.Contains(got.body, `location="https`) {
				h.t.Errorf("%d: a forwarding header counts", got.status)
			}
			refused(h, http.StatusBadRequest, "GET /soap?wsdl HTTP/1.1\r\nHost: a\"><x\r\n\r\n", "GET /soap?wsdl HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET /soap?wsdl HTTP/1.1\r\n\r\n")
			if status, _ := h.raw("POST http://evil.example/soap HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: " + fmt.Sprint(len(h.good)) + "\r\n\r\n" + h.good); status != http.StatusOK {
				h.t.Errorf("an absolute address: %d", status) // read as one of ours; nobody is called
			}
		}},
		{62, "Connection names a header of ours", func(h *hostile) {
			for _, names := range []string{"X-Road-Client", "close, x-road-client", "keep-alive,X-ROAD-CLIENT"} {
				h.problem(h.json(restBody("B-1"), "Connection", names), http.StatusBadRequest)
			}
			h.problem(h.json(restBody("B-1"), "Connection", "X-Road-Id"), http.StatusBadRequest)
		}},
	}
}

// serve gives h's handler to a server of its own and returns a connection to it.
func serve(h *hostile, server *http.Server) net.Conn {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(web.StrictHeads(l, nil, slog.New(slog.DiscardHandler))) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close(); _ = server.Close(); <-done })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// restInputs are about X-Road's REST header fields, paths and JSON.
func restInputs() []badInput {
	client := func(h *hostile, value string) response {
		return h.json(restBody("B-1"), "-X-Road-Client", "X-Road-Client", value)
	}
	return []badInput{
		{63, "two clients", func(h *hostile) {
			h.problem(h.json(restBody("B-1"), "X-Road-Client", labour.String()), http.StatusBadRequest)
			h.problem(h.json(restBody("B-1"), "X-Road-Client", security.String()), http.StatusBadRequest)
			h.problem(client(h, labour.String()+", "+security.String()), http.StatusBadRequest)
			h.problem(client(h, labour.String()+","+labour.String()), http.StatusBadRequest)
		}},
		{64, "parts of a client", func(h *hostile) {
			for _, v := range []string{"EE/GOV", "EE", labour.String() + "/x", labour.String() + "/x/y", "EE//79990000/jarelevalve", labour.String() + "/", "/" + labour.String(), "EE/GOV/79990000/%20", "%"} {
				h.problem(client(h, v), http.StatusBadRequest)
			}
			h.problem(h.json(restBody("B-1"), "-X-Road-Client"), http.StatusBadRequest)
			h.problem(client(h, "EE/GOV/79990000"), http.StatusForbidden) // well formed; a member is not its subsystem
			h.problem(client(h, labour.String()), http.StatusNotFound)
		}},
		{65, "header fields of the Security Server", func(h *hostile) {
			got := h.json(restBody("B-1"), "X-Road-Request-Id", marker, "X-Road-Request-Hash", marker, "X-Road-Error", marker, "X-Road-Represented-Party", "COM/1", "X-Road-Service", marker)
			h.problem(got, http.StatusNotFound) // as without them; the answer has none, which every test checks
		}},
		{66, "encoded separators in an identifier", func(h *hostile) {
			for _, v := range []string{"EE/GOV/79990000/%00", "EE/GOV/79990000/%c0%af", "EE/GOV/79990000/a%0d%0ab", "EE/GOV/79990000/..", "EE/GOV/79990000/%2e%2E", "EE/GOV/./jarelevalve", "EE/GOV/79990000/%", "EE/GOV/79990000/%2", "EE/GOV/79990000/%zz", `EE/GOV/79990000/a\b`, "EE//GOV/79990000"} {
				h.problem(client(h, v), http.StatusBadRequest)
			}
			// Decoded once, after splitting: names of somebody else.
			for _, v := range []string{"EE/GOV/79990000%2Fjarelevalve", "EE%2fGOV/79990000/jarelevalve", "EE/GOV/79990000%252Fjarelevalve", "EE/GOV/79990000/jarelevalve.", "EE/GOV/79990000/..%2fjarelevalve", "EE/GOV/79990000/.;"} {
				h.problem(client(h, v), http.StatusForbidden)
			}
			h.problem(client(h, "E%45/GOV/7999000%30/jarelevalve"), http.StatusNotFound) // the same value in another spelling
		}},
		{67, "a path that is not straight", func(h *hostile) {
			for _, path := range []string{"/rest/v1/consultations/x/../y/answers", "/rest/v1/consultations/x/%2e%2e/y/answers", "/rest/v1/./consultations/x/answers", "/rest/v1//consultations/x/answers", "/soap/../rest/openapi.json", "/rest/v1/consultations/x/answers/"} {
				status, _ := h.raw("POST " + path + " HTTP/1.1\r\nHost: x\r\nX-Road-Client: " + labour.String() + "\r\nX-Road-Id: 1\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
				if status != http.StatusBadRequest {
					h.t.Errorf("%s: %d", path, status)
				}
			}
		}},
		{68, "queries", func(h *hostile) {
			path := "/rest/v1/consultations/0b1d2a7e-5c0f-4b7e-9a55-000000000000/answers"
			send := func(query string) response {
				return h.do(http.MethodPost, path+query, strings.NewReader(restBody("B-1")), "X-Road-Client", labour.String(), "X-Road-Id", messageID, "Content-Type", "application/json")
			}
			for _, query := range []string{"?a=1&a=2", "?a=1;b=2", "?%zz", "?"} { // nobody reads a query here
				h.problem(send(query), http.StatusNotFound)
			}
			h.problem(send("?a="+repeat("x", 5000)), http.StatusRequestURITooLong)
			h.refused("client.invalid_request", h.do(http.MethodPost, "/soap?a="+repeat("x", 5000), strings.NewReader(h.good), "Content-Type", "text/xml"))
		}},
		{69, "other versions", func(h *hostile) {
			for _, path := range []string{"/r1/EE/GOV/70008747/ristmik/konsult", "/R1/x", "/rest/v2/consultations/x/answers", "/REST/v1/consultations/x/answers", "/rest/V1/consultations/x/answers"} {
				h.problem(h.do(http.MethodPost, path, strings.NewReader("{}")), http.StatusNotFound) // no address of ours
			}
			h.problem(h.do(http.MethodPost, "/rest//consultations/x/answers", strings.NewReader("{}")), http.StatusBadRequest)
		}},
		{70, "message ids", func(h *hostile) {
			for _, id := range []string{repeat("a", 10<<10), repeat("a", 256), "a b", "õ", ""} {
				h.problem(h.json(restBody("B-1"), "-X-Road-Id", "X-Road-Id", id), http.StatusBadRequest)
				h.all("Client.MissingHeaderField", h.swap("<xrd:id>"+messageID, "<xrd:id>"+id))
			}
			for _, id := range []string{"<script>", "a;b", "../x"} { // visible characters; escaped wherever they are shown
				h.problem(h.json(restBody("B-1"), "-X-Road-Id", "X-Road-Id", id), http.StatusNotFound)
			}
			h.problem(h.json(restBody("B-1"), "-X-Road-Id"), http.StatusBadRequest)
			for range 2 { // the same id again is no fault (C-168); the answer's own id decides
				h.accepted(h.send(h.good))
			}
		}},
		{84, "JSON", func(h *hostile) {
			good := restBody("B-1")
			for _, body := range []string{
				repeat("[", 100_000) + repeat("]", 100_000), repeat(`{"a":`, 65) + "1" + repeat("}", 65), strings.Replace(good, `"round":1`, `"round":1,"round":2`, 1),
				strings.Replace(good, marker, `\ud800`, 1), strings.Replace(good, marker, `\u0000`, 1), strings.Replace(good, marker, "\xff", 1),
				"\xef\xbb\xbf" + good, good + "{}", good + "x", "", " ", "{", "{'a':1}", "[1,]", "{\"a\":1,}", "// x\n{}", "NaN",
			} {
				h.problem(h.json(body), http.StatusBadRequest)
			}
			keys := make([]string, 700_000)
			for i := range keys {
				keys[i] = fmt.Sprintf(`"k%d":1`, i)
			}
			h.problem(h.json("{"+strings.Join(keys, ",")+"}"), http.StatusBadRequest)
			got := h.json("{" + strings.Join(keys[:9_000], ",") + "}")
			h.problem(got, http.StatusUnprocessableEntity) // and the answer stays short
			h.problem(h.json(`{"`+repeat("k", 1<<20)+`":1}`), http.StatusUnprocessableEntity)
			h.problem(h.json("{"+strings.Join(slices.Repeat(keys, 2), ",")+"}"), http.StatusRequestEntityTooLarge)
			for _, body := range []string{"null", "[]", "1", `""`} {
				h.problem(h.json(body), http.StatusUnprocessableEntity)
			}
		}},
		{88, "a failure that knows too much", func(h *hostile) {
			own := newHostile(h.t)
			if _, err := own.pool.Exec(h.t.Context(), `
				create function consultation.refuse() returns trigger language plpgsql as
				$$ begin raise exception 'no_more: %', new.justification; end $$;
				create trigger refuse before insert on consultation.answer for each row execute function consultation.refuse()`); err != nil {
				h.t.Fatal(err)
			}
			own.refused("Server.InternalError", own.send(own.answerOf("A-1")))
			own.problem(own.rest(own.leg("labour"), restBody("B-1")), http.StatusInternalServerError)
			own.unharmed()
		}},
	}
}
