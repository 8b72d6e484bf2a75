package table

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"ristmik/mapping"
)

// dateForm is the transform date: YYYY-MM-DD at the core, another order and
// other separators at the register.
func dateForm(args []string) (change, change, error) {
	form := args[0]
	if err := checkForm(form); err != nil {
		return nil, nil, err
	}
	layout := strings.NewReplacer("YYYY", "2006", "MM", "01", "DD", "02").Replace(form)
	from := func(in, out, want string) change {
		return onText(func(s string, _ lookup) (string, string) {
			t, err := time.Parse(in, s)
			if err != nil {
				return "", "must be a date " + want
			}
			return t.Format(out), ""
		})
	}
	return from(time.DateOnly, layout, "YYYY-MM-DD"), from(layout, time.DateOnly, form), nil
}

// checkForm says what is wrong with a form of dates.
func checkForm(form string) error {
	for _, part := range []string{"YYYY", "MM", "DD"} {
		if strings.Count(form, part) != 1 {
			return errors.New("a form of YYYY, MM and DD is needed, such as DD.MM.YYYY")
		}
	}
	if rest := strings.NewReplacer("YYYY", "", "MM", "", "DD", "").Replace(form); strings.Trim(rest, ".-/ ") != "" {
		return errors.New("between YYYY, MM and DD only . - / and space may stand")
	}
	return nil
}

// partialDate is the transform partial_date.
func partialDate(args []string) (change, change, error) {
	form := "YYYY-MM-DD"
	if len(args) > 0 {
		form = args[0]
	}
	if err := checkForm(form); err != nil {
		return nil, nil, err
	}
	toRegister := onText(func(s string, _ lookup) (string, string) {
		if mapping.CheckPartialDate(s) != "" {
			return "", "must be a date YYYY-MM-DD, 00 for an unknown month or day"
		}
		return strings.NewReplacer("YYYY", s[:4], "MM", s[5:7], "DD", s[8:]).Replace(form), ""
	})
	year, month, day := strings.Index(form, "YYYY"), strings.Index(form, "MM"), strings.Index(form, "DD")
	toCore := onText(func(s string, _ lookup) (string, string) {
		out := ""
		if len(s) == len(form) {
			out = s[year:year+4] + "-" + s[month:month+2] + "-" + s[day:day+2]
		}
		if mapping.CheckPartialDate(out) != "" || strings.NewReplacer("YYYY", out[:4], "MM", out[5:7], "DD", out[8:]).Replace(form) != s {
			return "", "must be a date " + form + ", 00 for an unknown month or day"
		}
		return out, ""
	})
	return toRegister, toCore, nil
}

// toDay is the transform day: xs:date may have a zone behind the ten characters
// of the day.
var toDay = onText(func(s string, _ lookup) (string, string) {
	if len(s) < len(time.DateOnly) {
		return "", "must be a date"
	}
	day, zone := s[:len(time.DateOnly)], s[len(time.DateOnly):]
	if _, err := time.Parse(time.DateOnly, day); err != nil || !reZone.MatchString(zone) {
		return "", "must be a date"
	}
	return day, ""
})

var (
	reZone   = regexp.MustCompile(`^(Z|[+-][0-9]{2}:[0-9]{2})?$`)
	reMoment = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?$`)
)

// local is the form of xs:dateTime without a zone; parsing takes fractions of a
// second too.
const local = "2006-01-02T15:04:05.999999999"

func zoneOf(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, errors.New("a time zone is needed, such as Europe/Tallinn")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone is called %q", name)
	}
	return zone, nil
}

// moment is the transform of that name.
func moment(args []string) (change, change, error) {
	zone, err := zoneOf(args[0])
	if err != nil {
		return nil, nil, err
	}
	toRegister := onText(func(s string, _ lookup) (string, string) {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return "", "must be a moment in UTC, such as 2026-11-01T09:00:00Z"
		}
		if _, once := inZone(t.In(zone).Format(local), zone); !once {
			return "", "must not be in the hour that the end of summer time repeats"
		}
		return t.In(zone).Format(local), ""
	})
	toCore := onText(func(s string, _ lookup) (string, string) {
		t, once := inZone(s, zone)
		if !once {
			return "", "must be a time without a zone that there is, and only once"
		}
		return t.UTC().Format(time.RFC3339Nano), ""
	})
	return toRegister, toCore, nil
}

// inZone reads a local time; once is false when a change of the clocks skips or
// repeats it, or it cannot be read.
func inZone(s string, zone *time.Location) (t time.Time, once bool) {
	t, err := time.ParseInLocation(local, s, zone)
	if err != nil {
		return t, false
	}
	wall := t.Format(local)
	for _, shift := range []time.Duration{-2 * time.Hour, -time.Hour, time.Hour, 2 * time.Hour} {
		if t.Add(shift).Format(local) == wall {
			return t, false
		}
	}
	plain, err := time.Parse(local, s)
	return t, err == nil && plain.Format(local) == wall
}

// utc is the transform of that name. It goes one way and takes what registers
// write: of an hour that happens twice it takes the first.
func utc(args []string) (change, change, error) {
	zone, err := zoneOf(args[0])
	if err != nil {
		return nil, nil, err
	}
	return nil, onText(func(s string, _ lookup) (string, string) {
		if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return t.UTC().Format(time.RFC3339Nano), ""
		}
		t, err := time.ParseInLocation(local, s, zone)
		if err != nil {
			return "", "must be a date and time"
		}
		for _, earlier := range []time.Duration{-2 * time.Hour, -time.Hour} {
			if first := t.Add(earlier); first.Format(local) == t.Format(local) {
				t = first
				break
			}
		}
		return t.UTC().Format(time.RFC3339Nano), ""
	}), nil
}
