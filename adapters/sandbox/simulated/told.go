package simulated

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"ristmik/adapters/sandbox/journal"
	"ristmik/adapters/web"
	"ristmik/soap"
)

// toldRecord is a notice that the hub sent to an authority; the same one may come
// again.
type toldRecord struct {
	System  string   `json:"system"`
	ID      string   `json:"id"`
	Day     string   `json:"day,omitempty"`
	Entries []string `json:"entries"` // consultation and what happened to it
	Receipt string   `json:"receipt"`
}

// told is a notice as an authority remembers it. Guarded by World.mu.
type told struct {
	toldRecord
	times int
}

// ReceivedTold is a notice that the hub sent, as an authority sees it.
type ReceivedTold struct {
	ID            string   `json:"id"`
	Day           string   `json:"day,omitempty"`
	Entries       []string `json:"entries"`
	TimesReceived int      `json:"times_received"`
}

func (w *World) tell(name string, r toldRecord) (receipt string, duplicate bool, err error) {
	var t journal.Ticket
	err = func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		r.System, r.Receipt = name, w.o.NewID()
		if before := w.authorities[name].toldByID[r.ID]; before != nil {
			duplicate, r.Receipt = true, before.Receipt
		}
		receipt = r.Receipt
		t, err = w.commit(record{At: w.o.Now(), Told: &r})
		return err
	}()
	if err == nil {
		err = t.Wait()
	}
	return receipt, duplicate, err
}

func (w *World) applyTold(r toldRecord) error {
	a := w.authorities[r.System]
	if a == nil {
		return fmt.Errorf("no authority is called %q", r.System)
	}
	n := a.toldByID[r.ID]
	if n == nil {
		n = &told{toldRecord: r}
		a.toldByID[r.ID] = n
		a.told = append(a.told, n)
	}
	n.times++
	return nil
}

// consultationNotice takes what the hub tells an authority over SOAP.
func (w *World) consultationNotice(name string) operate {
	return func(_ context.Context, _ *soap.Message, request map[string]any) (map[string]any, error) {
		r := toldRecord{}
		r.ID, _ = request["noticeId"].(string)
		r.Day, _ = request["day"].(string)
		entries, _ := request["entry"].([]any)
		for _, e := range entries {
			one, _ := e.(map[string]any)
			r.Entries = append(r.Entries, strings.TrimSpace(fmt.Sprint(one["consultationId"], " ", one["what"])))
		}
		if r.ID == "" {
			return nil, &businessFault{"notice.key", "noticeId puudub"}
		}
		receipt, duplicate, err := w.tell(name, r)
		if err != nil {
			return nil, err
		}
		return map[string]any{"receiptId": receipt, "duplicate": duplicate}, nil
	}
}

// restTold takes what the hub tells an authority over REST (POST /notices).
func (w *World) restTold(name string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var n struct {
			ID      string `json:"notice_id"`
			At      string `json:"at"`
			Day     string `json:"day"`
			Total   int    `json:"total"`
			Entries []struct {
				ConsultationID string `json:"consultation_id"`
				Round          int    `json:"round"`
				CaseReference  string `json:"case_reference"`
				CaseType       string `json:"case_type"`
				What           string `json:"what"`
				Percent        int    `json:"percent"`
				State          string `json:"state"`
				DueAt          string `json:"due_at"`
			} `json:"entries"`
		}
		if _, ok := caller(rw, r); !ok || !readJSON(rw, r, &n) {
			return
		}
		var faults []web.FieldError
		faults = needed(needed(faults, "notice_id", n.ID), "at", n.At)
		record := toldRecord{ID: n.ID, Day: n.Day}
		for i, e := range n.Entries {
			faults = needed(faults, fmt.Sprintf("entries/%d/consultation_id", i), e.ConsultationID)
			record.Entries = append(record.Entries, e.ConsultationID+" "+e.What)
		}
		if refused(rw, faults) {
			return
		}
		w.acknowledge(name, rw, http.StatusAccepted, func() (string, bool, error) { return w.tell(name, record) })
	}
}
