package main

import (
	"fmt"
	"io"
	"time"

	"ristmik/adapters/registers/record"
)

// exchangesCommand shows the record of calls of the contracts.
type exchangesCommand struct {
	jobsCommon
	ID       string `help:"Only the exchange of this X-Road id; says also on whose behalf it was."`
	Register string `help:"Only those with this register."`
	Open     bool   `help:"Only those without an end: under way, or their result is unknown."`
	Limit    int    `default:"50" help:"How many at most, the last ones."`
}

// exchange is one line of the record. UserID stands in it only where one exchange
// was asked for by its id.
type exchange struct {
	MessageID   string    `json:"message_id"`
	SentAt      time.Time `json:"sent_at"`
	Register    string    `json:"register"`
	Operation   string    `json:"operation"`
	Service     string    `json:"service"`
	Caller      string    `json:"caller,omitempty"`
	Issue       string    `json:"issue,omitempty"`
	Purpose     string    `json:"purpose,omitempty"`
	UserID      string    `json:"user_id,omitempty"`
	RequestHash string    `json:"request_hash,omitempty"`
	// EndedAt is nil and Result empty while the exchange has no end.
	EndedAt    *time.Time `json:"ended_at,omitempty"`
	Result     string     `json:"result,omitempty"`
	Code       string     `json:"code,omitempty"`
	StatedHash string     `json:"stated_hash,omitempty"`
	RequestID  string     `json:"request_id,omitempty"`
}

// Run prints the exchanges, the last first.
func (c exchangesCommand) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		list, err := record.List(p.ctx, db.pool, record.Filter{MessageID: c.ID, Register: c.Register, Open: c.Open}, max(1, c.Limit))
		if err != nil {
			return err
		}
		out := make([]exchange, len(list))
		for i, x := range list {
			out[i] = exchange{
				MessageID: x.MessageID, SentAt: x.At.UTC(), Register: x.Register, Operation: x.Operation, Service: x.Service,
				Caller: x.Caller, Issue: x.Issue, Purpose: x.Purpose, RequestHash: x.RequestHash,
			}
			if c.ID != "" {
				out[i].UserID = x.UserID
			}
			if e := x.Ended; e != nil {
				at := e.At.UTC()
				out[i].EndedAt, out[i].Result, out[i].Code, out[i].StatedHash, out[i].RequestID = &at, e.Result, e.Code, e.StatedHash, e.RequestID
			}
		}
		return c.print(p.out, out, func(w io.Writer) { writeExchanges(w, out) })
	})
}

func writeExchanges(w io.Writer, list []exchange) {
	fmt.Fprintln(w, "SENT\tX-ROAD ID\tREGISTER\tOPERATION\tISSUE\tPURPOSE\tON BEHALF OF\tTOOK\tRESULT")
	for _, x := range list {
		took, result := "", "no end"
		if x.EndedAt != nil {
			took, result = x.EndedAt.Sub(x.SentAt).Round(time.Millisecond).String(), x.Result
			if x.Code != "" {
				result += " " + x.Code
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", x.SentAt.Format(time.DateTime), x.MessageID, x.Register, x.Operation, x.Issue, x.Purpose, x.UserID, took, result)
	}
}
