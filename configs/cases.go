package configs

import "fmt"

// Case is a kind of case whose consultations are decided by rules over the case.
// Version names the rules in force, Shadow those that are tried beside them: what
// they would decide otherwise is stored, and nothing is sent. Facts are what the
// core says of a case for the rules; no authority sees them.
type Case struct {
	Title    Title                     `yaml:"title"`
	Facts    map[string]FactType       `yaml:"facts"`
	Version  string                    `yaml:"version"`
	Shadow   string                    `yaml:"shadow"`
	Versions map[string][]ReceiverRule `yaml:"versions"`
}

// ReceiverRule asks for a consultation of one type when its condition holds;
// without one it always does. After makes it a rule over the answers to questions
// of that type. Because says to people why.
type ReceiverRule struct {
	Ask     string `yaml:"ask"`
	When    string `yaml:"when"`
	After   string `yaml:"after"`
	Because Title  `yaml:"because"`
}

// FactType is the type of a fact of a case.
type FactType string

// Allowed lists the values a file may hold.
func (FactType) Allowed() []string { return []string{"text", "integer", "decimal", "boolean", "list"} }

func (c *Config) checkCase(name string, at func(path, code, message string, allowed ...string)) {
	one, path := c.Cases[name], "cases."+name
	if _, ok := c.Consultations[name]; ok {
		at(path, "contradiction", "a type of consultation has this name too")
	}
	for _, fact := range sorted(one.Facts) {
		if !reFact.MatchString(fact) {
			at(path+".facts."+fact, "bad-name", "a name of small letters, digits and _ is needed")
		}
	}
	version := func(key, value string, needed bool) {
		if value == "" && needed {
			at(path+"."+key, "missing", "a value is needed", sorted(one.Versions)...)
		} else if _, ok := one.Versions[value]; value != "" && !ok {
			at(path+"."+key, "unknown-version", fmt.Sprintf("no version is called %q", value), sorted(one.Versions)...)
		}
	}
	version("version", one.Version, true)
	version("shadow", one.Shadow, false)
	if one.Shadow != "" && one.Shadow == one.Version {
		at(path+".shadow", "contradiction", "this version is in force already")
	}
	for _, v := range sorted(one.Versions) {
		rules := one.Versions[v]
		if len(rules) == 0 {
			at(path+".versions."+v, "missing", "a version needs at least one rule")
		}
		for i, r := range rules {
			rule := fmt.Sprintf("%s.versions.%s[%d]", path, v, i)
			if _, ok := c.Consultations[r.Ask]; !ok {
				at(rule+".ask", "unknown-type", fmt.Sprintf("no type of consultation is called %q", r.Ask), sorted(c.Consultations)...)
			}
			if _, ok := c.Consultations[r.After]; r.After != "" && !ok {
				at(rule+".after", "unknown-type", fmt.Sprintf("no type of consultation is called %q", r.After), sorted(c.Consultations)...)
			}
			if r.Because.ET == "" || r.Because.EN == "" {
				at(rule+".because", "missing", "people want to know why, in both languages", "{et: …, en: …}")
			}
		}
	}
}
