package consultation_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"ristmik/adapters/consultation"
	"ristmik/outbox"
)

// tellerFunc is a function that is a Teller.
type tellerFunc func(ctx context.Context, t consultation.Telling) (string, error)

func (f tellerFunc) Tell(ctx context.Context, t consultation.Telling) (string, error) {
	return f(ctx, t)
}

// A digest that could not be sent in office hours waits for the next ones; what
// happened to a question is told at any hour.
func TestDigestsAreSentInOfficeHoursOnly(t *testing.T) {
	t.Parallel()
	w := newTimedWorld(t, one(national(10)))
	var told []string
	sender := w.Telling(outbox.SenderFunc(func(context.Context, outbox.Delivery) outbox.Outcome {
		t.Error("a notice was sent as a question")
		return outbox.Outcome{}
	}), tellerFunc(func(_ context.Context, n consultation.Telling) (string, error) {
		told = append(told, n.ID)
		return "x-1", nil
	}))
	send := func(n consultation.Telling, key string) outbox.Outcome {
		payload, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		return sender.Send(context.Background(), outbox.Delivery{Message: outbox.Message{Kind: consultation.KindTell, Key: key, Payload: payload}})
	}
	digest, notice := consultation.Telling{ID: "d", Day: "2026-03-06"}, consultation.Telling{ID: "n"}
	w.at("2026-03-06 20:00:00") // a Friday
	if o := send(digest, "d"); o.Result != outbox.ResultWait || o.After != 61*time.Hour {
		t.Errorf("at night: %+v", o)
	}
	if o := send(notice, "n"); o.Result != outbox.ResultDelivered || o.Exchange != "x-1" {
		t.Errorf("a notice at night: %+v", o)
	}
	w.at("2026-03-09 09:15:00")
	if o := send(digest, "d"); o.Result != outbox.ResultDelivered {
		t.Errorf("in the morning: %+v", o)
	}
	if o := send(notice, "another"); o.Result != outbox.ResultRefused {
		t.Errorf("under another key: %+v", o)
	}
	if len(told) != 2 {
		t.Errorf("told %v", told)
	}
	was := outbox.Message{Kind: consultation.KindTell, Key: "n", Payload: []byte(`{}`)}
	if consultation.CheckEdited(was, was) == nil {
		t.Error("a notice may be edited")
	}
}
