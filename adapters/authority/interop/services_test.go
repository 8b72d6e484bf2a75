package interop_test

import (
	"testing"

	"github.com/google/uuid"

	"ristmik/soap/contract/contracttest"
)

// person is a personal code whose check digit is right.
const person = "71506150400"

// The descriptions of the services that the hub calls load in every library,
// and the simulated systems answer it through the Security Server.
func TestOtherMakersCallTheSimulatedServices(t *testing.T) {
	t.Parallel()
	box := securityServer(t, "", "")
	for _, c := range []struct {
		file     string
		provider [4]string
		sample
	}{
		{"employment-register.wsdl", parts(tor), sample{
			operation: "TORIK", version: "v2", at: []string{"request", "isikukoodid"}, want: person,
			good:    map[string]any{"request": map[string]any{"paringu_liik": "A", "isikukoodid": person}},
			refused: map[string]any{"request": map[string]any{"paringu_liik": "P", "isikukoodid": person}}, faultCode: "TOOT_ALGUS",
		}},
		{"permit-notice.wsdl", parts(tor), sample{
			operation: "permitNotice", version: "v1", at: []string{"response", "receiptId"},
			good:    notice(uuid.NewString()),
			refused: notice(""), faultCode: "event_id.empty",
		}},
		{"consultation-request.wsdl", parts(security), sample{
			operation: "consultationRequest", version: "v1", at: []string{"response", "receiptId"},
			good: map[string]any{"request": map[string]any{
				"consultationId": uuid.NewString(), "round": 1, "caseReference": "C-1", "caseType": "residence_permit.employment",
				"legalBasis": "VMS § 40", "purpose": "check", "personalCode": person, "givenName": "Mai", "surname": "Näidis",
			}},
		}},
	} {
		for _, l := range libraries {
			t.Run(c.operation+" "+l.name, func(t *testing.T) {
				t.Parallel()
				checkCalls(t, l, job{
					WSDL: contracttest.Shipped(t, c.file), Endpoint: box.URL() + "/", Client: parts(hub), Provider: c.provider,
				}, "server.serverproxy.unknown_service", c.sample)
			})
		}
	}
}

func notice(eventID string) map[string]any {
	return map[string]any{"request": map[string]any{
		"eventId": eventID, "eventType": "permit.issued", "occurredAt": "2026-11-20T12:00:00Z", "permitId": "P-1",
		"personalCode": person, "validFrom": "2026-12-01",
	}}
}
