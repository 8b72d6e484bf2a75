package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ristmik/configs"
)

func TestContractCommands(t *testing.T) {
	t.Parallel()
	source, err := configs.Shipped.ReadFile("contracts/employment-register.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	older, newer := filepath.Join(dir, "old.wsdl"), filepath.Join(dir, "new.wsdl")
	changed := strings.Replace(string(source), `name="isikukoodid"`, `name="koodid"`, 1)
	if changed == string(source) {
		t.Fatal("nothing was changed")
	}
	boats, bigger := filepath.Join(dir, "boats.yaml"), filepath.Join(dir, "bigger.yaml")
	more := strings.Replace(boatsYAML, "required: true, schema: {type: string}", "required: true, schema: {type: string, maxLength: 5}", 1)
	for file, text := range map[string]string{older: string(source), newer: changed, boats: boatsYAML, bigger: more} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"list":               {[]string{"contract", "list"}, 0, []string{"employment", "TORIK", "v2"}},
		"check":              {[]string{"contract", "check", older}, 0, []string{"TORIK", "1 of 1 operations can be used"}},
		"check, shipped":     {[]string{"contract", "check", "employment-register.wsdl"}, 0, []string{"TORIK"}},
		"check, OpenAPI":     {[]string{"contract", "check", "../../adapters/core/openapi.yaml"}, 0, []string{"POST", "/v1/consultations", "Open a consultation", "operations can be used"}},
		"check, no OpenAPI":  {[]string{"contract", "check", "../../configs/ristmik.yaml"}, 2, []string{"not an OpenAPI description"}},
		"check, no file":     {[]string{"contract", "check", filepath.Join(dir, "none.wsdl")}, 2, []string{"there is no file"}},
		"diff":               {[]string{"contract", "diff", older, newer}, 1, []string{"BREAKING", "/request/isikukoodid", "the field is gone", "breaking differences"}},
		"diff, none":         {[]string{"contract", "diff", older, older}, 0, []string{"0 differences"}},
		"diff, JSON":         {[]string{"contract", "diff", "--json", older, older}, 0, []string{"[]"}},
		"diff, OpenAPI":      {[]string{"contract", "diff", boats, bigger}, 1, []string{"BREAKING", "boat ", "request", "/path/name", "fewer values", "1 differences, 1 of them breaking"}},
		"diff, harmless":     {[]string{"contract", "diff", bigger, boats}, 0, []string{"harmless", "more values", "1 differences, 0 of them breaking"}},
		"diff, two kinds":    {[]string{"contract", "diff", older, boats}, 2, []string{"one is a WSDL and the other is OpenAPI"}},
		"sample, no such":    {[]string{"contract", "sample", older, "TORX"}, 2, []string{"no operation TORX"}},
		"sample, no version": {[]string{"contract", "sample", older, "TORIK", "--version", "v9"}, 2, []string{"no operation"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			if code := run(t.Context(), tc.args, &out, &errs); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String()+errs.String(), want) {
					t.Errorf("%q is missing in:\n%s%s", want, &out, &errs)
				}
			}
		})
	}
	for _, args := range [][]string{{}, {"--fullest"}, {"--answer", "--fullest"}} {
		var out, errs bytes.Buffer
		var value map[string]any
		code := run(t.Context(), append([]string{"contract", "sample", older, "TORIK"}, args...), &out, &errs)
		if err := json.Unmarshal(out.Bytes(), &value); code != 0 || err != nil || value["request"] == nil {
			t.Errorf("%v: exit code %d, %v, %s%s", args, code, err, &out, &errs)
		}
	}
}
