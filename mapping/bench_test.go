package mapping_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/beevik/etree"

	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// record is an entry of the employment register as it mostly is.
const record = `{"toot_id":100001,"isikukood":"71506150007","synniaeg":"2015-06-15","perenimi":"Näidis","eesnimi":"Mari",` +
	`"kodakondsus_kood":"UKR","kodakondsus_nimi":"Ukraina","ta_kood":"12345678","ta_nimi":"Osaühing Näidisehitus & Pojad",` +
	`"tootamise_algus":"2026-01-15","tootamise_liik_kood":"1","tootamise_liik_nimi":"Tööleping","tooaja_maar":1.00,"amet_kood":"7112",` +
	`"amet_nimi":"Müürsepp","koht":"Tallinn","riigi_kood":"EE","kande_olek_kood":"K","kande_olek_nimi":"Kehtiv",` +
	`"sisestamise_aeg":"2026-01-14T09:30:00+02:00","muutmise_aeg":"2026-01-14T09:30:00+02:00"}`

// answerOf is an answer of the employment register with that many records, as
// JSON, as its wrapper and as a message.
func answerOf(t testing.TB, el *contract.Element, records int) (text, wrapper []byte, m *soap.Message) {
	t.Helper()
	text = []byte(`{"request":{"paringu_liik":"A","isikukoodid":"71506150007"},"response":{"kood":0,"leitud_kannete_arv":` +
		strconv.Itoa(records) + `,"kannete_jada":{"kanne":[` + strings.Repeat(record+",", records-1) + record + `]}}}`)
	var err error
	if !json.Valid(text) {
		t.Fatal("no JSON")
	}
	if wrapper, err = mapping.EncodeJSON(el, text); err != nil {
		t.Fatal(err)
	}
	return text, wrapper, message(t, el.Name, string(wrapper))
}

// BenchmarkConvert converts answers of growing size from JSON text to XML and
// from the message to JSON text, gate, envelope and all checks included, and lets
// etree parse the same message in the same run. The ratios are what counts: each
// way, and both, against etree.
func BenchmarkConvert(b *testing.B) {
	el := torik(b).Output
	for _, size := range []struct {
		name    string
		records int
	}{{"2KB", 1}, {"10KB", 12}, {"20KB", 25}, {"1MB", 1000}} {
		b.Run(size.name, func(b *testing.B) {
			text, _, m := answerOf(b, el, size.records)
			b.SetBytes(int64(len(m.Raw)))
			b.ReportAllocs()
			var write, read, tree time.Duration
			for b.Loop() {
				began := time.Now()
				if _, err := mapping.EncodeJSON(el, text); err != nil {
					b.Fatal(err)
				}
				wrote := time.Now()
				got, err := soap.ReadAnswer(m.Raw, soap.Limits{})
				if err != nil {
					b.Fatal(err)
				}
				if _, _, _, err := mapping.AppendJSON(nil, el, got, mapping.Reading{}); err != nil {
					b.Fatal(err)
				}
				done := time.Now()
				write, read = write+wrote.Sub(began), read+done.Sub(wrote)
				b.StopTimer()
				began = time.Now()
				if err := etree.NewDocument().ReadFromBytes(m.Raw); err != nil {
					b.Fatal(err)
				}
				tree += time.Since(began)
				b.StartTimer()
			}
			b.ReportMetric(float64(write)/float64(tree), "write/etree")
			b.ReportMetric(float64(read)/float64(tree), "read/etree")
			b.ReportMetric(float64(write+read)/float64(tree), "both/etree")
			b.ReportMetric(float64(len(m.Raw)), "message-bytes")
		})
	}
}

// BenchmarkEncode writes a page of the employment register, the most records that
// it gives, as XML.
func BenchmarkEncode(b *testing.B) {
	el := torik(b).Output
	text, wrapper, _ := answerOf(b, el, 1000)
	var value map[string]any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&value); err != nil {
		b.Fatal(err)
	}
	for name, run := range map[string]func() error{
		"text":  func() error { _, err := mapping.EncodeJSON(el, text); return err },
		"value": func() error { _, err := mapping.EncodeXML(el, value); return err },
		"tree":  func() error { _, err := mapping.Encode(el, value); return err },
	} {
		b.Run(name, func(b *testing.B) { repeat(b, len(wrapper), run) })
	}
}

// BenchmarkDecode reads such a page from its message.
func BenchmarkDecode(b *testing.B) {
	el := torik(b).Output
	_, wrapper, m := answerOf(b, el, 1000)
	for name, run := range map[string]func() error{
		"text":  func() error { _, _, _, err := mapping.AppendJSON(nil, el, m, mapping.Reading{}); return err },
		"value": func() error { _, err := mapping.DecodeMessage(el, m); return err },
	} {
		b.Run(name, func(b *testing.B) { repeat(b, len(wrapper), run) })
	}
}

func repeat(b *testing.B, size int, run func() error) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if err := run(); err != nil {
			b.Fatal(err)
		}
	}
}
