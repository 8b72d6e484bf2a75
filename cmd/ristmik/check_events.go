package main

import (
	"fmt"

	"ristmik/adapters/core"
	"ristmik/adapters/core/webhook"
)

// events checks who is told what: event types that there are, clients that
// have a token.
func (m *meaning) events() {
	known, err := core.EventTypes()
	if err != nil {
		m.fault("events", "bad-contract", err.Error())
		return
	}
	tokens, err := readTokens(m.cfg.Listeners.Core.TokensFile)
	names := map[string]bool{}
	for _, t := range tokens {
		names[t.Name] = true
	}
	for name, c := range m.cfg.Events.Clients {
		path := "events.clients." + name
		if err == nil && len(tokens) > 0 && !names[name] {
			m.fault(path, "unknown-client", "listeners.core.tokens_file has no token of that name")
		}
		m.eventTypes(path+".types", c.Types, known)
	}
	for name, b := range m.cfg.Events.Brokers {
		path := "events.brokers." + name
		m.eventTypes(path+".types", b.Types, known)
		if _, err := brokerSink(b); err != nil && b.Kind != "" {
			m.fault(path, "bad-broker", err.Error())
		}
	}
	for name, w := range m.cfg.Events.Webhooks {
		path := "events.webhooks." + name
		m.eventTypes(path+".types", w.Types, known)
		o, err := webhookOptions(w)
		if err != nil {
			m.fault(path, "bad-webhook", err.Error())
			continue
		}
		if w.URL != "" {
			if err := webhook.CheckURL(w.URL, w.Plaintext, o.Allow); err != nil {
				m.fault(path+".url", "bad-webhook", err.Error(), "https://ris.example/hooks")
			}
		}
		if _, err := o.Secrets(); err != nil {
			m.fault(path+".secret_files", "bad-webhook", err.Error())
		}
	}
}

func (m *meaning) eventTypes(path string, types, known []string) {
	for i, p := range types {
		if _, bad := core.ParseTypes([]string{p}, known); len(bad) > 0 {
			m.fault(fmt.Sprintf("%s[%d]", path, i), "unknown-event-type", "no event has this type; a type, the beginning of some and .*, or * is needed", known...)
		}
	}
}
