package sandbox_test

import (
	"testing"
	"time"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// codeRows are the codes of X-Road in the spelling of 7.8 with what they mean
// for the hub; those for which 7.7 has more than another spelling stand with it.
var codeRows = map[soap.Kind][]string{
	// Our request is at fault.
	soap.KindFixData: {
		"client.missing_header", "client.missing_header_field", "client.duplicate_header_field", "client.missing_body",
		"client.invalid_body", "client.inconsistent_headers", "client.invalid_protocol_version", "client.invalid_soap",
		"client.missing_soap", "client.invalid_xml", "client.invalid_content_type", "client.invalid_soap_action",
		"client.invalid_http_method", "client.invalid_request", "client.mime_parsing_failed",
		"server.clientproxy.invalid_client_identifier",
	},
	// The provider's answer is at fault: it may have acted.
	soap.KindUnknownResult: {
		"server.serverproxy.service_failed.missing_header", "server.serverproxy.service_failed.missing_header_field",
		"server.serverproxy.service_failed.duplicate_header_field", "server.serverproxy.service_failed.missing_body",
		"server.serverproxy.service_failed.invalid_body", "server.serverproxy.service_failed.inconsistent_headers",
		"server.serverproxy.service_failed.invalid_protocol_version", "server.serverproxy.service_failed.invalid_soap",
		"server.serverproxy.service_failed.missing_soap", "server.serverproxy.service_failed.invalid_xml",
		"server.serverproxy.service_failed.invalid_content_type", "server.serverproxy.service_failed.mime_parsing_failed",
		"server.clientproxy.io_error", "server.serverproxy.io_error", "server.serverproxy.service_failed.io_error",
	},
	soap.KindFixRights: {
		"server.clientproxy.unknown_member", "server.serverproxy.service_failed.unknown_member", "server.serverproxy.unknown_service",
		"server.serverproxy.service_type", "server.serverproxy.access_denied", "server.clientproxy.invalid_security_server",
		"server.serverproxy.service_failed.invalid_security_server", "server.serverproxy.service_missing_url", "server.serverproxy.service_malformed_url",
	},
	soap.KindWait: {"server.serverproxy.service_disabled", "server.clientproxy.maintenance_mode"},
	soap.KindPartnerDown: {
		"server.clientproxy.network_error", "server.serverproxy.network_error", "server.serverproxy.service_failed.network_error",
		"server.clientproxy.unknown_host", "server.serverproxy.service_failed.unknown_host",
		"server.serverproxy.service_failed.http_error", "server.serverproxy.service_failed.ssl_authentication_failed", "server.serverproxy.ssl_authentication_failed",
	},
	soap.KindTampered: {
		"server.clientproxy.inconsistent_response", "server.clientproxy.service_failed.inconsistent_response",
		"server.clientproxy.missing_signature", "server.clientproxy.invalid_signature_value", "server.clientproxy.malformed_signature.invalid_reference",
	},
	soap.KindOwnServer: {
		"server.clientproxy.ssl_authentication_failed", "server.clientproxy.global_conf_outdated", "server.clientproxy.malformed_global_conf",
		"server.clientproxy.database_error", "server.clientproxy.internal_error", "server.clientproxy.cert_validation",
		"server.clientproxy.cannot_create_signature.signer.internal_error", "signer.key_not_found", "signer.token_not_active", "signer.login_failed",
		"server.clientproxy.logging_failed.io_error", "server.clientproxy.timestamping_failed.timestamper_failed", "server.clientproxy.timestamper_failed",
		"server.serverproxy.client_proxy_version_not_supported", "server.clientproxy.hsm_non_operational",
		"server.serverproxy.missing_signature", "server.serverproxy.invalid_signature_value",
	},
	soap.KindRetryLater: {
		"server.serverproxy.global_conf_outdated", "server.serverproxy.malformed_server_conf", "server.serverproxy.database_error",
		"server.serverproxy.internal_error", "server.serverproxy.logging_failed.database_error", "server.serverproxy.timestamping_failed",
		"server.serverproxy.hsm_non_operational",
	},
}

// Every code, in both spellings, over SOAP and over REST, lands in its kind.
func TestEveryCodeInBothSpellingsIsSeenAsItsKind(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"soap", "rest"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			conformance.Covers(t, "C-091", "C-165")
			s := newStage(t, 30*time.Second)
			for kind, codes := range codeRows {
				for _, code := range codes {
					for _, spelling := range []string{"7.8", "7.7"} {
						s.arm(t, params{"kind": "error", "code": code, "spelling": spelling, "message": "on purpose"})
						_, err := s.call(t.Context(), protocol)
						f := failureOf(t, err)
						if documented := soap.Classify(code); f.Kind != kind || documented != kind {
							t.Errorf("%s in %s is %s, documented as %s, want %s", code, spelling, f.Kind, documented, kind)
						}
						if upper := f.Raw != "" && f.Raw[0] < 'a'; upper != (spelling == "7.7") {
							t.Errorf("%s in %s came as %s", code, spelling, f.Raw)
						}
						// 7.7 has one code for both.
						if f.Code != code && soap.Normalize(f.Raw) != f.Code {
							t.Errorf("%s in %s came as %s, read as %s", code, spelling, f.Raw, f.Code)
						}
						s.disarm(t)
					}
				}
			}
			if n := len(s.received()); n != 0 {
				t.Errorf("the provider was called %d times", n)
			}
		})
	}
}
