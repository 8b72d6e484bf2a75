package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// consultationView is what the core sees of a consultation.
type consultationView struct {
	ID         string `json:"id"`
	Case       string `json:"case_reference"`
	Round      int    `json:"round"`
	State      string `json:"state"`
	Outcome    string `json:"outcome"`
	ViaSilence bool   `json:"via_silence"`
	Unanswered bool   `json:"unanswered"`
	Legs       []legView
}

type legView struct {
	ID        string     `json:"id"`
	Authority string     `json:"authority"`
	State     string     `json:"state"`
	Late      bool       `json:"late"`
	DueAt     *time.Time `json:"due_at"`
	Answer    *struct {
		Code string `json:"code"`
		Door string `json:"door"`
	} `json:"answer"`
	EarlierAnswers []json.RawMessage `json:"earlier_answers"`
	LateAnswers    []struct {
		Code string `json:"code"`
	} `json:"late_answers"`
	Inquiries []struct {
		Text   string `json:"text"`
		Answer string `json:"answer"`
	} `json:"inquiries"`
}

func (c consultationView) leg(authority string) legView {
	for _, l := range c.Legs {
		if l.Authority == authority {
			return l
		}
	}
	return legView{}
}

// event is one of the feed.
type sceneEvent struct {
	Position string         `json:"position"`
	Type     string         `json:"type"`
	Subject  string         `json:"subject"`
	Time     time.Time      `json:"time"`
	Data     map[string]any `json:"data"`
}

// official is the official in charge, synthetic as everybody.
const official = "EE71506150007"

// openRequest is what the core says to open a consultation; changes replace its
// members.
func openRequest(kind, caseReference string, changes map[string]any) map[string]any {
	body := map[string]any{
		"type": kind, "case_reference": caseReference, "legal_basis": "VMS § 31", "purpose": "Elamisloa taotluse läbivaatamine",
		"person":   map[string]any{"personal_code": "71506150007", "given_name": "Oriane", "surname": "Näidis"},
		"employer": map[string]any{"registry_code": "10000001"}, "official": official,
	}
	maps.Copy(body, changes)
	return body
}

func idempotency(key string) http.Header { return http.Header{"Idempotency-Key": {key}} }

// open opens a consultation.
func (s *scene) open(kind, caseReference string) consultationView {
	s.t.Helper()
	var c consultationView
	s.must("POST", s.core+"/v1/consultations", idempotency("open/"+caseReference), openRequest(kind, caseReference, nil), &c)
	return c
}

// get reads a consultation.
func (s *scene) get(id string) consultationView {
	s.t.Helper()
	var c consultationView
	s.must("GET", s.core+"/v1/consultations/"+id, nil, nil, &c)
	return c
}

// act does something as the case owner and returns the status and the answer.
func (s *scene) act(path, key string, body any) (int, map[string]any) {
	s.t.Helper()
	var out map[string]any
	status := s.do("POST", s.core+"/v1/consultations/"+path, idempotency(key), body, &out)
	return status, out
}

// mustAct is act for what has to work.
func (s *scene) mustAct(path, key string, body any) {
	s.t.Helper()
	if status, out := s.act(path, key, body); status/100 != 2 {
		s.t.Fatalf("%s: %d %v", path, status, out)
	}
}

// events reads on in the feed until one fits, and returns it; all before it are
// passed over.
func (s *scene) event(what string, fits func(sceneEvent) bool) sceneEvent {
	s.t.Helper()
	for range 60 {
		var page struct {
			Events []sceneEvent `json:"events"`
			Next   string       `json:"next"`
		}
		s.must("GET", s.core+"/v1/events?limit=100&wait=2&after="+url.QueryEscape(s.position), nil, nil, &page)
		for _, e := range page.Events {
			s.position = e.Position
			if fits(e) {
				return e
			}
		}
	}
	s.t.Fatalf("no event: %s", what)
	return sceneEvent{}
}

// happened waits for an event of a type about a leg.
func (s *scene) happened(kind, leg string) sceneEvent {
	s.t.Helper()
	return s.event(kind+" of "+leg, func(e sceneEvent) bool { return e.Type == kind && e.Data["leg_id"] == leg })
}

// happenedToAll waits for an event of a type about each of the legs, in whatever
// order they come.
func (s *scene) happenedToAll(kind string, legs ...string) {
	s.t.Helper()
	seen := map[string]bool{}
	s.event(kind+" of all", func(e sceneEvent) bool {
		if leg := fmt.Sprint(e.Data["leg_id"]); e.Type == kind && slices.Contains(legs, leg) {
			seen[leg] = true
		}
		return len(seen) == len(legs)
	})
}

// completed waits until a round is complete, and returns its outcome.
func (s *scene) completed(id string) string {
	s.t.Helper()
	e := s.event("the end of "+id, func(e sceneEvent) bool { return e.Type == "consultation.round_completed" && e.Subject == id })
	return fmt.Sprint(e.Data["outcome"])
}

// as sends a REST message of an authority to the hub through its Security
// Server.
func (s *scene) as(subsystem, method, path string, body any) (int, map[string]any) {
	s.t.Helper()
	var out map[string]any
	status := s.do(method, s.box.URL()+"/r1/EE/GOV/70008747/ristmik/konsult"+path, http.Header{"X-Road-Client": {subsystem}}, body, &out)
	return status, out
}

// answer lets an authority answer by REST; more replaces members. It returns the
// status and what the hub said.
func (s *scene) answer(authority string, leg legView, round int, code string, more map[string]any) (int, map[string]any) {
	s.t.Helper()
	return s.as(subsystemOf(authority), "POST", "/consultations/"+leg.ID+"/answers", answerBody(leg.ID+"/"+code, round, code, more))
}

// mustAnswer is answer for one that has to be taken; it returns the receipt's
// status.
func (s *scene) mustAnswer(authority string, leg legView, round int, code string, more map[string]any) string {
	s.t.Helper()
	status, out := s.answer(authority, leg, round, code, more)
	if status != http.StatusOK {
		s.t.Fatalf("%s by %s: %d %v", code, authority, status, out)
	}
	return fmt.Sprint(out["status"])
}

// answerBody is a whole answer; what is negative has a ground and a reason, what
// has conditions one of them.
func answerBody(id string, round int, code string, more map[string]any) map[string]any {
	body := map[string]any{"answer_id": id, "round": round, "answer_code": code, "answered_at": "2026-03-02T09:00:00Z"}
	switch code {
	case "OBJECTION", "OPINION_NEGATIVE", "PERMIT_DENIED":
		body["legal_ground"], body["justification"] = "VMS § 62 lg 2", "Sünteetiline põhjendus."
	case "APPROVED_WITH_CONDITIONS":
		body["conditions"] = []any{map[string]any{"code": "REPORT", "text": "Sünteetiline tingimus."}}
	}
	maps.Copy(body, more)
	return body
}

func subsystemOf(authority string) string {
	for _, a := range sceneAuthorities {
		if a.name == authority {
			return a.subsystem
		}
	}
	return "EE/GOV/70000349/tor" // tax
}

// faultsOf lists the paths and codes of a problem.
func faultsOf(problem map[string]any) string {
	text := ""
	list, _ := problem["errors"].([]any)
	for _, one := range list {
		f, _ := one.(map[string]any)
		text += fmt.Sprintf("%v %v; ", f["path"], f["code"])
	}
	return text
}

// sceneReceived is a question as an authority of the sandbox remembers it.
type sceneReceived struct {
	ID            string `json:"id"`
	Round         int    `json:"round"`
	TimesReceived int    `json:"times_received"`
	Answered      bool   `json:"answered"`
	AnswerCode    string `json:"answer_code"`
	Deliveries    int    `json:"deliveries_done"`
	Status        string `json:"answer_status"`
	LastError     string `json:"last_error"`
	Steps         []struct {
		Do     string `json:"do"`
		Result string `json:"result"`
	} `json:"steps"`
	Heard  []string `json:"heard"`
	Manner string   `json:"manner"`
	Files  []struct {
		ID, Name, SHA256 string
		Size             int64
		Came             bool
	} `json:"files"`
}

func (q sceneReceived) did() map[string]string {
	done := map[string]string{}
	for _, step := range q.Steps {
		done[step.Do] = step.Result
	}
	return done
}

// received is what reached an authority, by the question's id.
func (s *scene) received(system string) map[string]sceneReceived {
	s.t.Helper()
	var page struct{ Consultations []sceneReceived }
	s.must("GET", s.box.ControlURL()+"/control/v1/received/"+system, nil, nil, &page)
	all := map[string]sceneReceived{}
	for _, q := range page.Consultations {
		all[q.ID] = q
	}
	return all
}

// timeline reads what happened in a consultation.
func (s *scene) timeline(id string, into *[]map[string]any) {
	s.t.Helper()
	var page map[string]json.RawMessage
	s.must("GET", s.core+"/v1/consultations/"+id+"/timeline", nil, nil, &page)
	for _, list := range page {
		if err := json.Unmarshal(list, into); err == nil {
			return
		}
	}
	s.t.Fatal("a timeline without a list")
}

// inDatabase counts the rows of all tables that hold a text.
func (s *scene) inDatabase(text string) int {
	s.t.Helper()
	rows, err := s.db.pool.Query(s.t.Context(), `select format('%I.%I', schemaname, tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')`)
	if err != nil {
		s.t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Fatal(err)
	}
	total := 0
	for _, table := range tables {
		n := 0
		// Binary columns are written as hexadecimal.
		err := s.db.pool.QueryRow(s.t.Context(), `select count(*) from `+table+` t where t::text like '%' || $1 || '%' or t::text like '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'`, text).Scan(&n)
		if err != nil {
			s.t.Fatal(err)
		}
		total += n
	}
	return total
}

// metric is the sum of a metric over its labels.
func (s *scene) metric(name string) float64 {
	s.t.Helper()
	resp, err := http.Get(s.console + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if at := strings.IndexByte(line, '}'); at > 0 {
			series, value = line[:at], strings.TrimSpace(line[at+1:])
		}
		if base, _, _ := strings.Cut(series, "{"); base != name {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return sum
}
