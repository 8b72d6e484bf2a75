package main

import (
	"ristmik/adapters/core"
	"ristmik/configs"
)

// rightsOf are the event types that each client may read; nil when the
// configuration leaves that open.
func rightsOf(cfg *configs.Config) map[string]core.Types {
	if len(cfg.Events.Clients) == 0 {
		return nil
	}
	rights := make(map[string]core.Types, len(cfg.Events.Clients))
	for name, c := range cfg.Events.Clients {
		rights[name] = c.Types
	}
	return rights
}
