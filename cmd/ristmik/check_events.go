package main

import (
	"fmt"

	"ristmik/adapters/core"
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
}

func (m *meaning) eventTypes(path string, types, known []string) {
	for i, p := range types {
		if _, bad := core.ParseTypes([]string{p}, known); len(bad) > 0 {
			m.fault(fmt.Sprintf("%s[%d]", path, i), "unknown-event-type", "no event has this type; a type, the beginning of some and .*, or * is needed", known...)
		}
	}
}
