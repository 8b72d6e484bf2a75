package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ristmik/soap/conformance"
)

// sandboxAddress starts the sandbox as its command does and returns the address
// of its Security Server.
func sandboxAddress(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	reader, writer := io.Pipe()
	var wait sync.WaitGroup
	wait.Go(func() {
		code := run(ctx, []string{"sandbox", "--listen", "127.0.0.1:0", "--control", "127.0.0.1:0", "--log-level", "error"}, writer, io.Discard)
		if code != exitDone {
			t.Errorf("the sandbox ended with %d", code)
		}
		_ = writer.Close()
	})
	t.Cleanup(func() { cancel(); _ = reader.Close(); wait.Wait() })
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		if address, ok := strings.CutPrefix(lines.Text(), "Security Server"); ok {
			go func() { _, _ = io.Copy(io.Discard, reader) }()
			return strings.TrimSpace(address)
		}
	}
	t.Fatal("the sandbox did not tell its address")
	return ""
}

// calling runs ristmik call against the sandbox at address.
func calling(t *testing.T, address string, args ...string) (code int, out, errOut string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), append([]string{"call", "--security-server", address}, args...), &o, &e)
	return code, o.String(), e.String()
}

const (
	torik   = "EE/GOV/70000349/tor/TORIK/v2"
	permits = "EE/GOV/70000349/tor/permitNotice/v1"
	konsult = "EE/GOV/79990000/jarelevalve/konsult"
	ask     = `{"request":{"isikukoodid":"38001085718","paringu_liik":"A"}}`

	permitNotice = `{"event_id":"e-1","event_type":"permit.issued","occurred_at":"2026-01-01T10:00:00Z","permit_id":"p-1","personal_code":"38001085718","employer_code":"10000003","valid_from":"2026-01-01","valid_to":"2027-01-01"}`
)

// What is there can be looked up, without any configuration.
func TestCallListsMembersAndServices(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-142")
	address := sandboxAddress(t)
	for _, c := range []struct {
		args []string
		has  []string
		not  string
	}{
		{[]string{"--list"}, []string{"EE/GOV/70000349/tor ", "Maksu- ja Tolliamet", "EE/GOV/79990000 "}, "TORIK"},
		{[]string{"--list", "EE/GOV/70000349"}, []string{"EE/GOV/70000349/tor "}, "79990000"},
		{[]string{"--list", "EE/GOV/70000349/tor"}, []string{torik + " ", permits, "WSDL", "yes"}, "no"},
		{[]string{"--list", "EE/GOV/79990000/jarelevalve"}, []string{konsult, "OPENAPI"}, "WSDL"},
		{[]string{"--list", "EE/GOV/70000349/tor", "--client", "EE/GOV/70000591/konsult", "--json"}, []string{`"allowed": false`}, `"allowed": true`},
	} {
		code, out, errOut := calling(t, address, c.args...)
		for _, want := range c.has {
			if code != exitDone || !strings.Contains(out, want) || strings.Contains(out, c.not) {
				t.Errorf("%v: exit code %d, %q missing or %q there\n%s%s", c.args, code, want, c.not, out, errOut)
			}
		}
	}
}

// JSON goes in and comes out, whether the contract is configured, shipped or
// told by the provider.
func TestCallSpeaksSOAP(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-089", "C-094")
	address := sandboxAddress(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.json"), filepath.Join(dir, "out.json")
	if err := os.WriteFile(in, []byte(ask), 0o600); err != nil {
		t.Fatal(err)
	}
	code, text, errOut := calling(t, address, torik, "-d", "@"+in, "-o", out, "--user-id", "EE80001010000", "--issue", "CASE-1", "--timeout", "30s")
	if code != exitDone || text != "" {
		t.Fatalf("exit code %d\n%s%s", code, text, errOut)
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Response struct {
			Found *int `json:"leitud_kannete_arv"`
		} `json:"response"`
	}
	if err := json.Unmarshal(written, &answer); err != nil || answer.Response.Found == nil {
		t.Errorf("answer is %s, %v", written, err)
	}

	code, text, errOut = calling(t, address, torik, "-d", ask, "--user-id", "EE80001010000", "--json", "--contract", "employment-register.wsdl")
	var whole struct {
		Exchange exchangeJSON    `json:"exchange"`
		Answer   json.RawMessage `json:"answer"`
		Failure  any             `json:"failure"`
	}
	if err := json.Unmarshal([]byte(text), &whole); err != nil || code != exitDone || whole.Exchange.MessageID == "" || whole.Exchange.RequestHash == "" || whole.Answer == nil || whole.Failure != nil {
		t.Errorf("exit code %d, %v\n%s%s", code, err, text, errOut)
	}

	const wrapper = `<p:TORIK xmlns:p="http://emta-v6.x-road.eu"><request><paringu_liik>A</paringu_liik><isikukoodid>38001085718</isikukoodid></request></p:TORIK>`
	// What proves that exchange is there.
	id, zip := whole.Exchange.MessageID, filepath.Join(dir, "evidence.zip")
	code, text, errOut = calling(t, address, "--documents", id, "--now", "-o", zip)
	if evidence, err := os.ReadFile(zip); err != nil || code != exitDone || !bytes.HasPrefix(evidence, []byte("PK")) {
		t.Errorf("exit code %d, %v\n%s%s", code, err, text, errOut)
	}
	code, text, errOut = calling(t, address, "--documents", "no such/id", "--now", "-o", zip)
	if code != exitFailed || !strings.Contains(errOut, "asic.not_found") {
		t.Errorf("exit code %d\n%s%s", code, text, errOut)
	}

	code, text, errOut = calling(t, address, torik, "--xml", "-d", wrapper, "--user-id", "EE80001010000")
	if code != exitDone || !strings.Contains(text, "TORIKResponse") {
		t.Errorf("exit code %d\n%s%s", code, text, errOut)
	}

	// The notice is refused for its data: that is the service's own word.
	notice := `{"request":{"eventId":"e","eventType":"permit.issued","occurredAt":"2026-01-01T10:00:00Z","permitId":"p","personalCode":"1"}}`
	code, text, errOut = calling(t, address, permits, "-d", notice, "--json")
	if code != exitFailed || !strings.Contains(text, `"kind": "business"`) || !json.Valid([]byte(text)) {
		t.Errorf("exit code %d\n%s%s", code, text, errOut)
	}
}

func TestCallSpeaksREST(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-110", "C-128")
	address := sandboxAddress(t)
	code, out, errOut := calling(t, address, konsult, "-X", "post", "--path", "/permit-notices", "-d", permitNotice)
	if code != exitDone || !json.Valid([]byte(out)) {
		t.Errorf("exit code %d\n%s%s", code, out, errOut)
	}
	code, out, errOut = calling(t, address, konsult, "--path", "/nothing", "--json")
	var whole struct {
		Status  int                                 `json:"status"`
		Failure struct{ Code, Turn, Advice string } `json:"failure"`
	}
	if err := json.Unmarshal([]byte(out), &whole); err != nil || code != exitFailed || whole.Status != 404 || whole.Failure.Code != "http.404" {
		t.Errorf("exit code %d, %v\n%s%s", code, err, out, errOut)
	}
}

// Whoever fails is told whose turn it is and what to do.
func TestCallExplainsFailures(t *testing.T) {
	t.Parallel()
	address := sandboxAddress(t)
	for _, c := range []struct {
		code int
		args []string
		has  []string
	}{
		{exitFailed, []string{torik, "-d", ask, "--user-id", "EE80001010000", "--client", "EE/GOV/70000591/konsult"}, []string{"fix_rights", "access_denied", "turn", "theirs", "advice", "message id"}},
		{exitFailed, []string{"EE/GOV/70000349/tor/nothing/v1", "-d", "{}"}, []string{"unknown_service"}},
		{exitFailed, []string{torik, "-d", ask, "--security-server", "http://127.0.0.1:1"}, []string{"own_server", "transport.unreachable", "ours"}},
		{exitUsage, []string{torik, "-d", `{"request":{"x":1}}`}, []string{"/request/x", "does not fit the contract"}},
		{exitUsage, []string{torik, "-d", `{}{}`}, []string{"more than one JSON object"}},
		{exitUsage, []string{torik, "-d", "@/does/not/exist"}, []string{"no such file"}},
		{exitUsage, []string{"EE/GOV"}, []string{"parts"}},
		{exitUsage, []string{}, []string{"--list"}},
		{exitUsage, []string{konsult, "-X", "BREW"}, []string{"request.method"}},
		{exitUsage, []string{torik, "--security-server", "http://ss.example"}, []string{"plain HTTP"}},
		{exitUsage, []string{torik, "--security-server", "https://ss.example"}, []string{"certificate"}},
		{exitUsage, []string{torik, "--contract", "permit-notice.wsdl"}, []string{"no operation TORIK/v2", "permitNotice/v1"}},
	} {
		code, out, errOut := calling(t, address, c.args...)
		for _, want := range c.has {
			if code != c.code || !strings.Contains(errOut, want) {
				t.Errorf("%v: exit code %d, want %d with %q\n%s%s", c.args, code, c.code, want, out, errOut)
			}
		}
	}
}
