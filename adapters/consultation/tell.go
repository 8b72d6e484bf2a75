package consultation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/calendar"
	"ristmik/adapters/xroad"
	"ristmik/outbox"
	"ristmik/soap"
)

// KindTell is the kind of the outbox messages that tell an authority what became
// of its questions, or remind it; the payload is a [Telling] as JSON.
const KindTell = "consultation.notice"

// digestLane is that of the digests of an authority: one after another, and no
// question waits for them.
const digestLane = "digest"

// mostTold is how many questions a digest names that is sent; all of them can be
// fetched.
const mostTold = 500

// Telling is what an authority is told without having asked: what happened to one
// of its questions, or, with a Day, the reminders of that day. It holds no
// personal data. ID is the same however often it is sent.
type Telling struct {
	ID      string      `json:"notice_id"`
	At      time.Time   `json:"at"`
	Day     string      `json:"day,omitempty"` // of a digest, in Tallinn
	Total   int         `json:"total"`         // how many there are; of a long digest the entries are the first ones
	Entries []ToldOfOne `json:"entries"`
}

// ToldOfOne is what a telling says of one question.
type ToldOfOne struct {
	LegID         string     `json:"consultation_id"` // what the authority knows it as
	Round         int        `json:"round"`
	CaseReference string     `json:"case_reference"`
	CaseType      string     `json:"case_type"`
	What          Happening  `json:"what"`
	Percent       int        `json:"percent,omitempty"` // of the term that had passed, of a reminder
	State         LegState   `json:"state"`
	DueAt         *time.Time `json:"due_at,omitempty"`
}

// Teller is how one authority is told; see [Wire.Ask].
type Teller interface {
	Tell(ctx context.Context, t Telling) (messageID string, err error)
}

// told is the message that tells an authority what happened to its question; it
// follows the question in its lane. False where the authority fetches what it has
// to know.
func (l *lockedLeg) told(what Happening, at time.Time, key string) (outbox.Message, bool) {
	if !l.policy.Tell || l.policy.Destination == "" || l.policy.Pull {
		return outbox.Message{}, false
	}
	one := ToldOfOne{
		LegID: l.id, Round: l.round.Number, CaseReference: l.round.CaseReference, CaseType: l.policy.Type, What: what, State: l.progress.State,
	}
	if due, ok := l.progress.due(); ok && !l.progress.State.Final() {
		one.DueAt = &due
	}
	return telling(l.policy.Destination, l.id, Telling{
		ID: uuid.NewSHA1(eventSpace, []byte("notice/"+l.id+"/"+string(what)+"/"+key)).String(), At: at, Total: 1, Entries: []ToldOfOne{one},
	}), true
}

func telling(destination, lane string, t Telling) outbox.Message {
	payload, _ := json.Marshal(t) // texts, numbers and moments always marshal
	return outbox.Message{Destination: destination, Lane: lane, Kind: KindTell, Key: t.ID, Payload: payload}
}

// tellDigest publishes a digest for an authority that is told. What has hidden
// questions in it goes the way of hidden questions.
func (p *Procedure) tellDigest(ctx context.Context, tx pgx.Tx, authority, day string, now time.Time) error {
	a := p.authorities[authority]
	if !a.Tell || a.Destination == "" {
		return nil
	}
	rows, err := tx.Query(ctx, `
		select l.id, l.round, r.case_reference, l.type, m.percent, l.state, l.due_at, l.hidden
		from consultation.reminder m join consultation.leg l on l.id = m.leg_id
		join consultation.round r on r.consultation_id = l.consultation_id and r.number = l.round
		where (m.authority, m.day) = ($1, $2::date) and m.told order by l.due_at, l.id`, authority, day)
	if err != nil {
		return fmt.Errorf("reading what a digest holds: %w", err)
	}
	t := Telling{ID: uuid.NewSHA1(eventSpace, []byte("digest/"+authority+"/"+day)).String(), At: now, Day: day}
	destination := a.Destination
	var hidden bool
	one := ToldOfOne{What: HappenedReminded}
	_, err = pgx.ForEachRow(rows, []any{&one.LegID, &one.Round, &one.CaseReference, &one.CaseType, &one.Percent, &one.State, &one.DueAt, &hidden}, func() error {
		one.DueAt = inUTC(one.DueAt)
		if t.Total++; len(t.Entries) < mostTold {
			t.Entries = append(t.Entries, one)
		}
		one = ToldOfOne{What: HappenedReminded}
		if hidden {
			destination = a.HiddenDestination
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("reading what a digest holds: %w", err)
	}
	if err := outbox.Publish(ctx, tx, telling(destination, digestLane, t)); err != nil {
		return fmt.Errorf("publishing a digest: %w", err)
	}
	return nil
}

// Telling makes a sender of questions one that tells, too: what a message is, its
// kind says. Nobody is reminded outside office hours: such a message waits.
func (p *Procedure) Telling(ask outbox.Sender, tell Teller) outbox.Sender {
	return outbox.SenderFunc(func(ctx context.Context, d outbox.Delivery) outbox.Outcome {
		if d.Kind != KindTell {
			return ask.Send(ctx, d)
		}
		var t Telling
		if err := json.Unmarshal(d.Payload, &t); err != nil || t.ID != d.Key {
			return xroad.Outcome(&soap.Failure{Kind: soap.KindInternal, Code: "payload", Message: "the stored notice cannot be read", Err: err})
		}
		if now := p.clock(); t.Day != "" {
			if at := calendar.InOffice(now); at.After(now) {
				return outbox.Outcome{Result: outbox.ResultWait, Reason: "office_hours", After: at.Sub(now)}
			}
		}
		id, err := tell.Tell(ctx, t)
		outcome := xroad.Outcome(err)
		if id != "" {
			outcome.Exchange = id
		}
		return outcome
	})
}

// errTold says that what an authority is told cannot be edited.
var errTold = errors.New("a notice says what happened: it cannot be edited")
