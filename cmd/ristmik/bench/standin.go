package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/beevik/etree"

	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// Sizes of the stand-in's answer, in records of the employment register: one
// makes a message of 2 KB, a thousand make one of 1 MB.
const (
	Small = 1
	Large = 1000
)

// Contract and Person are what is asked: TORIK, about this person.
const (
	Contract = "employment-register.wsdl"
	Person   = "71506150007"
)

// Client and Service are the two ends of every call.
var (
	Client  = soap.ClientID{Instance: "EE", Class: "GOV", Member: "70008747", Subsystem: "ristmik"}
	Service = soap.ServiceID{
		Provider: soap.ClientID{Instance: "EE", Class: "GOV", Member: "70000349", Subsystem: "tor"}, Code: "TORIK", Version: "v2",
	}
)

// operation is TORIK in its contract.
func operation() (*contract.Operation, error) {
	c, err := contract.Load(configs.Contracts(), Contract)
	if err != nil {
		return nil, err
	}
	op, ok := c.Operation(Service.Code, Service.Version)
	if !ok {
		return nil, fmt.Errorf("%s has no operation %s", Contract, Service.Code)
	}
	return op, nil
}

// standIn answers as a Security Server and a register would, and does as little
// for it as it can: the answer is ready but for the message id and the hash.
type standIn struct{ toID, toHash, toEnd string }

// StandIn is a loopback answerer whose answer holds that many records.
func StandIn(records int) (http.Handler, error) { return newStandIn(records) }

func newStandIn(records int) (*standIn, error) {
	op, err := operation()
	if err != nil {
		return nil, err
	}
	list := make([]any, records)
	for i := range list {
		list[i] = map[string]any{
			"toot_id": json.Number(strconv.Itoa(100000 + i)), "isikukood": Person, "synniaeg": "2015-06-15",
			"perenimi": "Näidis", "eesnimi": "Mari", "kodakondsus_kood": "UKR", "kodakondsus_nimi": "Ukraina",
			"ta_kood": "12345678", "ta_nimi": "Osaühing Näidisehitus & Pojad", "tootamise_algus": "2026-01-15",
			"tootamise_liik_kood": "1", "tootamise_liik_nimi": "Tööleping", "tooaja_maar": json.Number("1.00"),
			"amet_kood": "7112", "amet_nimi": "Müürsepp", "koht": "Tallinn", "riigi_kood": "EE",
			"kande_olek_kood": "K", "kande_olek_nimi": "Kehtiv",
			"sisestamise_aeg": "2026-01-14T09:30:00+02:00", "muutmise_aeg": "2026-01-14T09:30:00+02:00",
		}
	}
	wrapper, err := mapping.Encode(op.Output, map[string]any{
		"request": question(),
		"response": map[string]any{
			"kood": json.Number("0"), "leitud_kannete_arv": json.Number(strconv.Itoa(records)), "kannete_jada": map[string]any{"kanne": list},
		},
	})
	if err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	doc.SetRoot(wrapper)
	body, err := doc.WriteToString()
	if err != nil {
		return nil, err
	}
	p := Service.Provider
	return &standIn{
		toID: `<?xml version="1.0" encoding="UTF-8"?>` +
			`<e:Envelope xmlns:e="` + soap.NSEnvelope + `" xmlns:xrd="` + soap.NSXRoad + `" xmlns:id="` + soap.NSIdentifiers + `"><e:Header>` +
			`<xrd:client id:objectType="SUBSYSTEM">` + identifier(Client, "", "") + `</xrd:client>` +
			`<xrd:service id:objectType="SERVICE">` + identifier(p, Service.Code, Service.Version) + `</xrd:service><xrd:id>`,
		toHash: `</xrd:id><xrd:requestHash algorithmId="` + soap.HashAlgorithm + `">`,
		toEnd:  `</xrd:requestHash><xrd:protocolVersion>4.0</xrd:protocolVersion></e:Header><e:Body>` + body + `</e:Body></e:Envelope>`,
	}, nil
}

func identifier(c soap.ClientID, code, version string) string {
	s := `<id:xRoadInstance>` + c.Instance + `</id:xRoadInstance><id:memberClass>` + c.Class + `</id:memberClass><id:memberCode>` + c.Member +
		`</id:memberCode><id:subsystemCode>` + c.Subsystem + `</id:subsystemCode>`
	if code != "" {
		s += `<id:serviceCode>` + code + `</id:serviceCode><id:serviceVersion>` + version + `</id:serviceVersion>`
	}
	return s
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	request, err := io.ReadAll(r.Body)
	_, rest, ok := bytes.Cut(request, []byte(":id>"))
	id, _, closed := bytes.Cut(rest, []byte("<"))
	if err != nil || !ok || !closed {
		http.Error(w, "no message", http.StatusBadRequest)
		return
	}
	hash := soap.HashOf(request)
	w.Header().Set("Content-Type", soap.ContentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(s.toID)+len(id)+len(s.toHash)+len(hash)+len(s.toEnd)))
	for _, part := range []string{s.toID, string(id), s.toHash, hash, s.toEnd} {
		_, _ = io.WriteString(w, part)
	}
}

// question is the content of a TORIK request.
func question() map[string]any {
	return map[string]any{"paringu_liik": "A", "isikukoodid": Person}
}

// envelope is the same question as a finished message, for those who only pass
// it on.
func envelope() (string, error) {
	op, err := operation()
	if err != nil {
		return "", err
	}
	body, err := mapping.Encode(op.Input, map[string]any{"request": question()})
	if err != nil {
		return "", err
	}
	text, err := soap.BuildRequest(soap.Header{Client: Client, Service: Service, ID: strings.Repeat("0", 36)}, body)
	return string(text), err
}
