package sandbox_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/adapters/sandbox"
)

// killable starts a sandbox that the returned function kills: nothing is
// brought to an end.
func killable(t testing.TB, o sandbox.Options) (*sandbox.Sandbox, func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := sandbox.Start(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	kill := func() {
		cancel()
		s.Close(context.Background()) // waits until nothing moves any more
	}
	t.Cleanup(kill)
	return s, kill
}

func TestWhatWasAcknowledgedSurvivesTheDeathOfTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHub(t)
	before, kill := killable(t, options(t, dir))
	h.register(before)
	people := persons(t, before)
	code := people[0].PersonalCode
	mustControl(t, before, "PUT", "authorities/labour-inspectorate", map[string]any{"answer_code": "OPINION_POSITIVE", "delay_ms": 0, "hold": true}, nil)
	mustControl(t, before, "PUT", "authorities/security-service", map[string]any{"delay_ms": 0}, nil)
	_, restReceipt, _ := askREST(t, before, "held")
	soapReceipt, _ := askSOAP(t, before, "answered")
	eventually(t, "the answered one", func() bool { return receivedBy(t, before, "security-service").Consultations[0].Answered })
	noticeReceipt, _ := sendNotice(t, before, "e-1", code)
	mustControl(t, before, "POST", "employments/end", map[string]any{"personal_code": code, "toot_id": people[0].Employments[0].ID, "end": "2026-03-09", "ground_code": "85"}, nil)
	mustControl(t, before, "PUT", "services/employment-register", map[string]bool{"down": true}, nil)
	people = persons(t, before)
	wantLabour, wantSecurity := receivedBy(t, before, "labour-inspectorate"), receivedBy(t, before, "security-service")
	kill()
	torn, err := os.OpenFile(filepath.Join(dir, "sandbox.jsonl"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString(`{"at":"2026-03-1`); err != nil {
		t.Fatal(err)
	}
	torn.Close()

	after := start(t, options(t, dir))
	if diff := cmp.Diff(people, persons(t, after)); diff != "" {
		t.Errorf("persons: %s", diff)
	}
	if diff := cmp.Diff(wantLabour, receivedBy(t, after, "labour-inspectorate")); diff != "" {
		t.Errorf("labour: %s", diff)
	}
	if diff := cmp.Diff(wantSecurity, receivedBy(t, after, "security-service")); diff != "" {
		t.Errorf("security: %s", diff)
	}
	if got, _ := faultOf(t, after, envelope(hub, torikService, "m-1", "", torik("A", code, ""))); got != "server.serverproxy.service_failed.network_error" {
		t.Errorf("a register that was down: %s", got)
	}
	if _, again, duplicate := askREST(t, after, "held"); again != restReceipt || !duplicate {
		t.Errorf("consultation over REST: duplicate %v", duplicate)
	}
	if again, duplicate := askSOAP(t, after, "answered"); again != soapReceipt || duplicate != "true" {
		t.Errorf("consultation over SOAP: duplicate %s", duplicate)
	}
	if again, duplicate := sendNotice(t, after, "e-1", code); again != noticeReceipt || duplicate != "true" {
		t.Errorf("notice: duplicate %s", duplicate)
	}
	if n := len(h.got()); n != 1 {
		t.Errorf("%d answers before the release", n)
	}
	mustControl(t, after, "PUT", "authorities/labour-inspectorate", map[string]any{"hold": false}, nil)
	eventually(t, "the answer that was pending", func() bool { return receivedBy(t, after, "labour-inspectorate").Consultations[0].Answered })
}

func TestAnAnswerThatWasDecidedIsTheSameAfterTheDeathOfTheProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := newHub(t)
	h.setRefuse(true)
	before, kill := killable(t, options(t, dir))
	h.register(before)
	mustControl(t, before, "PUT", "authorities/labour-inspectorate", map[string]any{"delay_ms": 0}, nil)
	askREST(t, before, "leg-1")
	var decided received
	eventually(t, "a delivery that is refused", func() bool {
		decided = receivedBy(t, before, "labour-inspectorate")
		return decided.Consultations[0].LastError != ""
	})
	kill()
	h.setRefuse(false)
	after := start(t, options(t, dir))
	eventually(t, "the delivery", func() bool { return receivedBy(t, after, "labour-inspectorate").Consultations[0].Answered })
	if got := h.got(); len(got) != 1 || got[0]["answer_id"] != decided.Consultations[0].AnswerID {
		t.Errorf("the hub got %v, want answer %s", got, decided.Consultations[0].AnswerID)
	}
}

func TestAnotherSeedDoesNotFitAnOldJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, kill := killable(t, options(t, dir))
	p := persons(t, s)[0]
	mustControl(t, s, "POST", "employments/end", map[string]any{"personal_code": p.PersonalCode, "end": "2026-03-09", "ground_code": "85"}, nil)
	kill()
	o := options(t, dir)
	o.Seed = 8
	if s, err := sandbox.Start(context.Background(), o); err == nil {
		s.Close(context.Background())
		t.Error("a world with other employments took the journal")
	}
}

// Starting with a journal of some weeks of use is a matter of milliseconds.
func BenchmarkStart(b *testing.B) {
	dir := b.TempDir()
	s, kill := killable(b, options(b, dir))
	for i := range 500 {
		sendNoticeFast(b, s, fmt.Sprintf("e-%d", i))
	}
	kill()
	for b.Loop() {
		_, kill := killable(b, options(b, dir))
		kill()
	}
}

// sendNoticeFast is sendNotice without the judge.
func sendNoticeFast(t testing.TB, s *sandbox.Sandbox, event string) {
	t.Helper()
	if m := call(t, s, envelope(hub, noticeService, "n-"+event, "", notice(event, "71506150007"))); m.Fault != nil {
		t.Fatalf("fault %s: %s", m.Fault.Code, m.Fault.String)
	}
}

// BenchmarkFirstAnswer is a sandbox of the shipped world from nothing to its
// first answer.
func BenchmarkFirstAnswer(b *testing.B) {
	o := options(b, "")
	for b.Loop() {
		s, kill := killable(b, o)
		call(b, s, envelope(hub, torikService, "first", "", torik("1", "", "")))
		b.StopTimer()
		kill()
		b.StartTimer()
	}
}
