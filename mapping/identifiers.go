package mapping

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// The weights of the check digit of Estonian personal and registry codes. The
// second row counts only when the first gives 10; when that gives 10 too, the
// check digit is 0 (EVS 585:2007).
var (
	firstWeights  = [10]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 1}
	secondWeights = [10]int{3, 4, 5, 6, 7, 8, 9, 1, 2, 3}
)

// CheckPersonalCode says what is wrong with an Estonian personal code
// (isikukood): "" when it is good, else personal_code.length,
// personal_code.character, personal_code.first_digit, personal_code.date or
// personal_code.checksum, whichever comes first. It does not say whether such a
// person exists; codes of the 22nd century are good too.
func CheckPersonalCode(s string) string {
	switch {
	case utf8.RuneCountInString(s) != 11:
		return "personal_code.length"
	case !digitsOnly(s):
		return "personal_code.character"
	case s[0] < '1' || s[0] > '8':
		return "personal_code.first_digit"
	}
	century := 1800 + int(s[0]-'1')/2*100
	// time.Parse refuses days that do not exist, unlike time.Date.
	if _, err := time.Parse("20060102", strconv.Itoa(century/100)+s[1:7]); err != nil {
		return "personal_code.date"
	}
	if !checkDigitFits(s) {
		return "personal_code.checksum"
	}
	return ""
}

// CheckRegistryCode says what is wrong with an Estonian registry code
// (registrikood): "" when it is good, else registry_code.length,
// registry_code.character, registry_code.first_digit or registry_code.checksum,
// whichever comes first. The first digit is 1 for a company, 7 for a state or
// local authority, 8 for a non-profit association and 9 for a foundation.
func CheckRegistryCode(s string) string {
	switch {
	case utf8.RuneCountInString(s) != 8:
		return "registry_code.length"
	case !digitsOnly(s):
		return "registry_code.character"
	case s[0] != '1' && s[0] != '7' && s[0] != '8' && s[0] != '9':
		return "registry_code.first_digit"
	case !checkDigitFits(s):
		return "registry_code.checksum"
	}
	return ""
}

func digitsOnly(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// checkDigitFits checks the last digit against the others.
func checkDigitFits(s string) bool {
	digits := s[:len(s)-1]
	sum := weighted(digits, firstWeights)
	if sum == 10 {
		sum = weighted(digits, secondWeights)
	}
	if sum == 10 {
		sum = 0
	}
	return int(s[len(s)-1]-'0') == sum
}

func weighted(digits string, weights [10]int) int {
	sum := 0
	for i := range len(digits) {
		sum += int(digits[i]-'0') * weights[i]
	}
	return sum % 11
}

// CheckVATNumber says what is wrong with an Estonian VAT number (KMKR number):
// "" when it is good, else vat_number.length, vat_number.country,
// vat_number.character or vat_number.checksum, whichever comes first. The
// number is EE and nine digits, weighted 3, 7 and 1 in turn.
func CheckVATNumber(s string) string {
	switch {
	case utf8.RuneCountInString(s) != 11:
		return "vat_number.length"
	case s[:2] != "EE":
		return "vat_number.country"
	case !digitsOnly(s[2:]):
		return "vat_number.character"
	}
	sum := 0
	for i, c := range []byte(s[2:]) {
		sum += int(c-'0') * [3]int{3, 7, 1}[i%3]
	}
	if sum%10 != 0 {
		return "vat_number.checksum"
	}
	return ""
}

// MRZCheckDigit returns the check digit of a field of a machine-readable zone,
// and false when the field has a character other than A to Z, 0 to 9 and "<"
// (ICAO Doc 9303, part 3, 4.9: weights 7, 3, 1, A is 10, "<" is 0, modulo 10).
func MRZCheckDigit(field string) (digit byte, ok bool) {
	sum := 0
	for i, c := range []byte(field) {
		value := 0
		switch {
		case c >= '0' && c <= '9':
			value = int(c - '0')
		case c >= 'A' && c <= 'Z':
			value = int(c-'A') + 10
		case c != '<':
			return 0, false
		}
		sum += value * [3]int{7, 3, 1}[i%3]
	}
	return byte('0' + sum%10), true
}
