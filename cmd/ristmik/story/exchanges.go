package story

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// exchange is one message as the sandbox's Security Server saw it pass.
type exchange struct {
	MessageID string    `json:"message_id"`
	Client    string    `json:"client"`
	Service   string    `json:"service"`
	Result    string    `json:"result"`
	StartedAt time.Time `json:"started_at"`
	MS        float64   `json:"ms"`
}

// parties names the subsystems for people.
var parties = map[string]string{
	"EE/GOV/70008747/ristmik":     "hub",
	"EE/GOV/70000349/tor":         "tax",
	"EE/GOV/79990000/jarelevalve": "labour",
	"EE/GOV/70000591/konsult":     "security",
}

// tellExchanges prints what has gone over X-Road since the last telling: who
// called whom, by which wire, and what came back, as the Security Server
// between them saw it.
func (s *Story) tellExchanges(ctx context.Context) error {
	var log struct {
		Exchanges []exchange `json:"exchanges"`
	}
	if _, err := s.call(ctx, http.MethodGet, s.o.Control+"/control/v1/exchanges?limit=1000", nil, nil, &log); err != nil {
		return err
	}
	slices.SortStableFunc(log.Exchanges, func(a, b exchange) int { return a.StartedAt.Compare(b.StartedAt) })
	for _, e := range log.Exchanges {
		if s.told[e.MessageID] {
			continue
		}
		s.told[e.MessageID] = true
		provider, service, wire := e.parts()
		s.sayAt(e.StartedAt, fmt.Sprintf("%s → %s, %s", party(e.Client), party(provider), wire),
			"%s → %s, %.0f ms, X-Road id %s", service, e.Result, e.MS, e.MessageID)
	}
	return nil
}

// parts splits a service's identifier. SOAP services have a version in theirs,
// REST services have none (PR-REST 4.1).
func (e exchange) parts() (provider, service, wire string) {
	parts := strings.Split(e.Service, "/")
	if len(parts) < 5 {
		return e.Service, "", "X-Road"
	}
	provider = strings.Join(parts[:4], "/")
	service = strings.Join(parts[4:], " ")
	if len(parts) == 5 {
		return provider, service, "REST"
	}
	return provider, service, "SOAP"
}

func party(subsystem string) string {
	if name, ok := parties[subsystem]; ok {
		return name
	}
	return subsystem
}
