package consultation_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation"
	"ristmik/outbox"
	"ristmik/soap"
)

func hiddenTypes() map[string]consultation.TypePolicy {
	return map[string]consultation.TypePolicy{"t": {FailFast: true, Legs: []consultation.LegPolicy{
		{Authority: "labour", Mandatory: true, Binding: consultation.BindingAdvisory, Pull: true, Fields: seen},
		{Authority: "security", Mandatory: true, Binding: consultation.BindingVeto, Hidden: true, HiddenDestination: "hidden-1", Fields: seen},
		{Authority: "tax", Mandatory: true, Binding: consultation.BindingFacts},
	}}}
}

// A hidden question goes by a destination of its own; its veto counts for the
// outcome and ends nobody else's question.
func TestAHiddenVetoIsFeltByNobody(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, hiddenTypes())
	c := w.open("t")
	if !leg(c, "security").Hidden || leg(c, "labour").Hidden {
		t.Errorf("%+v", c.Legs)
	}
	if n := w.count(`select count(*) from outbox.message where destination = 'hidden-1'`); n != 1 {
		t.Errorf("%d messages go the hidden way", n)
	}
	if r := w.mustReceive(answer(c, "security", "s", consultation.CodeObjection)); !r.Hidden {
		t.Errorf("%+v", r)
	}
	if got := w.get(c.ID); leg(got, "labour").State != consultation.LegSent || got.State != consultation.RoundCollecting {
		t.Errorf("%+v", got)
	}
	notices, err := w.Notices(context.Background(), w.pool, labour, 0, 10)
	if err != nil || len(notices) != 1 || notices[0].Position != 1 {
		t.Errorf("%+v (%v)", notices, err)
	}
	w.mustReceive(answer(c, "labour", "l", consultation.CodeOpinionPositive))
	w.mustReceive(answer(c, "tax", "x", consultation.CodeNoData))
	if got := w.get(c.ID); got.Outcome != consultation.OutcomeBlocked {
		t.Errorf("%+v", got)
	}
}

func TestWhoIsHiddenByRequest(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, hiddenTypes())
	r := request("t")
	r.Hidden = []string{"labour", "tax", "nobody"}
	_, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) { return w.Open(ctx, tx, r) })
	if got := strings.Join(codes(err), ", "); got != "/hidden/1 hidden.impossible, /hidden/2 hidden.not_asked" {
		t.Error(got)
	}
	r.Hidden = r.Hidden[:1]
	c, err := w.change(func(ctx context.Context, tx pgx.Tx) (consultation.Consultation, error) { return w.Open(ctx, tx, r) })
	if err != nil || !leg(c, "labour").Hidden || leg(c, "tax").Hidden {
		t.Errorf("%+v (%v)", c, err)
	}
}

// Without the right to know who is asked there are two events of consultations,
// and they do not say how it went.
func TestNeutralEvents(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, hiddenTypes())
	c := w.open("t")
	for name, code := range map[string]consultation.AnswerCode{"security": "OBJECTION", "labour": "OPINION_POSITIVE", "tax": "NO_DATA"} {
		w.mustReceive(answer(c, name, "a", code))
	}
	var told []string
	for _, e := range w.events(c.ID) {
		data, _ := json.Marshal(e.Data)
		if neutral, ok := consultation.Neutral(e.Type, data); ok {
			told = append(told, e.Type+" "+string(neutral))
		}
	}
	want := `consultation.round_completed {"case_reference":"ELT-2026/004711","case_type":"t","consultation_id":"` + c.ID + `","round":1}`
	if strings.Join(told, "\n") != want {
		t.Errorf("%s", strings.Join(told, "\n"))
	}
	if data, ok := consultation.Neutral("permit.issued", json.RawMessage(`{"a":1}`)); !ok || string(data) != `{"a":1}` {
		t.Errorf("%s", data)
	}
}

// What left is shown to the byte, whether or not it was taken, by either wire,
// and goes with what was asked.
func TestWhatLeftIsShown(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, map[string]consultation.TypePolicy{"t": {Legs: []consultation.LegPolicy{
		{Authority: "labour", Binding: consultation.BindingAdvisory, Fields: []string{"surname"}},
	}}})
	var arrived string
	c := client(t, func(rw http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		arrived = string(data)
		rw.WriteHeader(http.StatusServiceUnavailable)
	})
	op := operation(t)
	for name, wire := range map[string]consultation.Wire{
		"soap": consultation.NewSOAPWire(c, soap.ServiceID{Provider: security, Code: "consultationRequest", Version: "v1"}, op, consultation.Enclosed{}),
		"rest": consultation.NewRESTWire(c, soap.ServiceID{Provider: labour, Code: "konsult"}),
	} {
		round := w.open("t")
		id := round.Legs[0].ID
		var payload []byte
		if err := w.pool.QueryRow(t.Context(), `select payload from outbox.message where key = $1`, id).Scan(&payload); err != nil {
			t.Fatal(err)
		}
		if list, err := consultation.SentTo(t.Context(), w.pool, round.ID, id); err != nil || len(list) != 0 {
			t.Errorf("%+v (%v)", list, err)
		}
		out := w.Sender(wire).Send(t.Context(), outbox.Delivery{Message: outbox.Message{Key: id, Payload: payload}})
		if err := w.in(out.Apply); err != nil {
			t.Fatal(err)
		}
		list, err := consultation.SentTo(t.Context(), w.pool, round.ID, id)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %+v (%v)", name, list, err)
		}
		got := list[0]
		if got.Content != arrived || got.MessageID != "message-1" || !strings.Contains(arrived, "Sünteetiline") || strings.Contains(arrived, "71506150007") {
			t.Errorf("%s: shown\n%+v\narrived\n%s", name, got, arrived)
		}
		if name == "soap" && got.RequestHash != soap.HashOf([]byte(arrived)) {
			t.Errorf("hash %s", got.RequestHash)
		}
		if name == "rest" && (got.Method != "POST" || got.Path != "/r1/EE/GOV/79990000/jarelevalve/konsult/consultations" || !strings.Contains(fmt.Sprint(got.Header), "X-Road-UserId:[EE81506150008]")) {
			t.Errorf("%+v", got)
		}
		if _, err := consultation.SentTo(t.Context(), w.pool, round.Legs[0].ID, id); err != consultation.ErrNotFound {
			t.Errorf("of another consultation: %v", err)
		}
		if _, err := w.pool.Exec(t.Context(), `update consultation.sent set content = content || 'x' where leg_id = $1`, id); err != nil {
			t.Fatal(err)
		}
		if _, err := consultation.SentTo(t.Context(), w.pool, round.ID, id); err == nil {
			t.Error("what was changed is shown")
		}
	}
}
