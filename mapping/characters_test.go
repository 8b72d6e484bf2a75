package mapping_test

import (
	"testing"

	"ristmik/mapping"
)

func TestWhatMessagesCanCarry(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "Sünteetiline\tÕun\r\n", " ~\u00a0", "\ufffd", "\U0001f600"} {
		if !mapping.Carries(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"a\x00", "\x1f", "\x7f", "\u0080", "\u009f", "\ufffe", "\uffff", "\xff", "a\xed\xa0\x80"} {
		if mapping.Carries(s) {
			t.Errorf("%q is taken", s)
		}
	}
}
