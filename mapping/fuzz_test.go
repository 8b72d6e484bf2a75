package mapping_test

import (
	"reflect"
	"testing"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract/contracttest"
)

// FuzzDecode: no element makes reading panic or hang, and what is read is written
// and read again as the same.
func FuzzDecode(f *testing.F) {
	op := torik(f)
	for _, extent := range []mapping.Extent{mapping.Smallest, mapping.Fullest} {
		value, err := mapping.Sample(op.Output, extent)
		if err != nil {
			f.Fatal(err)
		}
		x, err := mapping.Encode(op.Output, value)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(contracttest.Bytes(f, x))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := soap.ReadTree(data, soap.DefaultLimits())
		if err != nil {
			return
		}
		value, err := mapping.Decode(op.Output, doc.Root())
		if err != nil {
			return
		}
		x, err := mapping.Encode(op.Output, value)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if again, err := mapping.Decode(op.Output, reread(t, x)); err != nil || !reflect.DeepEqual(value, again) {
			t.Fatalf("what was written is read as something else: %v", err)
		}
	})
}

// FuzzEncode: no JSON makes writing panic or hang, and what is written can be read.
func FuzzEncode(f *testing.F) {
	op := torik(f)
	f.Add([]byte(`{"request":{"paringu_liik":"T","isikukoodid":"71506150007"}}`))
	f.Add([]byte(`{"request":{"paringu_liik":"P","toot_algus":"2026-01-01","isikukoodid":"õ<&>\u0001"},"#any":[],"@x":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := mapping.EncodeJSON(op.Input, data)
		if err != nil {
			return
		}
		doc, err := soap.ReadTree(text, soap.DefaultLimits())
		if err != nil {
			t.Fatalf("what was written is no XML: %v", err)
		}
		if _, err := mapping.Decode(op.Input, doc.Root()); err != nil {
			t.Fatalf("what was written does not fit: %v", err)
		}
	})
}
