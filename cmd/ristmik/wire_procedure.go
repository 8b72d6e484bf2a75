package main

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation"
	"ristmik/adapters/consultation/calendar"
	attachments "ristmik/adapters/consultation/files"
	"ristmik/adapters/consultation/receivers"
	"ristmik/configs"
	"ristmik/soap"
)

func newProcedure(cfg *configs.Config, hidden hiddenNames, now func() time.Time, alarm func(consultation.Alarm)) (*consultation.Procedure, error) {
	policy := consultation.Policy{Types: map[string]consultation.TypePolicy{}, Cases: map[string]consultation.CasePolicy{}}
	for name, c := range cfg.Consultations {
		t := consultation.TypePolicy{FailFast: c.FailFast}
		for _, leg := range c.Legs {
			t.Legs = append(t.Legs, legPolicyOf(leg, cfg.Authorities[leg.Authority], hidden))
		}
		policy.Types[name] = t
	}
	for name, c := range cfg.Cases {
		policy.Cases[name] = casePolicyOf(c)
	}
	var authorities []consultation.Authority
	for _, name := range slices.Sorted(maps.Keys(cfg.Authorities)) {
		a := cfg.Authorities[name]
		var id soap.ClientID
		if a.Subsystem != "" {
			var err error
			if id, err = soap.ParseClientID(a.Subsystem); err != nil {
				return nil, fmt.Errorf("authorities.%s.subsystem: %w", name, err)
			}
		}
		authorities = append(authorities, consultation.Authority{
			Name: name, Title: a.Title.EN, Client: id, Destination: destinationOf(name, a), HiddenDestination: hidden.destinationOf(name, a), Pull: !a.Wire.Sends(), Fallback: a.Fallback == configs.FallbackDesk,
			Tell: a.Notices == configs.NoticesPush,
		})
	}
	return consultation.New(consultation.Options{Policy: policy, Authorities: authorities, NewID: uuid.NewString, Now: now, Alarm: alarm})
}

func legPolicyOf(leg configs.Leg, a configs.Authority, hidden hiddenNames) consultation.LegPolicy {
	var fields []string
	for _, field := range leg.Fields {
		fields = append(fields, string(field))
	}
	return consultation.LegPolicy{
		Authority: leg.Authority, Mandatory: leg.Mandatory, Information: leg.Information, Fields: fields,
		Binding: consultation.Binding(leg.Binding), Destination: destinationOf(leg.Authority, a),
		Hidden: leg.Hidden, HiddenDestination: hidden.destinationOf(leg.Authority, a),
		Pull: !a.Wire.Sends(), Fallback: a.Fallback == configs.FallbackDesk, Tell: a.Notices == configs.NoticesPush,
		Term: termOf(leg.Term), CountsFrom: consultation.CountsFrom(leg.CountsFrom), Silence: consultation.Silence(leg.Silence),
		Extendable: leg.Extendable, Questions: consultation.Questions(leg.Questions), QuestionTerm: termOf(leg.QuestionTerm),
		Downtime: consultation.Downtimes(leg.Downtime),
	}
}

func casePolicyOf(c configs.Case) consultation.CasePolicy {
	p := consultation.CasePolicy{Facts: factsOf(c), Version: c.Version, Shadow: c.Shadow, Versions: map[string][]receivers.Rule{}}
	for version, rules := range c.Versions {
		p.Versions[version] = rulesOf(rules)
	}
	return p
}

func factsOf(c configs.Case) map[string]receivers.FactType {
	facts := map[string]receivers.FactType{}
	for name, t := range c.Facts {
		facts[name] = receivers.FactType(t)
	}
	return facts
}

func rulesOf(list []configs.ReceiverRule) []receivers.Rule {
	rules := make([]receivers.Rule, len(list))
	for i, r := range list {
		rules[i] = receivers.Rule{Ask: r.Ask, When: r.When, After: r.After, Because: receivers.Reason{ET: r.Because.ET, EN: r.Because.EN}}
	}
	return rules
}

// destinationOf is the outbox destination of questions to an authority; "" for one
// to which nothing is sent.
func destinationOf(name string, a configs.Authority) string {
	if !a.Wire.Sends() {
		return ""
	}
	return consultationsOf(name)
}

// filesOf keeps what is attached.
func filesOf(cfg *configs.Config, pool *pgxpool.Pool, now func() time.Time) *attachments.Store {
	return &attachments.Store{
		Pool: pool, Size: int64(cfg.Attachments.MaxMiB) << 20, Types: cfg.Attachments.Types, Now: now,
		Dir: cfg.Attachments.Directory, ToDirectory: cfg.Attachments.Store == configs.StoreDirectory,
	}
}

// termOf is nil for a term that is not there.
func termOf(t configs.Term) *calendar.Rule {
	r := calendar.Rule{RollOver: t.RollOver, LegalBasis: t.LegalBasis}
	switch {
	case t.WorkingDays > 0:
		r.Unit, r.Length = calendar.WorkingDays, t.WorkingDays
	case t.CalendarDays > 0:
		r.Unit, r.Length = calendar.CalendarDays, t.CalendarDays
	case t.Hours > 0:
		r.Unit, r.Length = calendar.Hours, t.Hours
	default:
		return nil
	}
	return &r
}
