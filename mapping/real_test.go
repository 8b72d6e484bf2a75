package mapping_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/mapping"
)

// What real registers do and tools stumble over, each by itself.
func TestNamesAndReferencesOfRealRegisters(t *testing.T) {
	t.Parallel()
	// Dots in names are normal in the population register, and no steps of a path.
	op := inline(t, `<xs:schema targetNamespace="urn:t"><xs:element name="op"><xs:complexType><xs:sequence>
<xs:element name="Isik.ElamislubaKehtivKuni" type="xs:string"/><xs:element name="Isik"><xs:complexType><xs:sequence><xs:element name="Isik.Kood-1_a" type="xs:int" maxOccurs="50"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="manuseId" minOccurs="0"><xs:complexType><xs:simpleContent><xs:extension base="xs:hexBinary"><xs:attribute name="href" type="xs:string" use="required"/></xs:extension></xs:simpleContent></xs:complexType></xs:element>
<xs:element name="Manus" type="r:swaRef" xmlns:r="http://ws-i.org/profiles/basic/1.1/xsd" minOccurs="0"/></xs:sequence></xs:complexType></xs:element></xs:schema>`)
	value := map[string]any{
		"Isik.ElamislubaKehtivKuni": "31.12.2026", "Isik": map[string]any{"Isik.Kood-1_a": []any{json.Number("7")}},
		// An attachment by the content-id of its part, in the two ways that there are.
		"manuseId": map[string]any{"#text": "0AFF", "@href": "cid:1@x"}, "Manus": "cid:2@x",
	}
	x, err := mapping.Encode(op.Input, value)
	if err != nil {
		t.Fatal(err)
	}
	back, err := mapping.Decode(op.Output, reread(t, x))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value, back); diff != "" {
		t.Error(diff)
	}
	value["Isik"] = map[string]any{"Isik.Kood-1_a": []any{json.Number("7"), "x"}}
	_, err = mapping.Encode(op.Input, value)
	var found mapping.Violations
	if !errors.As(err, &found) || len(found) != 1 || found[0].Path != "/Isik/Isik.Kood-1_a/1" {
		t.Errorf("violations: %v", err)
	}
}
