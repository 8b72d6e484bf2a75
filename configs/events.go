package configs

// Events says who is told what of the hub's events.
type Events struct {
	// Clients are the rights of client systems, by the names in the core
	// listener's tokens_file. Without any, every client reads every event; with
	// some, a client that is not there reads none.
	Clients map[string]EventClient `yaml:"clients"`
}

// EventClient is what one client system may read: event types, or the
// beginning of some and ".*", or "*".
type EventClient struct {
	Types []string `yaml:"types"`
}

func (c *Config) checkEvents(at func(path, code, message string, allowed ...string)) {
	for _, name := range sorted(c.Events.Clients) {
		path := "events.clients." + name
		if len(c.Events.Clients[name].Types) == 0 {
			at(path+".types", "missing", "a client that may read nothing is left out", "consultation.answered", "consultation.*", "*")
		}
		if c.Listeners.Core.TokensFile == "" {
			at(path, "contradiction", "clients are known by their tokens; set listeners.core.tokens_file")
		}
	}
}
