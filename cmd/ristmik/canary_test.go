package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
)

// What nobody but the authorities that are asked and the case owner may read. A
// name that stands nowhere else is its own proof.
var canaries = map[string]string{
	"the person's code": "71506150400", "a wrong code": "71506150401", "the code of an official": "81506150008",
	"the given name": "Kanaarinimi", "the surname": "Linnusulg", "the birth date": "1931-07-29", "the document": "KANARY271828",
	"the occupation": "Sulekudumine", "the purpose": "Laulueesmärk", "the legal basis": "Linnuseadus", "a question": "Küsisäutsu",
	"an answer to it": "Vastusäutsu", "a reason": "Põhjusäutsu", "a justification": "Selgitussäutsu", "a condition": "Tingimussäutsu",
	"another's name": "Nimevahetus", "what an authority got wrong": "Vigasäutsu", "the employer": "10000024",
}

// The authority that is asked in secret: nobody else may know that it is.
var canaryAuthority = []string{"kanaarlind", "Kanaarilinnu", "79990037"}

const canaryKind = `
  canary:
    title: {et: Lind, en: Bird}
    legs:
      - {authority: town, mandatory: true, binding: advisory, fields: [personal_code, given_name, surname, birth_date, document, occupation, employer_code], term: {working_days: 10}, silence: escalate, extendable: true, questions: clock_stops, question_term: {working_days: 10}}
      - {authority: ministry, mandatory: true, binding: override, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
      - {authority: kanaarlind, hidden: true, mandatory: true, binding: veto, fields: [personal_code, given_name, surname], term: {working_days: 10}, silence: escalate}
`

// canaryHub starts ristmik serve at debug level before a sandbox, and returns it
// with what it will have logged.
func canaryHub(t *testing.T, whole, portal string) (*scene, *exec.Cmd, *lockedBuffer) {
	t.Helper()
	dir := openDir(t)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	box, err := sandbox.Start(context.Background(), sandbox.Options{
		Config: sceneWorld(t, sceneOptions{authorities: allSilent()}), Contracts: configs.Contracts(), Seed: 1, Now: time.Now, NewID: uuid.NewString, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = box.Close(context.Background()) })
	text, err := os.ReadFile(asShipped(t, dir, box.URL()))
	if err != nil {
		t.Fatal(err)
	}
	changed := authoritiesKey.ReplaceAllString(string(text), `${0}  kanaarlind: {title: {et: Kanaarilinnu amet, en: Kanaarilinnu office}, subsystem: EE/GOV/79990037/konsult, wire: rest, service: EE/GOV/79990037/konsult/konsult}
  town: {title: {et: town, en: town}, subsystem: EE/GOV/79990023/konsult, wire: rest, service: EE/GOV/79990023/konsult/konsult, notices: push}
  ministry: {title: {et: ministry, en: ministry}, subsystem: EE/GOV/79990017/konsult, wire: soap, service: EE/GOV/79990017/konsult/consultationRequest/v1}
`)
	changed = consultationsKey.ReplaceAllString(changed, "${0}"+strings.TrimPrefix(canaryKind, "\n"))
	changed = strings.Replace(changed, "    # tokens_file: /etc/ristmik/core-tokens ", "    tokens_file: "+filepath.Join(dir, "tokens")+" #", 1) + `
events: {clients: {ris: {types: ["*"], consultations: whole}, portal: {types: ["*"]}}}
`
	write("ristmik.yaml", changed)
	write("tokens", "ris "+whole+"\nportal "+portal+"\n")
	serve, out := program(t, "serve", "-c", "ristmik.yaml", "--log-level", "debug")
	log := &lockedBuffer{}
	serve.Dir, serve.Stderr = dir, log
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	s := &scene{t: t, box: box}
	var doors []string
	lines := bufio.NewScanner(out)
	for len(doors) < 3 && lines.Scan() {
		if at := strings.Index(lines.Text(), "http://"); at >= 0 {
			doors = append(doors, strings.TrimRight(strings.Fields(lines.Text()[at:])[0], "/"))
		}
	}
	if len(doors) < 3 {
		t.Fatalf("serve ended: %v\n%s", serve.Wait(), log)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s.core, s.console = doors[0], doors[2]
	cfg, err := loadConfig(filepath.Join(dir, "ristmik.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	provider, _, _ := strings.Cut(doors[1], "/soap")
	if err := register(box, cfg, provider); err != nil {
		t.Fatal(err)
	}
	return s, serve, log
}

// Whatever is played through the real program, at the most talkative level: what
// is personal or secret stands in no log line, metric, or problem document, and
// that a hidden authority is asked shows to nobody who may not know.
func TestCanariesAreReadByNobody(t *testing.T) {
	t.Parallel()
	whole, portal := strings.Repeat("w", 40), strings.Repeat("p", 40)
	s, serve, log := canaryHub(t, whole, portal)
	by := func(token string, more ...string) http.Header {
		h := http.Header{"Authorization": {"Bearer " + token}}
		for _, key := range more {
			h["Idempotency-Key"] = []string{key}
		}
		return h
	}
	var shown bytes.Buffer // problem documents and what others may see
	fails := func(status int, out any) {
		t.Helper()
		if status/100 != 4 {
			t.Errorf("%d %v", status, out)
		}
		fmt.Fprintln(&shown, out)
	}
	quietly := func() map[string]bool { // metrics that name the hidden authority and say something
		_, text := s.fetch(s.console+"/metrics", nil)
		lines := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			for _, name := range canaryAuthority {
				if strings.Contains(line, name) && !strings.HasSuffix(line, " 0\n") && !strings.HasPrefix(line, "ristmik_breaker_state") {
					lines[line] = true
				}
			}
		}
		return lines
	}
	before := quietly()
	person := map[string]any{
		"personal_code": canaries["the person's code"], "given_name": canaries["the given name"], "surname": canaries["the surname"],
		"birth_date": canaries["the birth date"], "citizenship": "UKR", "document": map[string]any{"number": canaries["the document"], "country": "UKR"},
	}
	body := openRequest("canary", "C-1", map[string]any{
		"person": person, "occupation": canaries["the occupation"], "purpose": canaries["the purpose"], "legal_basis": canaries["the legal basis"],
		"employer": map[string]any{"registry_code": canaries["the employer"]}, "official": "EE" + canaries["the code of an official"],
	})
	var c consultationView
	s.must("POST", s.core+"/v1/consultations", by(whole, "open"), body, &c)
	s.eventually("all three to have it", func() bool {
		s.must("GET", s.core+"/v1/consultations/"+c.ID, by(whole), nil, &c)
		return c.leg("town").State == "DELIVERED" && c.leg("ministry").State == "DELIVERED" && c.leg("kanaarlind").State == "DELIVERED"
	})
	town, leg := subsystemOf("town"), s.core+"/v1/consultations/"+c.ID+"/legs/"+c.leg("town").ID
	act := func(path string, body map[string]any) {
		t.Helper()
		if status, out := s.as(town, "POST", "/consultations/"+c.leg("town").ID+path, body); status/100 != 2 {
			t.Fatalf("%s: %d %v", path, status, out)
		}
	}

	// All that people write.
	act("/review", map[string]any{"action_id": "r", "round": 1})
	act("/inquiries", map[string]any{"action_id": "i", "round": 1, "text": canaries["a question"]})
	s.must("POST", leg+"/information", by(whole, "info"), map[string]any{"text": canaries["an answer to it"]}, nil)
	act("/extensions", map[string]any{"action_id": "x", "round": 1, "until": nextWeekday(t, c.leg("town").DueAt), "reason": canaries["a reason"]})
	s.must("POST", leg+"/extension", by(whole, "ext"), map[string]any{"granted": false, "reason": canaries["a reason"]}, nil)
	now := time.Now().UTC().Format(time.RFC3339)
	answer := answerBody("a", 1, "APPROVED_WITH_CONDITIONS", map[string]any{
		"answered_at": now, "justification": canaries["a justification"], "conditions": []any{map[string]any{"code": "REPORT", "text": canaries["a condition"]}},
	})
	act("/answers", answer)
	other := map[string]any{"personal_code": canaries["the person's code"], "surname": canaries["another's name"]}
	s.must("POST", s.core+"/v1/events", by(whole), map[string]any{
		"id": uuid.NewString(), "type": "person.changed", "occurred_at": now, "data": map[string]any{"before": map[string]any{"personal_code": canaries["the person's code"]}, "after": other},
	}, nil)
	s.must("POST", s.core+"/v1/consultations/search", by(whole), map[string]any{"person": other}, nil)

	// All that goes wrong. What a caller calls its fields is told back to it; what they hold is not.
	do := func(method, path string, header http.Header, body any) {
		t.Helper()
		var out any
		fails(s.do(method, s.core+path, header, body, &out), out)
	}
	wrong := openRequest("canary", "C-2", map[string]any{"person": map[string]any{
		"personal_code": canaries["a wrong code"], "given_name": strings.Repeat(canaries["the given name"], 50), "surname": canaries["the surname"] + "\x01", "birth_date": canaries["the surname"],
	}})
	do("POST", "/v1/consultations", by(whole, "wrong"), wrong)
	do("POST", "/v1/consultations", by(whole, "open"), openRequest("canary", "C-3", map[string]any{"person": person}))
	do("POST", "/v1/consultations", by(whole), []byte(`{"person": {"surname": "`+canaries["the surname"]+`"`))
	do("POST", "/v1/consultations", by(whole), []byte(`{"surname": "`+canaries["the surname"]+`", "type": ["`+canaries["the purpose"]+`"]}`))
	do("POST", "/v1/consultations/search", by(whole), map[string]any{"person": map[string]any{"personal_code": canaries["a wrong code"]}})
	do("POST", "/v1/events", by(whole), map[string]any{"id": canaries["the surname"], "type": "person.changed", "data": person})
	do("GET", "/v1/consultations/"+canaries["the person's code"], by(whole), nil)
	do("GET", "/"+canaries["the person's code"]+"/"+canaries["the document"], by(whole), nil)
	do("GET", "/v1/consultations?limit="+canaries["the document"]+"&reason="+canaries["the occupation"], by(whole), nil)
	do("POST", "/v1/consultations/"+c.ID+"/withdrawal", by(portal), map[string]any{"reason": canaries["a reason"]})
	for i, a := range []map[string]any{
		{"answer_code": canaries["what an authority got wrong"]}, {"answered_at": canaries["what an authority got wrong"]}, {"round": 7, "justification": canaries["a justification"]},
		{"answer_id": "a", "justification": canaries["what an authority got wrong"]}, {"reason": canaries["what an authority got wrong"]},
	} {
		bad := answerBody(fmt.Sprint("bad", i), 1, "OBJECTION", map[string]any{"answered_at": now})
		for name, value := range a {
			bad[name] = value
		}
		fails(s.as(town, "POST", "/consultations/"+c.leg("town").ID+"/answers", bad))
	}

	// What others may see.
	for _, path := range []string{"/notices?after=0&limit=100", "/digests?after_day=2020-01-01&limit=100", "/consultations/" + c.leg("town").ID, "/statistics"} {
		status, out := s.as(town, "GET", path, nil)
		if status != http.StatusOK {
			t.Errorf("%s: %d %v", path, status, out)
		}
		if strings.HasPrefix(path, "/consultations") { // its own question, with all that is in it
			noneOf(t, "another authority's question", fmt.Sprint(out), append(canaryAuthority, c.leg("kanaarlind").ID)...)
			continue
		}
		fmt.Fprintln(&shown, out)
	}
	fails(s.as(town, "GET", "/consultations/"+c.leg("kanaarlind").ID, nil))
	for _, path := range []string{"/v1/consultations/" + c.ID + "/progress", "/v1/events?limit=100", "/v1/consultations/" + c.ID, "/v1/consultations", "/v1/consultations/statistics"} {
		_, text := s.fetch(s.core+path, by(portal))
		shown.Write(text)
	}
	s.must("POST", s.core+"/v1/consultations/"+c.ID+"/withdrawal", by(whole, "w"), map[string]any{"reason": canaries["a reason"]}, nil)
	s.eventually("the authorities to be told", func() bool { return len(s.told("town")) >= 2 })

	_, metrics := s.fetch(s.console+"/metrics", nil)
	if after := quietly(); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("metrics tell that the hidden authority was asked: %v, and before %v", after, before)
	}
	if err := serve.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := serve.Wait(); err != nil {
		t.Errorf("serve ended with %v", err)
	}
	if n := strings.Count(log.String(), "\n"); n < 30 || !strings.Contains(log.String(), `/v1/consultations`) {
		t.Fatalf("the log is not what it should be:\n%s", log)
	}
	for what, canary := range canaries {
		noneOf(t, what+" in the log", log.String(), canary)
		noneOf(t, what+" in the metrics", string(metrics), canary)
		noneOf(t, what+" in what others see", shown.String(), canary)
	}
	noneOf(t, "the hidden authority in the log", log.String(), append(canaryAuthority, c.leg("kanaarlind").ID)...)
	noneOf(t, "the hidden authority in what others see", shown.String(), append(canaryAuthority, c.leg("kanaarlind").ID)...)
}

// nextWeekday is a day after the end of a term, as an authority would ask for.
func nextWeekday(t *testing.T, due *time.Time) string {
	t.Helper()
	if due == nil {
		t.Fatal("no term")
	}
	at := due.AddDate(0, 0, 1)
	for at.Weekday() == time.Saturday || at.Weekday() == time.Sunday {
		at = at.AddDate(0, 0, 1)
	}
	return at.Format(time.DateOnly)
}

// noneOf shows the lines in which something stands that may not.
func noneOf(t *testing.T, where, text string, not ...string) {
	t.Helper()
	for line := range strings.Lines(text) {
		for _, canary := range not {
			if strings.Contains(line, canary) {
				t.Errorf("%s: %q stands in %.500s", where, canary, line)
			}
		}
	}
}
