package simulated

import (
	"context"
	"fmt"

	"ristmik/adapters/sandbox/journal"
	"ristmik/mapping"
	"ristmik/soap"
)

// Notice is an event of a permit as a register got it.
type Notice struct {
	EventID       string `json:"event_id"`
	EventType     string `json:"event_type"`
	OccurredAt    string `json:"occurred_at"`
	PermitID      string `json:"permit_id"`
	PersonalCode  string `json:"personal_code"`
	EmployerCode  string `json:"employer_code,omitempty"`
	ValidFrom     string `json:"valid_from,omitempty"`
	ValidTo       string `json:"valid_to,omitempty"`
	EffectiveFrom string `json:"effective_from,omitempty"`
	GroundCode    string `json:"ground_code,omitempty"`
}

// keptNotice is a notice as a register remembers it. Guarded by World.mu.
type keptNotice struct {
	Notice
	receipt string
	times   int
}

// notices are the notices of one register in the order of their first arrival.
type notices struct {
	list  []*keptNotice
	byKey map[string]*keptNotice
}

func newNotices() *notices { return &notices{byKey: map[string]*keptNotice{}} }

// take remembers a notice; the effect of an event is recorded once, however
// often it comes. Nothing may be acknowledged before the ticket is done.
func (w *World) take(system string, n Notice) (receipt string, duplicate bool, t journal.Ticket, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	receipt = w.o.NewID()
	before := w.notices[system].byKey[n.EventID]
	if before != nil {
		receipt, n = before.receipt, before.Notice
	}
	t, err = w.commit(record{At: w.o.Now(), Notice: &noticeRecord{System: system, Notice: n, Receipt: receipt}})
	return receipt, before != nil, t, err
}

func (w *World) applyNotice(r noticeRecord) error {
	kept := w.notices[r.System]
	if kept == nil {
		return fmt.Errorf("%q takes no permit notices", r.System)
	}
	n := kept.byKey[r.EventID]
	if n == nil {
		n = &keptNotice{Notice: r.Notice, receipt: r.Receipt}
		kept.byKey[r.EventID] = n
		kept.list = append(kept.list, n)
	}
	n.times++
	return nil
}

// permitNotice answers the tax board's permitNotice.
func (w *World) permitNotice(_ context.Context, _ *soap.Message, request map[string]any) (map[string]any, error) {
	text := func(name string) string { s, _ := request[name].(string); return s }
	n := Notice{
		EventID: text("eventId"), EventType: text("eventType"), OccurredAt: text("occurredAt"), PermitID: text("permitId"),
		PersonalCode: text("personalCode"), EmployerCode: text("employerCode"), ValidFrom: text("validFrom"), ValidTo: text("validTo"),
		EffectiveFrom: text("effectiveFrom"), GroundCode: text("groundCode"),
	}
	if n.EventID == "" {
		return nil, &businessFault{"event_id.empty", "eventId on tühi"}
	}
	if code := mapping.CheckPersonalCode(n.PersonalCode); code != "" {
		return nil, &businessFault{code, "isikukood ei ole õige"}
	}
	receipt, duplicate, t, err := w.take(TaxPermits, n)
	if err == nil {
		err = t.Wait()
	}
	if err != nil {
		return nil, err
	}
	return map[string]any{"receiptId": receipt, "duplicate": duplicate}, nil
}
