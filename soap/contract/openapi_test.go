package contract_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"ristmik/soap/conformance"
	"ristmik/soap/contract"
	"ristmik/soap/contract/contracttest"
)

const openapiYAML = `openapi: 3.0.3
info: {title: Cars, version: "7"}
servers: [{url: "https://{host}/api/v1/", variables: {host: {default: is.example}}}, {url: /other}]
paths:
  /cars/{plate}:
    parameters: [{$ref: "#/components/parameters/Plate"}, {name: lang, in: query}]
    get:
      operationId: getCar
      summary: One car
      parameters: [{name: lang, in: query, required: true}]
      responses: {"200": {description: ok}, default: {description: no}}
    put:
      requestBody: {required: true, content: {}}
      responses: {"204": {description: ok}}
  /cars:
    post: {requestBody: {content: {}}, responses: {"201": {description: ok}}}
components:
  parameters:
    Plate: {name: plate, in: path, required: true}
`

func TestOpenAPIDescriptionIsRead(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-156")
	got, err := contract.LoadOpenAPI(fstest.MapFS{"cars.yaml": {Data: []byte(openapiYAML)}}, "cars.yaml")
	if err != nil {
		t.Fatal(err)
	}
	plate := contract.Parameter{Name: "plate", In: "path", Required: true}
	want := &contract.API{Name: "cars.yaml", Title: "Cars", Version: "7", Base: "/api/v1", Endpoints: []contract.Endpoint{
		{Method: "GET", Path: "/cars/{plate}", ID: "getCar", Summary: "One car", Parameters: []contract.Parameter{{Name: "lang", In: "query", Required: true}, plate}, Statuses: []string{"200", "default"}},
		{Method: "PUT", Path: "/cars/{plate}", Parameters: []contract.Parameter{plate, {Name: "lang", In: "query"}}, Body: true, Required: true, Statuses: []string{"204"}},
		{Method: "POST", Path: "/cars", Body: true, Statuses: []string{"201"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyTheVersionsOfSecurityServersAreTaken(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-156")
	for version, good := range map[string]bool{
		"3.0.0": true, "3.0.4": true, "3.1.0": true, "3.1.1": false, "3.2.0": false, "2.0": false, "3.0": false, "": false,
	} {
		for form, text := range map[string]string{
			"YAML": strings.Replace(openapiYAML, "openapi: 3.0.3", fmt.Sprintf("openapi: %q", version), 1),
			"JSON": fmt.Sprintf(`{"openapi":%q,"info":{"title":"x","version":"1"},"paths":{"/a":{"get":{"responses":{}}}}}`, version),
		} {
			_, err := contract.ParseOpenAPI([]byte(text))
			if good != (err == nil) || !good && !errors.Is(err, contract.ErrNotOpenAPI) {
				t.Errorf("%s, version %q: %v", form, version, err)
			}
		}
	}
}

func TestOpenAPIThatIsNoneOrMeansTwoThingsIsRefused(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-156")
	replace := func(old, new string) string {
		if !strings.Contains(openapiYAML, old) {
			t.Fatalf("there is no %s", old)
		}
		return strings.Replace(openapiYAML, old, new, 1)
	}
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	for name, text := range map[string]string{
		"path twice":                  replace("  /cars:\n    post: {", "  /cars:\n    get: {}\n  /cars:\n    post: {"),
		"method twice":                replace("    put:", "    get: {}\n    put:"),
		"one path, another parameter": replace("  /cars:", "  /cars/{number}:\n    get: {}\n  /cars:"),
		"no slash":                    replace("  /cars:", "  cars:"),
		"no paths":                    replace("paths:", "roads:"),
		"alias":                       replace("info: {title: Cars", "x: &a 1\nx-b: *a\ninfo: {title: Cars"),
		"deep":                        replace("info: {title: Cars", "x: "+deep+"\ninfo: {title: Cars"),
		"no YAML":                     "{",
		"empty":                       "",
		"a list":                      "[1]",
		"address":                     replace(`"https://{host}/api/v1/"`, `"https://[/"`),
	} {
		if _, err := contract.ParseOpenAPI([]byte(text)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := contract.ParseOpenAPI(make([]byte, 11<<20)); !errors.Is(err, contract.ErrTooLarge) {
		t.Errorf("11 MiB: %v", err)
	}
	if _, err := contract.LoadOpenAPI(fstest.MapFS{}, "none.yaml"); err == nil {
		t.Error("a file that is not here is read")
	}
	// References that lead around in circles or out of the document lead nowhere.
	circle := replace(`{$ref: "#/components/parameters/Plate"}`, `{$ref: "#/components/parameters/A"}`) + "    A: {$ref: '#/components/parameters/B'}\n    B: {$ref: '#/components/parameters/A'}\n"
	for _, text := range []string{circle, replace(`"#/components/parameters/Plate"`, `"http://192.0.2.1/x.yaml#/A"`)} {
		a, err := contract.ParseOpenAPI([]byte(text))
		if err != nil || len(a.Endpoints[0].Parameters) != 1 {
			t.Errorf("%v, %v", a, err)
		}
	}
}

// Our own descriptions are read as others'.
func TestOwnOpenAPIDescriptionsAreRead(t *testing.T) {
	t.Parallel()
	for file, least := range map[string]int{"adapters/core/openapi.yaml": 3, "adapters/authority/openapi.json": 1} {
		path := filepath.Join(contracttest.Root(t), file)
		a, err := contract.LoadOpenAPI(os.DirFS(filepath.Dir(path)), filepath.Base(path))
		if err != nil || len(a.Endpoints) < least {
			t.Errorf("%s: %+v, %v", file, a, err)
		}
	}
}
