package consultation

import "slices"

// Classification is how secret something is that is said in a consultation.
type Classification string

// What may pass: public information, and information for internal use only.
// Everything above is state secret or classified foreign information, which
// X-tee does not carry (Government regulation 105 of 23.09.2016, section 1(2)).
// What says nothing about its secrecy is for internal use.
const (
	LevelPublic   Classification = "AVALIK"
	LevelInternal Classification = "AK"
)

// Passes tells whether something of this level may be taken at all. A level
// that is not known does not pass.
func (c Classification) Passes() bool {
	return slices.Contains([]Classification{"", LevelPublic, LevelInternal}, c)
}

// orDefault is the level of something that may say none.
func (c Classification) orDefault() Classification {
	if c == "" {
		return LevelInternal
	}
	return c
}

// Alarm says that somebody sent what is too secret for the hub. It holds
// nothing of what was sent, the level included.
type Alarm struct {
	Door string // "core", "soap" or "rest"
	From string // the core's client or the authority's subsystem, "" when nobody knows
}

// Admit refuses what is too secret to be taken, with a *[Refusal], and tells
// [Options.Alarm]. A door calls it with the level that a message states, before
// anything of the message is stored, logged or looked at more closely.
func (p *Procedure) Admit(level Classification, door, from string) error {
	if level.Passes() {
		return nil
	}
	p.alarm(Alarm{door, from})
	return tooSecret()
}

// tooSecret names nothing but the place: what else may be wrong with the
// message does not matter any more.
func tooSecret() *Refusal {
	return &Refusal{RefusedInvalid, []Violation{{
		Path: "/classification", Code: FaultClassified,
		Message: "only AVALIK and AK pass here; nothing of the message was kept, send it by the channel for classified information",
	}}}
}
