package configs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DeliveryPolicy is how one destination is served. A zero value means the
// default. Operations are what differs for single kinds of messages to it.
//
// MaxAge is how long after its publishing a failed message is tried again, zero
// without end. RetryBudget is how many repeated attempts there may be to a
// hundred first ones while many fail; Rate how many messages leave, over all
// processes together, empty without a bound.
type DeliveryPolicy struct {
	Base         time.Duration              `yaml:"base"`
	Cap          time.Duration              `yaml:"cap"`
	Attempts     int                        `yaml:"attempts"`
	MaxAge       time.Duration              `yaml:"max_age"`
	OnDead       OnDead                     `yaml:"on_dead"`
	MaxInFlight  int                        `yaml:"max_in_flight"`
	Rate         Rate                       `yaml:"rate"`
	RetryBudget  int                        `yaml:"retry_budget"`
	OpeningHours OpeningHours               `yaml:"opening_hours"`
	Breaker      Breaker                    `yaml:"breaker"`
	Operations   map[string]OperationPolicy `yaml:"operations"`
}

// OperationPolicy is what differs for one kind of messages to a destination; a
// zero value means that of the destination.
type OperationPolicy struct {
	Base     time.Duration `yaml:"base"`
	Cap      time.Duration `yaml:"cap"`
	Attempts int           `yaml:"attempts"`
	MaxAge   time.Duration `yaml:"max_age"`
	OnDead   OnDead        `yaml:"on_dead"`
}

// OnDead says what becomes of the messages behind a dead one in its lane: they
// wait for a person, or they go on.
type OnDead string

// The values of OnDead.
const (
	OnDeadBlock OnDead = "block"
	OnDeadSkip  OnDead = "skip"
)

// Allowed lists the values a file may hold.
func (OnDead) Allowed() []string { return []string{string(OnDeadBlock), string(OnDeadSkip)} }

// Rate is a number of messages in a second, a minute or an hour: "50/s", "600/m",
// "1000/h".
type Rate string

// PerSecond is the rate as a number a second, 0 for an empty one. It says whether
// the text is a rate that can be kept.
func (r Rate) PerSecond() (float64, bool) {
	if r == "" {
		return 0, true
	}
	number, unit, _ := strings.Cut(string(r), "/")
	n, err := strconv.Atoi(number)
	per, known := map[string]float64{"s": 1, "m": 60, "h": 3600}[unit]
	if err != nil || !known || n < 1 || float64(n)/per > 500 {
		return 0, false
	}
	return float64(n) / per, true
}

// Breaker is when a destination is left alone, and for how long. So many
// Failures in a row open it when the row has lasted for Lasting, or Share (in
// per cent) of at least Least attempts that ended within Window. Reasons are the
// only kinds of failures that count, empty all that may. It changes its state six
// times within Calm at most. After an outage the pace grows for Ramp.
type Breaker struct {
	Failures int           `yaml:"failures"`
	Lasting  time.Duration `yaml:"lasting"`
	Share    int           `yaml:"share"`
	Least    int           `yaml:"least"`
	Window   time.Duration `yaml:"window"`
	Reasons  []string      `yaml:"reasons"`
	OpenFor  time.Duration `yaml:"open_for"`
	MaxOpen  time.Duration `yaml:"max_open"`
	Calm     time.Duration `yaml:"calm"`
	Ramp     time.Duration `yaml:"ramp"`
}

func (b Breaker) incomplete() bool {
	return b.Failures == 0 || b.Lasting == 0 || b.Share == 0 || b.Least == 0 || b.Window == 0 || b.OpenFor == 0 || b.MaxOpen == 0 || b.Calm == 0 || b.Ramp == 0
}

// or is DeliveryPolicy.Or for the breaker.
func (b Breaker) or(d Breaker) Breaker {
	if len(b.Reasons) == 0 {
		b.Reasons = d.Reasons
	}
	return Breaker{
		Failures: or(b.Failures, d.Failures), Lasting: or(b.Lasting, d.Lasting), Share: or(b.Share, d.Share), Least: or(b.Least, d.Least),
		Window: or(b.Window, d.Window), Reasons: b.Reasons, OpenFor: or(b.OpenFor, d.OpenFor), MaxOpen: or(b.MaxOpen, d.MaxOpen), Calm: or(b.Calm, d.Calm), Ramp: or(b.Ramp, d.Ramp),
	}
}

// OpeningHours are the times at which a destination is sent to, by the wall
// clock of Zone. Days names days ("mon") or ranges of them ("mon-fri"), each with
// times ("08:00-17:00"; an end before the beginning is on the next day).
type OpeningHours struct {
	Zone string           `yaml:"zone"`
	Days map[string]Times `yaml:"days"`
}

// Times are one or more times of the day.
type Times []string

// Single says that one of them may stand without a list.
func (Times) Single() bool { return true }

// Set says whether there are any.
func (h OpeningHours) Set() bool { return h.Zone != "" || len(h.Days) > 0 }

// TimeOfDay is a piece of one day, from and to since midnight.
type TimeOfDay struct{ From, To time.Duration }

// weekdays are the names of days, by [time.Weekday].
var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

// Week is what is open on each day, by [time.Weekday]. It leaves out what
// cannot be read, which checking has named.
func (h OpeningHours) Week() (week [7][]TimeOfDay) {
	for days, times := range h.Days {
		list, _ := daysOf(days)
		for _, day := range list {
			for _, text := range times {
				from, to, ok := timesOf(text)
				switch {
				case !ok:
				case from < to:
					week[day] = append(week[day], TimeOfDay{from, to})
				default:
					week[day] = append(week[day], TimeOfDay{from, 24 * time.Hour})
					if to > 0 {
						week[(day+1)%7] = append(week[(day+1)%7], TimeOfDay{0, to})
					}
				}
			}
		}
	}
	return week
}

func daysOf(text string) ([]int, bool) {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, to := slices.Index(weekdays, first), slices.Index(weekdays, last)
	if from < 0 || to < 0 {
		return nil, false
	}
	days := []int{from}
	for day := from; day != to; {
		day = (day + 1) % 7
		days = append(days, day)
	}
	return days, true
}

func timesOf(text string) (from, to time.Duration, ok bool) {
	first, last, _ := strings.Cut(text, "-")
	from, ok = clockOf(first)
	if !ok || from == 24*time.Hour {
		return 0, 0, false
	}
	to, ok = clockOf(last)
	return from, to, ok && from != to
}

// clockOf reads HH:MM, up to 24:00.
func clockOf(text string) (time.Duration, bool) {
	if text == "24:00" {
		return 24 * time.Hour, true
	}
	t, err := time.Parse("15:04", text)
	if err != nil || len(text) != 5 {
		return 0, false
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, true
}

// Or returns p with every zero value replaced by that of d. Operations of p stand
// before those of d with the same names.
func (p DeliveryPolicy) Or(d DeliveryPolicy) DeliveryPolicy {
	p.Base, p.Cap = or(p.Base, d.Base), or(p.Cap, d.Cap)
	p.Attempts, p.MaxAge, p.OnDead = or(p.Attempts, d.Attempts), or(p.MaxAge, d.MaxAge), or(p.OnDead, d.OnDead)
	p.MaxInFlight, p.RetryBudget, p.Rate = or(p.MaxInFlight, d.MaxInFlight), or(p.RetryBudget, d.RetryBudget), or(p.Rate, d.Rate)
	p.Breaker = p.Breaker.or(d.Breaker)
	if !p.OpeningHours.Set() {
		p.OpeningHours = d.OpeningHours
	}
	operations := maps.Clone(d.Operations)
	if operations == nil {
		operations = map[string]OperationPolicy{}
	}
	maps.Copy(operations, p.Operations)
	p.Operations = operations
	return p
}

// Of is what an operation's own policy makes of that of its destination.
func (o OperationPolicy) Of(p DeliveryPolicy) OperationPolicy {
	return OperationPolicy{
		Base: or(o.Base, p.Base), Cap: or(o.Cap, p.Cap), Attempts: or(o.Attempts, p.Attempts),
		MaxAge: or(o.MaxAge, p.MaxAge), OnDead: or(o.OnDead, p.OnDead),
	}
}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

type fault func(path, code, message string, allowed ...string)

func (c *Config) checkDelivery(at fault) {
	if c.Delivery.Takeover < time.Second {
		at("delivery.takeover", "not-positive", "a time of at least a second is needed")
	}
	if c.Exchanges.Keep < 24*time.Hour {
		at("exchanges.keep", "not-positive", "a time of at least a day is needed", "24h", "17520h")
	}
	if c.Delivery.Keep < 24*time.Hour {
		at("delivery.keep", "not-positive", "a time of at least a day is needed", "24h", "720h")
	}
	d := c.Delivery.Default
	checkPolicy("delivery.default", d, at)
	if d.Base == 0 || d.Cap == 0 || d.Attempts == 0 || d.OnDead == "" || d.MaxInFlight == 0 || d.RetryBudget == 0 ||
		d.Breaker.incomplete() {
		at("delivery.default", "not-positive", "every value of the default is above zero")
	}
	checkOrder("delivery.default", d, at)
	for _, name := range sorted(c.Delivery.Destinations) {
		path, own := "delivery.destinations."+name, c.Delivery.Destinations[name]
		checkPolicy(path, own, at)
		checkOrder(path, own.Or(d), at)
	}
}

// checkPolicy finds the faults of single values.
func checkPolicy(path string, p DeliveryPolicy, at fault) {
	times := func(path string, values map[string]time.Duration) {
		for _, name := range sorted(values) {
			if values[name] < 0 {
				at(path+"."+name, "not-positive", "a time above zero is needed")
			}
		}
	}
	numbers := func(path string, values map[string]int) {
		for _, name := range sorted(values) {
			if values[name] < 0 {
				at(path+"."+name, "not-positive", "a number above zero is needed")
			}
		}
	}
	times(path, map[string]time.Duration{
		"base": p.Base, "cap": p.Cap, "max_age": p.MaxAge, "breaker.open_for": p.Breaker.OpenFor, "breaker.max_open": p.Breaker.MaxOpen,
		"breaker.lasting": p.Breaker.Lasting, "breaker.window": p.Breaker.Window, "breaker.calm": p.Breaker.Calm, "breaker.ramp": p.Breaker.Ramp,
	})
	numbers(path, map[string]int{
		"attempts": p.Attempts, "max_in_flight": p.MaxInFlight, "retry_budget": p.RetryBudget, "breaker.failures": p.Breaker.Failures,
		"breaker.least": p.Breaker.Least,
	})
	if _, ok := p.Rate.PerSecond(); !ok {
		at(path+".rate", "bad-rate", fmt.Sprintf("%q is no rate, or one above 500/s", p.Rate), "50/s", "600/m", "1000/h")
	}
	if p.Breaker.Share < 0 || p.Breaker.Share > 100 {
		at(path+".breaker.share", "out-of-range", "a share in per cent is needed", "1", "50", "100")
	}
	for _, name := range sorted(p.Operations) {
		o, path := p.Operations[name], path+".operations."+name
		times(path, map[string]time.Duration{"base": o.Base, "cap": o.Cap, "max_age": o.MaxAge})
		numbers(path, map[string]int{"attempts": o.Attempts})
	}
	if p.OpeningHours.Set() {
		checkHours(path+".opening_hours", p.OpeningHours, at)
	}
}

func checkHours(path string, h OpeningHours, at fault) {
	if _, err := time.LoadLocation(h.Zone); err != nil || h.Zone == "" {
		at(path+".zone", "bad-zone", fmt.Sprintf("no time zone is called %q", h.Zone), "Europe/Tallinn", "UTC")
	}
	if len(h.Days) == 0 {
		at(path+".days", "missing", "without a day the destination is never open", append(slices.Clone(weekdays), "mon-fri")...)
	}
	for _, days := range sorted(h.Days) {
		if _, ok := daysOf(days); !ok {
			at(path+".days."+days, "bad-hours", fmt.Sprintf("%q is neither a day nor a range of days", days), append(slices.Clone(weekdays), "mon-fri")...)
		}
		if len(h.Days[days]) == 0 {
			at(path+".days."+days, "bad-hours", "a time of the day is needed", "08:00-17:00")
		}
		for _, text := range h.Days[days] {
			if _, _, ok := timesOf(text); !ok {
				at(path+".days."+days, "bad-hours", fmt.Sprintf("%q is no time of the day", text), "08:00-17:00", "22:00-06:00", "00:00-24:00")
			}
		}
	}
}

// checkOrder finds values of a whole policy that contradict each other.
func checkOrder(path string, p DeliveryPolicy, at fault) {
	if p.Cap < p.Base {
		at(path+".cap", "contradiction", "the longest pause is shorter than the first one (base)")
	}
	if p.Breaker.MaxOpen < p.Breaker.OpenFor {
		at(path+".breaker.max_open", "contradiction", "the longest opening is shorter than the first one (open_for)")
	}
	for _, name := range sorted(p.Operations) {
		if o := p.Operations[name].Of(p); o.Cap < o.Base {
			at(path+".operations."+name+".cap", "contradiction", "the longest pause is shorter than the first one (base)")
		}
	}
}
