package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
)

const shipsYAML = `openapi: 3.0.3
info: {title: Boats, version: "1"}
paths:
  /boats/{name}:
    put:
      operationId: rename
      parameters: [{name: name, in: path, required: true, schema: {type: string}}, {name: tag, in: query, schema: {type: array, items: {type: string}}}, {name: X-Trace, in: header, schema: {type: integer}}]
      requestBody: {required: true, content: {application/json: {schema: {type: object, required: [to], additionalProperties: false, properties: {to: {type: string}, length: {type: number}}}}}}
      responses: {"200": {description: ok, content: {application/json: {schema: {type: object}}}}}
    post: {operationId: sail, requestBody: {required: true, content: {text/csv: {}}}, responses: {"204": {description: ok}}}
`

// A REST service is called by the name of an operation: its description says how,
// and what does not keep to it is not sent.
func TestCallByOperation(t *testing.T) {
	t.Parallel()
	register := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/boats.yaml" {
			_, _ = io.WriteString(w, shipsYAML)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"called":%q,"trace":%q,"body":%s}`, r.Method+" "+r.URL.RequestURI(), r.Header.Get("X-Trace"), body)
	}))
	t.Cleanup(register.Close)
	world, err := sandbox.ParseConfig("world.yaml", []byte(strings.ReplaceAll(carsWorld, "ADDRESS", register.URL)))
	if err != nil {
		t.Fatal(err)
	}
	box, err := sandbox.Start(t.Context(), sandbox.Options{
		Config: world, Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	file := filepath.Join(t.TempDir(), "boats.yaml")
	if err := os.WriteFile(file, []byte(shipsYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	const good = `{"path":{"name":"a-b"},"query":{"tag":["x","y"]},"header":{"X-Trace":7},"body":{"to":"õ","length":1.50}}`
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"the provider's description": {[]string{"--operation", "rename", "-d", good}, exitDone, `{"called":"PUT /boats/boats/a-b?tag=x&tag=y","trace":"7","body":{"to":"õ","length":1.50}}`},
		"a file":                     {[]string{"--operation", "rename", "-d", good, "--contract", file}, exitDone, `"called":"PUT /boats/boats/a-b`},
		"what is wrong":              {[]string{"--operation", "rename", "-d", `{"path":{"name":"a"},"body":{"from":1}}`}, exitUsage, "/body/to"},
		"no JSON":                    {[]string{"--operation", "rename", "-d", `{`}, exitUsage, "-d is not JSON"},
		"no such operation":          {[]string{"--operation", "sink"}, exitUsage, "it has rename, sail"},
		"one that cannot be used":    {[]string{"--operation", "sail", "-d", "{}"}, exitUsage, "cannot be used"},
		"method beside it":           {[]string{"--operation", "rename", "-X", "GET"}, exitUsage, "leave -X"},
		"no such file":               {[]string{"--operation", "rename", "--contract", file + "x"}, exitUsage, "there is no file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			args := append([]string{"call", "EE/GOV/70001490/teenused/boats", "--security-server", box.URL(), "--client", "EE/GOV/70008747/ristmik"}, tc.args...)
			if code := run(t.Context(), args, &out, &errs); code != tc.code || !strings.Contains(out.String()+errs.String(), tc.want) {
				t.Errorf("exit code %d, want %d and %q\n%s%s", code, tc.code, tc.want, &out, &errs)
			}
		})
	}
}
