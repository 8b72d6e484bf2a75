package table

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"ristmik/mapping"
	"ristmik/mapping/names"
)

// kits are all transforms there are.
var kits = []kit{
	{
		Transform: Transform{
			Name: joins, Arguments: "separator", Core: Text, Register: Text, TwoWay: true,
			Doc: "Several fields of one side are one text of the other, with the separator between them. Refused when a part holds the separator or is missing while others are there.",
		},
		least: 1, most: 1, build: severalFields,
	},
	{
		Transform: Transform{
			Name: concats, Arguments: "separator", Core: Text, Register: Text, Direction: "either",
			Doc: "Several fields become one text with the separator between them; those that are missing are left out.",
		},
		least: 1, most: 1, build: severalFields,
	},
	{
		Transform: Transform{
			Name: "list", Arguments: "separator", Core: list, Register: Text, TwoWay: true,
			Doc: "A list of the core is one text of the register, with the separator between the items; no items, no text.",
		},
		least: 1, most: 1, build: func(args []string) (change, change, error) {
			if args[0] == "" {
				return nil, nil, errors.New("a separator is needed")
			}
			return listToText(args[0]), textToList(args[0]), nil
		},
	},
	{
		Transform: Transform{
			Name: "flag", Arguments: "yes, no", Core: Boolean, Register: Text, TwoWay: true,
			Doc: "true and false of the core are two texts of the register.",
		},
		least: 2, most: 2, build: flag,
	},
	{
		Transform: Transform{
			Name: "number", Core: Integer, Register: Text, TwoWay: true,
			Doc: "A whole number of the core is a text of digits at the register; 007 is refused, because 7 is no longer it.",
		},
		build: func([]string) (change, change, error) { return numberToText, textToNumber, nil },
	},
	{
		Transform: Transform{
			Name: "digits", Core: Text, Register: Integer, TwoWay: true,
			Doc: "A text of digits of the core is a number at the register; 007 is refused, because 7 is no longer it.",
		},
		build: func([]string) (change, change, error) { return textToNumber, numberToText, nil },
	},
	{
		Transform: Transform{
			Name: "prefix", Arguments: "text", Core: Text, Register: Text, TwoWay: true,
			Doc: "The register writes the text before the core's value, such as EE before a personal code.",
		},
		least: 1, most: 1, build: prefix,
	},
	{
		Transform: Transform{
			Name: "pad", Arguments: "length", Core: Text, Register: Text, TwoWay: true,
			Doc: "The register fills the value up to the length with zeros on the left; a core's value that begins with a zero is refused.",
		},
		least: 1, most: 1, build: pad,
	},
	{
		Transform: Transform{
			Name: "trim", Core: Text, Register: Text, Direction: "either",
			Doc: "White space before and after the value goes.",
		},
		build: bothWays(strings.TrimSpace),
	},
	{
		Transform: Transform{Name: "upper", Core: Text, Register: Text, Direction: "either", Doc: "Small letters become capitals."},
		build:     bothWays(strings.ToUpper),
	},
	{
		Transform: Transform{Name: "lower", Core: Text, Register: Text, Direction: "either", Doc: "Capitals become small letters."},
		build:     bothWays(strings.ToLower),
	},
	{
		Transform: Transform{
			Name: "personal_code", Core: Text, Register: Text, TwoWay: true,
			Doc: "The value stays; it must be an Estonian personal code: length, date and check digit.",
		},
		build: checked(mapping.CheckPersonalCode, "an Estonian personal code"),
	},
	{
		Transform: Transform{
			Name: "registry_code", Core: Text, Register: Text, TwoWay: true,
			Doc: "The value stays; it must be an Estonian registry code with its check digit.",
		},
		build: checked(mapping.CheckRegistryCode, "an Estonian registry code"),
	},
	{
		Transform: Transform{
			Name: "vat_number", Core: Text, Register: Text, TwoWay: true,
			Doc: "The value stays; it must be an Estonian VAT number with its check digit.",
		},
		build: checked(mapping.CheckVATNumber, "an Estonian VAT number"),
	},
	{
		Transform: Transform{
			Name: "check_digit", Core: Text, Register: Text, TwoWay: true,
			Doc: "The register writes the check digit of machine-readable zones (ICAO Doc 9303-3, 4.9) behind the core's value.",
		},
		build: checkDigit,
	},
	{
		Transform: Transform{
			Name: "transliterate", Arguments: "country", Core: Text, Register: Text, Direction: "request",
			Doc: "A name in the letters A to Z by ICAO Doc 9303-3, 6. The country that issued the document (ISO 3166-1 alpha-3, or a pointer to it in the source) decides about Cyrillic.",
		},
		most: 1, build: named(names.Transliterate),
	},
	{
		Transform: Transform{
			Name: "mrz", Arguments: "country", Core: Text, Register: Text, Direction: "request",
			Doc: "A name as it stands in a machine-readable zone (ICAO Doc 9303-3, 4.6). The country as with transliterate.",
		},
		most: 1, build: named(names.MRZ),
	},
	{
		Transform: Transform{
			Name: "date", Arguments: "form", Core: Date, Register: Text, TwoWay: true,
			Doc: "A date YYYY-MM-DD of the core is written by the register in another form of YYYY, MM and DD, such as DD.MM.YYYY.",
		},
		least: 1, most: 1, build: dateForm,
	},
	{
		Transform: Transform{
			Name: "partial_date", Arguments: "form", Core: Text, Register: Text, TwoWay: true,
			Doc: "A date YYYY-MM-DD of the core, of which day, or month and day, may be unknown (1980-00-00), in another form of YYYY, MM and DD at the register; without one it stays as it is.",
		},
		most: 1, build: partialDate,
	},
	{
		Transform: Transform{
			Name: "mrz_date", Core: Text, Register: Text, Direction: "request",
			Doc: "A date YYYY-MM-DD, also one of which day, or month and day, are unknown, as it stands in a machine-readable zone: 80<<<< (ICAO Doc 9303-3, 4.8).",
		},
		build: func([]string) (change, change, error) {
			return onText(func(s string, _ lookup) (string, string) {
				field, ok := mapping.MRZDate(s)
				if !ok {
					return "", "must be a date, 00 for an unknown month or day"
				}
				return field, ""
			}), nil, nil
		},
	},
	{
		Transform: Transform{
			Name: "day", Core: Date, Register: Date, Direction: "answer",
			Doc: "A date of the register without the time zone that some write after it.",
		},
		build: func([]string) (change, change, error) { return nil, toDay, nil },
	},
	{
		Transform: Transform{
			Name: "moment", Arguments: "zone", Core: Moment, Register: Moment, TwoWay: true,
			Doc: "A moment of the core in UTC (ending in Z) is a local time without a zone at the register. The hour that summer time's end repeats is refused.",
		},
		least: 1, most: 1, build: moment,
	},
	{
		Transform: Transform{
			Name: "utc", Arguments: "zone", Core: Moment, Register: Moment, Direction: "answer",
			Doc: "A time of the register, with a zone or else local in the one given, is a moment in UTC for the core.",
		},
		least: 1, most: 1, build: utc,
	},
}

// severalFields is the part of join and concat that stands for itself: nothing.
func severalFields([]string) (change, change, error) { return nil, nil, nil }

// onText makes a change of one that knows texts only.
func onText(f func(s string, look lookup) (string, string)) change {
	return func(value any, look lookup) (any, string) {
		s, ok := value.(string)
		if !ok {
			return nil, "must be a text"
		}
		return nothingAsNil(f(s, look))
	}
}

func nothingAsNil(s, refusal string) (any, string) {
	if refusal != "" {
		return nil, refusal
	}
	return s, ""
}

func bothWays(f func(string) string) func([]string) (change, change, error) {
	do := onText(func(s string, _ lookup) (string, string) { return f(s), "" })
	return func([]string) (change, change, error) { return do, do, nil }
}

func checked(check func(string) string, what string) func([]string) (change, change, error) {
	do := onText(func(s string, _ lookup) (string, string) {
		if code := check(s); code != "" {
			return "", "must be " + what + " (" + code + ")"
		}
		return s, ""
	})
	return func([]string) (change, change, error) { return do, do, nil }
}

func named(f func(name, issuer string) (string, error)) func([]string) (change, change, error) {
	return func(args []string) (change, change, error) {
		issuer := func(lookup) string { return "" }
		if len(args) == 1 {
			issuer = func(lookup) string { return args[0] }
			if p, ok := parsePath(args[0]); ok && len(p) > 0 {
				issuer = func(look lookup) string { return look(p) }
			}
		}
		return onText(func(s string, look lookup) (string, string) {
			out, err := f(s, issuer(look))
			if err != nil {
				return "", "must be in Latin or Cyrillic letters"
			}
			return out, ""
		}), nil, nil
	}
}

func prefix(args []string) (change, change, error) {
	return onText(func(s string, _ lookup) (string, string) { return args[0] + s, "" }),
		onText(func(s string, _ lookup) (string, string) {
			rest, ok := strings.CutPrefix(s, args[0])
			if !ok {
				return "", "must begin with " + args[0]
			}
			return rest, ""
		}), nil
}

func pad(args []string) (change, change, error) {
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 || n > 255 {
		return nil, nil, errors.New("a length from 1 to 255 is needed")
	}
	return onText(func(s string, _ lookup) (string, string) {
			return strings.Repeat("0", max(0, n-len(s))) + s, ""
		}), onText(func(s string, _ lookup) (string, string) {
			return strings.TrimLeft(s, "0"), ""
		}), nil
}

func checkDigit([]string) (change, change, error) {
	return onText(func(s string, _ lookup) (string, string) {
			digit, ok := mapping.MRZCheckDigit(s)
			if !ok {
				return "", "must be of the characters A to Z, 0 to 9 and <"
			}
			return s + string(digit), ""
		}), onText(func(s string, _ lookup) (string, string) {
			if s == "" {
				return "", "must end in a check digit"
			}
			if digit, ok := mapping.MRZCheckDigit(s[:len(s)-1]); !ok || digit != s[len(s)-1] {
				return "", "must end in the right check digit"
			}
			return s[:len(s)-1], ""
		}), nil
}

func flag(args []string) (change, change, error) {
	if args[0] == args[1] {
		return nil, nil, errors.New("the two texts must differ")
	}
	return func(value any, _ lookup) (any, string) {
			yes, ok := value.(bool)
			switch {
			case !ok:
				return nil, "must be true or false"
			case yes:
				return args[0], ""
			}
			return args[1], ""
		}, func(value any, _ lookup) (any, string) {
			switch value {
			case args[0]:
				return true, ""
			case args[1]:
				return false, ""
			}
			return nil, "must be " + args[0] + " or " + args[1]
		}, nil
}

// The forms of numbers.
var (
	reWhole   = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	reDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)
)

func numberToText(value any, _ lookup) (any, string) {
	switch v := value.(type) {
	case json.Number:
		if reWhole.MatchString(v.String()) {
			return v.String(), ""
		}
	case int, int64:
		return same64(v), ""
	}
	return nil, "must be a whole number"
}

func same64(v any) string {
	if n, ok := v.(int); ok {
		return strconv.Itoa(n)
	}
	return strconv.FormatInt(v.(int64), 10)
}

func textToNumber(value any, _ lookup) (any, string) {
	if s, ok := value.(string); ok && reWhole.MatchString(s) && s != "-0" {
		return json.Number(s), ""
	}
	return nil, "must be a text of digits without zeros before them"
}

func listToText(separator string) change {
	return func(value any, _ lookup) (any, string) {
		items, ok := toItems(value)
		if !ok {
			return nil, "must be a list of texts"
		}
		parts := make([]string, len(items))
		for i, one := range items {
			s, ok := one.(string)
			if !ok || s == "" || strings.Contains(s, separator) {
				return nil, "must be a list of texts, none empty and none with the separator"
			}
			parts[i] = s
		}
		return strings.Join(parts, separator), ""
	}
}

func textToList(separator string) change {
	return func(value any, _ lookup) (any, string) {
		s, ok := value.(string)
		if !ok {
			return nil, "must be a text"
		}
		out := []any{}
		if s == "" {
			return out, ""
		}
		for _, part := range strings.Split(s, separator) {
			out = append(out, part)
		}
		return out, ""
	}
}
