package configs_test

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"ristmik/configs"
)

func TestDeliveryPoliciesAreRead(t *testing.T) {
	t.Parallel()
	c, err := configs.Parse("hub.yaml", []byte(`xroad: {client: EE/GOV/70008747/ristmik}
delivery:
  default: {on_dead: skip, operations: {a: {attempts: 3}, b: {attempts: 4}}}
  destinations:
    tax.permits:
      max_age: 72h
      on_dead: block
      retry_budget: 20
      rate: 600/m
      opening_hours: {zone: Europe/Tallinn, days: {mon-tue: ["08:00-12:00", "13:00-17:00"], sat: 22:00-06:00}}
      operations: {a: {base: 2s}}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := c.Delivery.Destinations["tax.permits"].Or(c.Delivery.Default)
	if p.Base != time.Second || p.MaxAge != 72*time.Hour || p.OnDead != configs.OnDeadBlock || p.RetryBudget != 20 || c.Delivery.Default.RetryBudget != 10 {
		t.Errorf("%+v", p)
	}
	if rate, ok := p.Rate.PerSecond(); !ok || rate != 10 {
		t.Errorf("%v a second", rate)
	}
	if a, b := p.Operations["a"].Of(p), p.Operations["b"].Of(p); a.Base != 2*time.Second || a.Attempts != 100 || b.Attempts != 4 || b.OnDead != configs.OnDeadBlock {
		t.Errorf("%+v %+v", a, b)
	}
	office := []configs.TimeOfDay{{From: 8 * time.Hour, To: 12 * time.Hour}, {From: 13 * time.Hour, To: 17 * time.Hour}}
	want := [7][]configs.TimeOfDay{
		time.Monday: office, time.Tuesday: office,
		time.Saturday: {{From: 22 * time.Hour, To: 24 * time.Hour}}, time.Sunday: {{From: 0, To: 6 * time.Hour}},
	}
	if week := p.OpeningHours.Week(); !reflect.DeepEqual(week, want) {
		t.Errorf("%v", week)
	}
}

func TestDeliveryPoliciesThatCannotWorkAreNamed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, code, path string }{
		"another on_dead":        {"{on_dead: forget}", "not-allowed", "delivery.destinations.x.on_dead"},
		"an age below zero":      {"{max_age: -1h}", "not-positive", "delivery.destinations.x.max_age"},
		"an operation's attempt": {"{operations: {a: {attempts: -1}}}", "not-positive", "delivery.destinations.x.operations.a.attempts"},
		"an operation's cap":     {"{operations: {a: {base: 1h}}}", "contradiction", "delivery.destinations.x.operations.a.cap"},
		"a rate of nothing":      {"{rate: 50}", "bad-rate", "delivery.destinations.x.rate"},
		"a rate above all":       {"{rate: 501/s}", "bad-rate", "delivery.destinations.x.rate"},
		"a share above all":      {"{breaker: {share: 101}}", "out-of-range", "delivery.destinations.x.breaker.share"},
		"a ramp below zero":      {"{breaker: {ramp: -1s}}", "not-positive", "delivery.destinations.x.breaker.ramp"},
		"hours of no zone":       {"{opening_hours: {days: {mon: 08:00-17:00}}}", "bad-zone", "delivery.destinations.x.opening_hours.zone"},
		"hours without days":     {"{opening_hours: {zone: UTC}}", "missing", "delivery.destinations.x.opening_hours.days"},
		"a day of no week":       {"{opening_hours: {zone: UTC, days: {mon-fry: 08:00-17:00}}}", "bad-hours", "delivery.destinations.x.opening_hours.days.mon-fry"},
		"a day without times":    {"{opening_hours: {zone: UTC, days: {mon: []}}}", "bad-hours", "delivery.destinations.x.opening_hours.days.mon"},
		"times of no clock":      {"{opening_hours: {zone: UTC, days: {mon: 8-17}}}", "bad-hours", "delivery.destinations.x.opening_hours.days.mon"},
		"no time at all":         {"{opening_hours: {zone: UTC, days: {mon: 08:00-08:00}}}", "bad-hours", "delivery.destinations.x.opening_hours.days.mon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := configs.Parse("hub.yaml", []byte("xroad: {client: EE/GOV/70008747/ristmik}\ndelivery: {destinations: {x: "+c.text+"}}"))
			problems, _ := errors.AsType[configs.Problems](err)
			if len(problems) != 1 || problems[0].Code != c.code || problems[0].Path != c.path || problems[0].Line != 2 {
				t.Errorf("problems:\n%v", err)
			}
			if len(problems) == 1 && (c.code == "bad-hours" || c.code == "not-allowed" || c.code == "bad-zone") && len(problems[0].Allowed) == 0 {
				t.Errorf("what is allowed is not named: %v", err)
			}
		})
	}
}
