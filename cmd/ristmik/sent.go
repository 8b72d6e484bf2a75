package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/consultation"
)

// sentCommand shows what left for an authority.
type sentCommand struct {
	jobsCommon
	Consultation string `arg:"" help:"Id of the consultation."`
	Leg          string `arg:"" help:"Id of the question in it; the authority knows it as its consultation id."`
}

// Run prints the messages, oldest first.
func (c sentCommand) Run(p *surroundings) error {
	return c.with(p, func(db *database) error {
		list, err := consultation.SentTo(p.ctx, db.pool, c.Consultation, c.Leg)
		if err != nil {
			return err
		}
		return c.print(p.out, list, func(w io.Writer) { writeSent(w, list) })
	})
}

func writeSent(w io.Writer, list []consultation.Sent) {
	for _, s := range list {
		fmt.Fprintf(w, "%s  %s to %s\nsha256 %s\n", s.SentAt.Format(time.RFC3339), s.MessageID, s.Service, s.SHA256)
		if s.RequestHash != "" {
			fmt.Fprintf(w, "request hash %s\n", s.RequestHash)
		}
		if s.Method != "" {
			fmt.Fprintf(w, "\n%s %s\n", s.Method, s.Path)
			for _, name := range slices.Sorted(maps.Keys(s.Header)) {
				fmt.Fprintf(w, "%s: %s\n", name, strings.Join(s.Header[name], ", "))
			}
		}
		fmt.Fprintf(w, "\n%s\n\n", s.Content)
	}
}
