package consultation_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"ristmik/adapters/consultation"
	"ristmik/outbox"
	"ristmik/soap"
)

// wireFunc is a wire made of a function.
type wireFunc func(ctx context.Context, q consultation.Question) (consultation.Reply, error)

func (f wireFunc) Ask(ctx context.Context, q consultation.Question) (consultation.Reply, error) {
	return f(ctx, q)
}

func acknowledges(receipt string) wireFunc {
	return func(context.Context, consultation.Question) (consultation.Reply, error) {
		return consultation.Reply{ReceiptID: receipt, MessageID: "x-" + receipt}, nil
	}
}

func knows(facts string) wireFunc {
	return func(context.Context, consultation.Question) (consultation.Reply, error) {
		return consultation.Reply{MessageID: "x-facts", Answer: &consultation.MachineAnswer{
			Code: consultation.CodeFacts, Facts: json.RawMessage(facts), AnsweredAt: noon,
		}}, nil
	}
}

// delivery is the outbox message of a leg, as the relay hands it out.
func (w *world) delivery(c consultation.Consultation, authority string) outbox.Delivery {
	w.t.Helper()
	l := leg(c, authority)
	d := outbox.Delivery{ID: 1, Attempt: 1, Message: outbox.Message{Key: l.ID}}
	err := w.pool.QueryRow(context.Background(), `select destination, payload from outbox.message where key = $1`, l.ID).Scan(&d.Destination, &d.Payload)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// send asks over the wire and records the outcome as the relay does.
func (w *world) send(c consultation.Consultation, authority string, wire consultation.Wire) outbox.Outcome {
	w.t.Helper()
	out := w.Sender(wire).Send(context.Background(), w.delivery(c, authority))
	if out.Apply != nil {
		if err := w.in(out.Apply); err != nil {
			w.t.Fatal(err)
		}
	}
	return out
}

func (w *world) die(c consultation.Consultation, authority, reason string) {
	w.t.Helper()
	err := w.in(func(ctx context.Context, tx pgx.Tx) error { return w.OnDead(ctx, tx, w.delivery(c, authority), reason) })
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestAnAcknowledgementDeliversTheLegOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	for range 2 {
		if out := w.send(c, "labour", acknowledges("r1")); out.Result != outbox.ResultDelivered || out.Exchange != "x-r1" {
			t.Errorf("%+v", out)
		}
	}
	w.send(c, "labour", acknowledges("r2"))
	l := leg(w.get(c.ID), "labour")
	if l.State != consultation.LegDelivered || l.ReceiptID != "r1" || l.DeliveredAt == nil {
		t.Errorf("%+v", l)
	}
	if diff := cmp.Diff([]string{"consultation.requested", "consultation.requested", "consultation.delivered"}, w.types(c.ID)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAcknowledgementAfterTheAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	w.mustReceive(answer(c, "labour", "l", consultation.CodeApproved))
	before := w.get(c.ID)
	w.send(c, "labour", acknowledges("r1"))
	w.die(c, "labour", "unknown_result")
	if diff := cmp.Diff(before, w.get(c.ID)); diff != "" {
		t.Error(diff)
	}
	if types := w.types(c.ID); types[len(types)-1] != "consultation.answered" {
		t.Errorf("%v", types)
	}
}

func TestARegistersAnswerGoesTheWayOfEveryAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("residence_permit.employment")
	w.send(c, "tax", knows(`{"active_employments": 1, "employers":["10000024"]}`))
	// Asked again after a lost commit, the register knows something newer: the first answer stands.
	w.send(c, "tax", knows(`{"active_employments": 2}`))
	l := leg(w.get(c.ID), "tax")
	if l.State != consultation.LegAnswered || l.Answer == nil || l.Answer.Door != "register" || l.Answer.MessageID != "x-facts" {
		t.Fatalf("%+v", l)
	}
	if got := string(l.Answer.Facts); got != `{"active_employments": 1, "employers":["10000024"]}` {
		t.Errorf("facts %s", got)
	}
	w.mustReceive(answer(c, "labour", "l", consultation.CodeApproved))
	w.mustReceive(answer(c, "security", "s", consultation.CodeApproved))
	// And again after the round.
	w.send(c, "tax", knows(`{"active_employments": 3}`))
	got := w.get(c.ID)
	if got.Outcome != consultation.OutcomeClear || len(leg(got, "tax").LateAnswers) != 0 {
		t.Errorf("%+v", got)
	}
}

func TestWhatCannotBeDeliveredIsAProblemUntilItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.open("short")
	failing := wireFunc(func(context.Context, consultation.Question) (consultation.Reply, error) {
		return consultation.Reply{}, &soap.Failure{Kind: soap.KindFixRights, Code: "server.serverproxy.access_denied", MessageID: "x-9"}
	})
	out := w.send(c, "labour", failing)
	if out.Result != outbox.ResultRefused || out.Exchange != "x-9" || out.Apply != nil {
		t.Errorf("%+v", out)
	}
	w.die(c, "labour", "fix_rights server.serverproxy.access_denied")
	w.die(c, "labour", "partner_down")
	if l := leg(w.get(c.ID), "labour"); l.State != consultation.LegDeliveryProblem || l.ProblemReason != "partner_down" {
		t.Errorf("%+v", l)
	}
	w.send(c, "labour", acknowledges("r1"))
	if l := leg(w.get(c.ID), "labour"); l.State != consultation.LegDelivered || l.ProblemReason != "" || l.ReceiptID != "r1" {
		t.Errorf("%+v", l)
	}
	w.die(c, "security", "partner_down")
	w.mustReceive(answer(c, "security", "s", consultation.CodeApproved)) // it had reached them after all
	want := []string{
		"consultation.requested", "consultation.requested", "consultation.delivery_problem", "consultation.delivered",
		"consultation.delivery_problem", "consultation.answered",
	}
	if diff := cmp.Diff(want, w.types(c.ID)); diff != "" {
		t.Error(diff)
	}
	if e := w.events(c.ID)[2]; e.Data["reason"] != "fix_rights server.serverproxy.access_denied" || e.Data["authority"] != "labour" {
		t.Errorf("%+v", e)
	}
}

func TestAnUnreadablePayloadIsNotSent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	wire := wireFunc(func(context.Context, consultation.Question) (consultation.Reply, error) {
		t.Error("it was sent")
		return consultation.Reply{}, nil
	})
	for _, payload := range []string{"", "{", `{"leg_id":"another"}`} {
		out := w.Sender(wire).Send(context.Background(), outbox.Delivery{Message: outbox.Message{Key: "k", Payload: []byte(payload)}})
		if out.Result != outbox.ResultRefused || out.Reason != "internal payload" {
			t.Errorf("%q: %+v", payload, out)
		}
	}
}

// The whole way out with a real relay: one authority acknowledges, one is a
// register, one refuses until its message is given up.
func TestARelayTakesTheQuestionsToTheAuthorities(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	recorded := make(chan outbox.Observation, 100)
	destination := func(name string, wire consultation.Wire) outbox.Destination {
		return outbox.Destination{Name: "consultations." + name, Sender: w.Sender(wire), OnDead: w.OnDead}
	}
	relay, err := outbox.NewRelay(w.pool, []outbox.Destination{
		destination("tax", knows(`{}`)), destination("labour", acknowledges("r1")),
		destination("security", wireFunc(func(context.Context, consultation.Question) (consultation.Reply, error) {
			return consultation.Reply{MessageID: "x"}, &soap.Failure{Kind: soap.KindBusiness, Code: "business.UNKNOWN_CASE"}
		})),
	}, outbox.Options{Owner: "test", Poll: 20 * time.Millisecond, Observe: func(o outbox.Observation) { recorded <- o }})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	running, stop := context.WithCancel(ctx)
	wg.Go(func() {
		if err := relay.Run(running); err != nil {
			t.Error(err)
		}
	})
	c := w.open("residence_permit.employment")
	for done := 0; done < 3; {
		select {
		case o := <-recorded:
			if o.Event == outbox.ObservedAttempt {
				done++
			}
		case <-ctx.Done():
			t.Fatal("the questions did not go out")
		}
	}
	stop()
	wg.Wait()
	got := w.get(c.ID)
	states := map[string]consultation.LegState{}
	for _, l := range got.Legs {
		states[l.Authority] = l.State
	}
	if diff := cmp.Diff(map[string]consultation.LegState{
		"tax": consultation.LegAnswered, "labour": consultation.LegDelivered, "security": consultation.LegDeliveryProblem,
	}, states); diff != "" {
		t.Error(diff)
	}
	if reason := leg(got, "security").ProblemReason; reason != "business business.UNKNOWN_CASE" {
		t.Errorf("reason %q", reason)
	}
}

// Whatever comes in whatever order: a leg that has ended stays as it is, the
// round is completed once, by its last answer, with the outcome of the first
// answers.
func TestNoOrderOfThingsBreaksTheRules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names := []string{"tax", "labour", "security"}
	rapid.Check(t, func(rt *rapid.T) {
		c := w.open("residence_permit.employment")
		first := map[string]consultation.Answer{}
		for step := range rapid.IntRange(1, 12).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "authority")
			before := w.get(c.ID)
			switch rapid.SampledFrom([]string{"ack", "die", "answer", "answer", "repeat"}).Draw(rt, "what") {
			case "ack":
				w.send(c, name, acknowledges("r"))
			case "die":
				w.die(c, name, "partner_down")
			case "repeat":
				if a, ok := first[name]; ok {
					if r, err := w.receive(a); err != nil || r.Status != consultation.StatusDuplicate {
						rt.Fatalf("repeated: %+v %v", r, err)
					}
				}
			case "answer":
				code := rapid.SampledFrom([]consultation.AnswerCode{
					consultation.CodeApproved, consultation.CodeObjection, consultation.CodeOpinionNegative, consultation.CodeNotCompetent,
					consultation.CodeApprovedWithConditions, consultation.CodePermitDenied, consultation.CodeHandledOutOfBand,
				}).Draw(rt, "code")
				a := answer(c, name, string(rune('a'+step)), code)
				r, err := w.receive(a)
				_, again := first[name]
				switch {
				case !again && (err != nil || r.Status != consultation.StatusAccepted):
					rt.Fatalf("first answer of %s: %+v %v", name, r, err)
				case again && before.State == consultation.RoundComplete && (err != nil || r.Status != consultation.StatusLate):
					rt.Fatalf("after the round: %+v %v", r, err)
				case again && before.State == consultation.RoundCollecting:
					if _, refused := errors.AsType[*consultation.Refusal](err); !refused {
						rt.Fatalf("second answer: %+v %v", r, err)
					}
				}
				if !again {
					first[name] = a
				}
			}
			after := w.get(c.ID)
			for i, l := range before.Legs {
				if l.State.Final() && after.Legs[i].State != l.State {
					rt.Fatalf("%s left %s for %s", l.Authority, l.State, after.Legs[i].State)
				}
			}
			if before.State == consultation.RoundComplete && (after.State != before.State || after.Outcome != before.Outcome) {
				rt.Fatalf("the round changed after its end: %s to %s", before.Outcome, after.Outcome)
			}
		}
		completed := 0
		for _, kind := range w.types(c.ID) {
			if kind == "consultation.round_completed" {
				completed++
			}
		}
		got := w.get(c.ID)
		if len(first) < len(names) {
			if got.State != consultation.RoundCollecting || completed != 0 {
				rt.Fatalf("%d of %d answered: %s, completed %d times", len(first), len(names), got.State, completed)
			}
			return
		}
		var results []consultation.LegResult
		for _, l := range got.Legs {
			a := first[l.Authority]
			results = append(results, consultation.LegResult{Mandatory: l.Mandatory, Binding: l.Binding, State: l.State, Code: a.Code, Conditions: a.Conditions})
		}
		if want := consultation.OutcomeOf(results); completed != 1 || got.Outcome != want {
			rt.Fatalf("outcome %s, want %s; completed %d times", got.Outcome, want, completed)
		}
	})
}
