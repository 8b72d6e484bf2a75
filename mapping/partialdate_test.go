package mapping_test

import (
	"testing"

	"ristmik/mapping"
)

// Birth dates of which day or month are unknown occur in travel documents.
func TestPartialDates(t *testing.T) {
	t.Parallel()
	for date, want := range map[string]struct{ code, mrz string }{
		"1980-00-00":           {"", "80<<<<"},
		"1980-02-00":           {"", "8002<<"},
		"2100-02-00":           {"", "0002<<"},
		"1981-12-00":           {"", "8112<<"},
		"1980-02-29":           {"", "800229"},
		"1981-02-29":           {code: "partial_date.date"},
		"1980-00-15":           {code: "partial_date.date"},
		"1980-13-00":           {code: "partial_date.date"},
		"1980-01-32":           {code: "partial_date.date"},
		"0000-00-00":           {code: "partial_date.form"},
		"1980":                 {code: "partial_date.form"},
		"":                     {code: "partial_date.form"},
		"1980-1-1":             {code: "partial_date.form"},
		"1980.00.00":           {code: "partial_date.form"},
		"198٠-00-0":            {code: "partial_date.form"},
		"1980-00-00T00:00:00Z": {code: "partial_date.form"},
	} {
		if got := mapping.CheckPartialDate(date); got != want.code {
			t.Errorf("%q: %q, want %q", date, got, want.code)
		}
		field, ok := mapping.MRZDate(date)
		if ok != (want.code == "") || field != want.mrz {
			t.Errorf("%q: %t, %q", date, ok, field)
		}
		if _, digit := mapping.MRZCheckDigit(field); ok && !digit {
			t.Errorf("%q has no check digit", field)
		}
	}
}

// Of the thousand serials of a day 909 have their check digit by the first weights,
// 83 by the second, and 8 by neither: a generator without those is wrong in one case
// of eleven.
func TestSerialsOfADayByTheRuleOfTheirCheckDigit(t *testing.T) {
	t.Parallel()
	sum := func(digits string, weights []int) (n int) {
		for i, w := range weights {
			n += int(digits[i]-'0') * w
		}
		return n % 11
	}
	first, second := []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}, []int{3, 4, 5, 6, 7, 8, 9, 1, 2, 3}
	var counts [3]int
	for serial := range 1000 {
		digits := "7150615" + string([]byte{byte('0' + serial/100), byte('0' + serial/10%10), byte('0' + serial%10)})
		rule, digit := 0, sum(digits, first)
		if digit == 10 {
			rule, digit = 1, sum(digits, second)
		}
		if digit == 10 {
			rule, digit = 2, 0
		}
		counts[rule]++
		if code := digits + string([]byte{byte('0' + digit)}); mapping.CheckPersonalCode(code) != "" {
			t.Errorf("rule %d of serial %03d: %s", rule+1, serial, mapping.CheckPersonalCode(code))
		}
	}
	if counts != [3]int{909, 83, 8} {
		t.Errorf("%v", counts)
	}
}
