package core_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/consultation"
	"ristmik/adapters/web"
)

func TestAConsultationIsOpenedAndRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opened := w.do("POST", "/v1/consultations", consultationBody(nil))
	if opened.status != http.StatusAccepted {
		t.Fatalf("%d %s", opened.status, opened.body)
	}
	var c consultation.Consultation
	if err := json.Unmarshal([]byte(opened.body), &c); err != nil {
		t.Fatal(err)
	}
	at := opened.header.Get("Location")
	if at != "/v1/consultations/"+c.ID || len(c.Legs) != 5 || c.CaseReference != "ELT-2026/004711" {
		t.Errorf("Location %s, %+v", at, c)
	}
	read := w.do("GET", at, "")
	if diff := cmp.Diff(opened.body, read.body); diff != "" || read.status != http.StatusOK {
		t.Errorf("%d\n%s", read.status, diff)
	}
	if head := w.do("HEAD", at, ""); head.status != http.StatusOK || head.body != "" {
		t.Errorf("HEAD: %+v", head)
	}
	if strings.Contains(opened.body, "71506150007") || strings.Contains(opened.header.Get("Location"), "7150") {
		t.Error("the answer holds the personal code")
	}
}

func TestADeadlineIsExplained(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var c consultation.Consultation
	if err := json.Unmarshal([]byte(w.do("POST", "/v1/consultations", consultationBody(nil)).body), &c); err != nil {
		t.Fatal(err)
	}
	at := "/v1/consultations/" + c.ID + "/legs/"
	r := w.do("GET", at+c.Legs[1].ID+"/deadline", "")
	var d consultation.Deadline
	if err := json.Unmarshal([]byte(r.body), &d); err != nil || r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if d.Due == nil || !d.Due.Equal(*c.Legs[1].DueAt) || d.Due.Format("2006-01-02") != "2026-03-09" || len(d.Lines) != 7 ||
		d.Rule.LegalBasis != "HMS § 33" || d.Silence != consultation.SilenceEscalate || d.StartEvent != "opened" {
		t.Errorf("%s", r.body)
	}
	for _, leg := range []string{c.Legs[0].ID, c.ID, "x"} { // without a term, of nobody, none
		if r := w.do("GET", at+leg+"/deadline", ""); r.status != http.StatusNotFound {
			t.Errorf("%s: %d", leg, r.status)
		}
	}
}

func TestAnUnknownConsultationIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, id := range []string{"6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "x", "71506150007", "%00", "a%2Fb"} {
		if r := w.do("GET", "/v1/consultations/"+id, ""); r.status != http.StatusNotFound || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", id, r.status, r.body)
		}
	}
}

func TestEveryFaultOfAConsultationIsNamedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		name string
		body string
		want []string
	}{
		{"nothing", `{}`, []string{
			"/case_reference required", "/legal_basis required", "/official required", "/person required", "/purpose required", "/type required",
		}},
		{"no object", `[]`, []string{" type"}},
		{"a text", `"x"`, []string{" type"}},
		{"null", `null`, []string{" type"}},
		{"wrong types", consultationBody(map[string]any{"case_reference": 7, "person": "Mai", "employer": []string{}, "occupation": false}), []string{
			"/case_reference type", "/employer type", "/occupation type", "/person type",
		}},
		{"unknown fields", consultationBody(map[string]any{"Type": "x", "person.middle_name": "x", "employer.name": "x", "a/b~c": 1}), []string{
			"/Type unknown_field", "/a~1b~0c unknown_field", "/employer/name unknown_field", "/person/middle_name unknown_field",
		}},
		{"lengths", consultationBody(map[string]any{
			"case_reference": strings.Repeat("x", 101), "legal_basis": "", "purpose": strings.Repeat("õ", 501), "person.given_name": "",
		}), []string{"/case_reference length", "/legal_basis length", "/person/given_name length", "/purpose length"}},
		{"unknown type", consultationBody(map[string]any{"type": "short_visit"}), []string{"/type type.unknown"}},
		{"check digit", consultationBody(map[string]any{"person.personal_code": "36805280108"}), []string{"/person/personal_code personal_code.checksum"}},
		{"first digit", consultationBody(map[string]any{"person.personal_code": "06805280106"}), []string{"/person/personal_code personal_code.first_digit"}},
		{"date", consultationBody(map[string]any{"person.personal_code": "30202309914"}), []string{"/person/personal_code personal_code.date"}},
		{"length", consultationBody(map[string]any{"person.personal_code": "6000101990"}), []string{"/person/personal_code personal_code.length"}},
		{"character", consultationBody(map[string]any{"person.personal_code": "6000101990A"}), []string{"/person/personal_code personal_code.character"}},
		{"registry code", consultationBody(map[string]any{"employer.registry_code": "12345679"}), []string{"/employer/registry_code registry_code.checksum"}},
		{"registry code's first digit", consultationBody(map[string]any{"employer.registry_code": "32345674"}), []string{"/employer/registry_code registry_code.first_digit"}},
		{"official without country", consultationBody(map[string]any{"official": "81506150008"}), []string{"/official pattern"}},
		{"official's check digit", consultationBody(map[string]any{"official": "EE36805280108"}), []string{"/official personal_code.checksum"}},
		{"control characters", consultationBody(map[string]any{"purpose": "a\u0007b", "person.surname": "x\ufffe"}), []string{"/person/surname character", "/purpose character"}},
		{"reference that is no header", consultationBody(map[string]any{"case_reference": "ELT\r\nX-Road-Client: x"}), []string{"/case_reference pattern"}},
		{"reference not ASCII", consultationBody(map[string]any{"case_reference": "Ö-1"}), []string{"/case_reference pattern"}},
		{"blank", consultationBody(map[string]any{"purpose": "   "}), []string{"/purpose required"}},
		{"form and meaning together", consultationBody(map[string]any{"type": "x", "official": "EE36805280108", "person.personal_code": "1", "purpose": nil}), []string{
			"/official personal_code.checksum", "/person/personal_code personal_code.length", "/purpose required", "/type type.unknown",
		}},
	} {
		r := w.do("POST", "/v1/consultations", c.body)
		if r.status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d %s", c.name, r.status, r.body)
			continue
		}
		if diff := cmp.Diff(c.want, r.codes(t)); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
	if n := w.count("select count(*) from consultation.round"); n != 0 {
		t.Errorf("%d rounds were opened", n)
	}
	for _, code := range []string{"71506150400", "71602290570", "50001029996"} {
		if r := w.do("POST", "/v1/consultations", consultationBody(map[string]any{"person.personal_code": code})); r.status != http.StatusAccepted {
			t.Errorf("the good code %s: %d %s", code, r.status, r.body)
		}
	}
}

func TestWhatIsNotTheJSONThatWasAskedForIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := consultationBody(nil)
	const jsonType = "application/json"
	for _, c := range []struct {
		name, body, contentType string
		want                    int
	}{
		{"empty", "", jsonType, 400},
		{"not JSON", "hello", jsonType, 400},
		{"cut off", good[:len(good)-1], jsonType, 400},
		{"something after it", good + "{}", jsonType, 400},
		{"byte order mark", "\ufeff" + good, jsonType, 400},
		{"deep", strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), jsonType, 400},
		{"key twice", strings.Replace(good, `{`, `{"purpose":"x",`, 1), jsonType, 400},
		{"nested key twice", strings.Replace(good, `"surname"`, `"given_name":"x","surname"`, 1), jsonType, 400},
		{"half of a surrogate", strings.Replace(good, "Elamisloa", `\ud800`, 1), jsonType, 400},
		{"zero character", strings.Replace(good, "Elamisloa", `\u0000`, 1), jsonType, 400},
		{"not UTF-8", strings.Replace(good, "Elamisloa", "\xff", 1), jsonType, 400},
		{"huge number", strings.Replace(good, `"Elamisloa andmine"`, "1e400", 1), jsonType, 422},
		{"a million keys", `{"a":0` + strings.Repeat(`,"a":0`, 1_000_000) + `}`, jsonType, 413},
		{"too large", `{"purpose":"` + strings.Repeat("x", 1<<20) + `"}`, jsonType, 413},
		{"no content type", good, "", 415},
		{"text", good, "text/plain", 415},
		{"XML", good, "text/xml", 415},
		{"other charset", good, "application/json; charset=iso-8859-1", 415},
		{"charset", good, "application/json; charset=UTF-8", 202},
	} {
		r := w.do("POST", "/v1/consultations", c.body, "Content-Type", c.contentType)
		if r.status != c.want {
			t.Errorf("%s: %d, want %d: %.200s", c.name, r.status, c.want, r.body)
		}
	}
	if r := w.do("POST", "/v1/consultations", good, "Content-Encoding", "gzip"); r.status != http.StatusUnsupportedMediaType {
		t.Errorf("compressed: %d", r.status)
	}
}

func TestOtherPathsAndMethodsAreProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"PUT", "/v1/consultations", 405, "GET, HEAD, POST"},
		{"DELETE", "/v1/consultations/6f9619ff-8b86-4d01-b42d-00cf4fc964ff", 405, "GET, HEAD"},
		{"PUT", "/v1/events", 405, "GET, HEAD, POST"},
		{"OPTIONS", "/v1/events", 405, "GET, HEAD, POST"},
		{"POST", "/openapi.json", 405, "GET, HEAD"},
		{"POST", "/", 405, "GET, HEAD"},
		{"GET", "/nothing", 404, ""},
		{"GET", "/v1", 404, ""},
		{"POST", "/v1/consultations/", 404, ""},
		{"GET", "/v1//events", 404, ""},
		{"GET", "/v1/../v1/events", 404, ""},
		{"GET", "/v1/consultations/a/b", 404, ""},
	} {
		r := w.do(c.method, c.path, "")
		if r.status != c.want || r.header.Get("Allow") != c.allow || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %s: %d, Allow %q, %s", c.method, c.path, r.status, r.header.Get("Allow"), r.header.Get("Content-Type"))
		}
	}
}

func TestWithTokensOnlyTheirHoldersComeIn(t *testing.T) {
	t.Parallel()
	const secret = "a-token-that-is-long-enough"
	w := newWorld(t, web.NewToken("ris", secret))
	for _, path := range []string{"/v1/events", "/v1/consultations/6f9619ff-8b86-4d01-b42d-00cf4fc964ff"} {
		if r := w.do("GET", path, ""); r.status != http.StatusUnauthorized {
			t.Errorf("%s without a token: %d", path, r.status)
		}
		if r := w.do("GET", path, "", "Authorization", "Bearer wrong"); r.status != http.StatusUnauthorized {
			t.Errorf("%s with a wrong token: %d", path, r.status)
		}
	}
	if r := w.do("POST", "/v1/consultations", consultationBody(nil)); r.status != http.StatusUnauthorized {
		t.Errorf("POST without a token: %d", r.status)
	}
	if n := w.count("select count(*) from consultation.round"); n != 0 {
		t.Error("a stranger opened a consultation")
	}
	for _, path := range []string{"/", "/openapi.json", "/style.css"} {
		if r := w.do("GET", path, ""); r.status != http.StatusOK {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	w.token = secret
	if r := w.do("POST", "/v1/consultations", consultationBody(nil)); r.status != http.StatusAccepted {
		t.Errorf("with the token: %d", r.status)
	}
}

func TestWithoutTokensOtherNamesOfThisMachineDoNotWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	req, err := http.NewRequest("GET", w.url+"/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "rebound.example"
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("%d", res.StatusCode)
	}
}
