package mapping_test

import (
	"fmt"
	"testing"

	"ristmik/mapping"
)

func TestPersonalCodeRules(t *testing.T) {
	t.Parallel()
	for want, codes := range map[string][]string{
		"": {
			// Public test values; the first weights decide.
			"60001019906", "38206084915", "60001017869", "36805280109", "51001091072", "30303039914",
			"47101010033", "38001085718", "60001019939", "39901019992", "40404049996", "37605030299",
			// The second weights decide.
			"50001029996", "71506150030", "81506150020", "71602290083",
			// Synthetic, of the 22nd century, first weights.
			"71506150007", "81506150008", "71602290002",
			// Both weights give 10: the digit is 0.
			"71506150400", "81506151050", "71602290570",
		},
		"personal_code.checksum":    {"36805280108", "71506150001", "71506150031", "71506150401"},
		"personal_code.first_digit": {"06805280106", "96805280106"},
		"personal_code.date":        {"12345678901", "30202309914", "71602300010", "81713010010", "71500150007", "71506000007"},
		"personal_code.length":      {"", "6000101990", "600010199061", "7"},
		"personal_code.character":   {"6000101990A", " 6000101990", "6000101990٦", "-6000101990", "６0001019906"},
	} {
		for _, code := range codes {
			if got := mapping.CheckPersonalCode(code); got != want {
				t.Errorf("%q: got %q, want %q", code, got, want)
			}
		}
	}
}

func TestPersonalCodeCenturyDecidesLeapYears(t *testing.T) {
	t.Parallel()
	// 29 February exists in 2000 and not in 1800, 1900 and 2100.
	for _, tc := range []struct {
		first byte
		date  bool
	}{{'1', false}, {'3', false}, {'5', true}, {'6', true}, {'7', false}, {'8', false}} {
		got := mapping.CheckPersonalCode(string(tc.first) + "0002290000")
		if (got != "personal_code.date") != tc.date {
			t.Errorf("first digit %c: %q", tc.first, got)
		}
	}
}

func TestEveryPersonalSerialHasExactlyOneCheckDigit(t *testing.T) {
	t.Parallel()
	for serial := range 1000 {
		good := 0
		for digit := range 10 {
			if mapping.CheckPersonalCode(fmt.Sprintf("7150615%03d%d", serial, digit)) == "" {
				good++
			}
		}
		if good != 1 {
			t.Errorf("serial %03d: %d good check digits, want 1", serial, good)
		}
	}
}

func TestRegistryCodeRules(t *testing.T) {
	t.Parallel()
	for want, codes := range map[string][]string{
		"":                          {"12345678", "10000024", "70000823", "75000561", "70008747", "70000026", "70000310", "70000349", "70000591"},
		"registry_code.checksum":    {"12345679", "70000027", "70000311"},
		"registry_code.first_digit": {"32345674", "00000000", "22345678"},
		"registry_code.length":      {"", "1234567", "123456789"},
		"registry_code.character":   {"1234567A", "1234 678"},
	} {
		for _, code := range codes {
			if got := mapping.CheckRegistryCode(code); got != want {
				t.Errorf("%q: got %q, want %q", code, got, want)
			}
		}
	}
}

func TestVATNumberRules(t *testing.T) {
	t.Parallel()
	for want, numbers := range map[string][]string{
		"":                     {"EE100931558", "EE100594102"},
		"vat_number.checksum":  {"EE100594103", "EE100931585"},
		"vat_number.length":    {"", "EE10059410", "EE1005941022", "100594102"},
		"vat_number.country":   {"LV100594102", "ee100594102", "õ1005941021"},
		"vat_number.character": {"EE10059410A", "EE 00594102", "EE10059410٢"},
	} {
		for _, number := range numbers {
			if got := mapping.CheckVATNumber(number); got != want {
				t.Errorf("%q: got %q, want %q", number, got, want)
			}
		}
	}
}

// The specimen of ICAO Doc 9303, part 4.
func TestMRZCheckDigits(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]byte{
		"L898902C3": '6', "740812": '2', "120415": '9', "ZE184226B<<<<<": '1',
		"L898902C36" + "7408122" + "1204159" + "ZE184226B<<<<<1": '0', "": '0', "<<<": '0',
	} {
		if got, ok := mapping.MRZCheckDigit(field); !ok || got != want {
			t.Errorf("%q: %q, %v; want %q", field, got, ok, want)
		}
	}
	for _, field := range []string{"l898902c3", "A-1", "Õ", " "} {
		if _, ok := mapping.MRZCheckDigit(field); ok {
			t.Errorf("%q has a check digit", field)
		}
	}
}
