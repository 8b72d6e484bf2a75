package consultation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"ristmik/adapters/consultation/calendar"
	"ristmik/soap"
)

// Deed is what an authority does with its question beside answering it.
type Deed struct {
	ID          string // the authority's own id; repeating it repeats the receipt
	LegID       string
	Round       int
	What        Happening // delivered (it acknowledges), taken, info_requested or extension_requested
	Text        string    // what it asks back
	Until       string    // the end that it asks for: a date, or a date-time where the term counts hours
	Reason      string    // why it needs more time
	Attachments []string  // ids of attachments to what it asks back
	// Classification is how secret it is; "" is AK.
	Classification Classification
	From           soap.ClientID
	Door           string
	MessageID      string
	official       string // who of the authority, at the desk
}

// check names every fault of a deed that can be seen without the database.
func (d Deed) check() faults {
	var f faults
	f.text("/action_id", d.ID, true, maxShort)
	asks, extends := d.What == HappenedAsked, d.What == HappenedExtensionAsked
	switch d.What {
	case HappenedDelivered, HappenedTaken, HappenedAsked, HappenedExtensionAsked:
	default:
		f.add("/action", "enum", "not one of the known actions")
	}
	for _, field := range []struct {
		path, value string
		fits        bool
	}{{"/text", d.Text, asks}, {"/until", d.Until, extends}, {"/reason", d.Reason, extends}} {
		if field.value != "" && !field.fits {
			f.add(field.path, "not_allowed", "this action has none")
			continue
		}
		f.text(field.path, field.value, field.fits, maxText)
	}
	if len(d.Attachments) > 0 && !asks {
		f.add("/attachments", "not_allowed", "this action has none")
	}
	f.attachments(d.Attachments)
	if extends && !f.about("/until") {
		if _, err := until(d.Until); err != nil {
			f.add("/until", "format", "a date or a date-time is needed")
		}
	}
	return f
}

// until reads the end of an extension: the end of a day, or a moment.
func until(s string) (time.Time, error) {
	if day, err := calendar.ParseDay(s); err == nil {
		return day.End(), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading an end: %w", err)
	}
	return t, nil
}

// Act does what an authority does with its question, in the caller's
// transaction, exactly once for each (leg, id): the same deed again gets the
// first receipt. The error is a *[Refusal], as for [Procedure.Receive]; a deed
// that the procedure does not allow now is a conflict.
func (p *Procedure) Act(ctx context.Context, tx pgx.Tx, d Deed) (Receipt, error) {
	if !d.Classification.Passes() {
		return Receipt{}, tooSecret()
	}
	if known, err := p.mayAnswer(ctx, tx, d.LegID, d.From); err != nil {
		return Receipt{}, err
	} else if !known {
		return Receipt{}, unknownLeg()
	}
	return p.act(ctx, tx, d)
}

// act is Act for somebody who may.
func (p *Procedure) act(ctx context.Context, tx pgx.Tx, d Deed) (Receipt, error) {
	l, err := lockLeg(ctx, tx, d.LegID)
	if err != nil {
		return Receipt{}, err
	}
	f := d.check()
	content := d.content()
	if !f.about("/action_id") {
		if r, ok, err := firstDeed(ctx, tx, l.id, d.ID, content); err != nil || ok {
			return r, err
		}
	}
	if d.Round != l.round.Number {
		f.add("/round", FaultRoundNotCurrent, "round %d is the current one", l.round.Number)
	}
	if len(f) > 0 {
		return Receipt{}, &Refusal{RefusedInvalid, f}
	}
	now := p.clock()
	e := occurrence{What: d.What, At: now, Reason: d.Reason}
	if d.What == HappenedExtensionAsked {
		end, _ := until(d.Until) // check has read it
		e.Until = end.UTC()
	}
	receipt := ""
	if d.What == HappenedDelivered {
		receipt = d.ID
	}
	changed, err := p.happen(ctx, tx, &l, e, news{actor: byAuthority, door: d.Door, receipt: receipt})
	if err != nil {
		return Receipt{}, err
	}
	if err := attachDeed(ctx, tx, l.id, d.ID, d.Attachments); err != nil {
		return Receipt{}, err
	}
	batch := &pgx.Batch{}
	if changed && d.What == HappenedAsked {
		batch.Queue(`insert into consultation.inquiry (leg_id, number, text, asked_at) values ($1, $2, $3, $4)`, l.id, l.changes, d.Text, now)
	}
	r := Receipt{Status: StatusAccepted, First: StatusAccepted, LegState: l.progress.State}
	batch.Queue(`
		insert into consultation.deed (leg_id, deed_id, leg_state, received_at, from_client, message_id, content_sha256, official)
		values ($1, $2, $3, $4, $5, nullif($6, ''), $7, nullif($8, ''))`,
		l.id, d.ID, r.LegState, now, d.From.String(), d.MessageID, content, d.official)
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return Receipt{}, fmt.Errorf("storing what the authority did: %w", err)
	}
	return r, p.settle(ctx, tx, l.round, l.roundState)
}

// content is what makes two deeds the same.
func (d Deed) content() []byte {
	data, _ := json.Marshal(struct { // texts and a number always marshal
		Round               int
		What                Happening
		Text, Until, Reason string
		Attachments         []string `json:",omitempty"`
	}{d.Round, d.What, d.Text, d.Until, d.Reason, d.Attachments})
	sum := sha256.Sum256(data)
	return sum[:]
}

// firstDeed finds the receipt of a deed that was done before under the same id.
func firstDeed(ctx context.Context, tx pgx.Tx, leg, id string, content []byte) (Receipt, bool, error) {
	r := Receipt{Status: StatusDuplicate, First: StatusAccepted}
	var before []byte
	err := tx.QueryRow(ctx, `select leg_state, content_sha256 from consultation.deed where leg_id = $1 and deed_id = $2`, leg, id).
		Scan(&r.LegState, &before)
	if errors.Is(err, pgx.ErrNoRows) {
		return Receipt{}, false, nil
	}
	if err != nil {
		return Receipt{}, false, fmt.Errorf("looking for an earlier deed: %w", err)
	}
	if !bytes.Equal(before, content) {
		return Receipt{}, false, &Refusal{RefusedConflict, []Violation{{
			Path: "/action_id", Code: FaultActionIDReused, Message: "another action has been taken under this id",
		}}}
	}
	return r, true, nil
}
