package soap_test

import (
	"strings"
	"testing"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// Where a code was noticed: both spellings of its prefix.
var (
	byClient   = [2]string{"client.", "Client."}
	byOurs     = [2]string{"server.clientproxy.", "Server.ClientProxy."}
	oursFailed = [2]string{"server.clientproxy.service_failed.", "Server.ClientProxy.ServiceFailed."}
	byTheirs   = [2]string{"server.serverproxy.", "Server.ServerProxy."}
	failed     = [2]string{"server.serverproxy.service_failed.", "Server.ServerProxy.ServiceFailed."}
	signer     = [2]string{"signer.", "Signer."}
)

type place struct {
	prefix [2]string
	kind   soap.Kind
	turn   soap.Turn
	advice string // a piece of it that only this code has
}

const (
	ours, theirs, nobody = soap.TurnOurs, soap.TurnTheirs, soap.TurnNobody
	wait, later          = soap.KindWait, soap.KindRetryLater
	data, rights         = soap.KindFixData, soap.KindFixRights
	down, unknown        = soap.KindPartnerDown, soap.KindUnknownResult
	own, forged          = soap.KindOwnServer, soap.KindTampered
)

// defect is where a malformed message is noticed: ours before the provider is
// called, the provider's after.
var defect = []place{{byClient, data, ours, "Our message is malformed"}, {failed, unknown, ours, "malformed answer"}}

// errorCodes are the codes worth handling, each with every prefix it is seen
// with.
var errorCodes = []struct {
	now, old string
	places   []place
}{
	{"missing_header", "MissingHeader", defect},
	{"missing_header_field", "MissingHeaderField", defect},
	{"duplicate_header_field", "DuplicateHeaderField", defect},
	{"missing_body", "MissingBody", defect},
	{"invalid_body", "InvalidBody", defect},
	{"inconsistent_headers", "InconsistentHeaders", defect},
	{"invalid_protocol_version", "InvalidProtocolVersion", defect},
	{"invalid_soap", "InvalidSoap", defect},
	{"missing_soap", "MissingSoap", defect},
	{"invalid_xml", "InvalidXml", defect},
	{"invalid_content_type", "InvalidContentType", defect},
	{"invalid_soap_action", "InvalidSoapAction", defect},
	{"invalid_http_method", "InvalidHttpMethod", defect},
	{"invalid_request", "InvalidRequest", defect},
	{"mime_parsing_failed", "MimeParsingFailed", defect},
	{"invalid_message", "InvalidMessage", defect},
	{"invalid_client_identifier", "InvalidClientIdentifier", []place{{byOurs, data, ours, "client identifier is missing"}}},
	{"unknown_member", "UnknownMember", []place{{byOurs, rights, ours, "compare both identifiers"}, {failed, rights, theirs, "registered there"}}},
	{"unknown_service", "UnknownService", []place{{byTheirs, rights, ours, "no service of this name and version"}}},
	{"service_type", "ServiceType", []place{{byTheirs, rights, ours, "called as REST"}}},
	{"access_denied", "AccessDenied", []place{{byTheirs, rights, theirs, "grant our subsystem"}}},
	{"service_disabled", "ServiceDisabled", []place{{byTheirs, wait, nobody, "switched the service off"}}},
	{"maintenance_mode", "MaintenanceMode", []place{{byOurs, wait, nobody, "maintenance"}}},
	{"ssl_authentication_failed", "SslAuthenticationFailed", []place{{byOurs, own, ours, "register our certificate"}, {failed, down, theirs, "each other's certificates"}, {byTheirs, down, theirs, "each other's certificates"}}},
	{"invalid_security_server", "InvalidSecurityServer", []place{{byOurs, rights, ours, "target server"}, {byTheirs, rights, ours, "target server"}, {failed, rights, ours, "target server"}}},
	{"global_conf_outdated", "OutdatedGlobalConf", []place{{byOurs, own, ours, "has expired"}, {byTheirs, later, theirs, "has expired"}}},
	{"malformed_global_conf", "MalformedGlobalConf", []place{{byOurs, own, ours, ""}, {byTheirs, later, theirs, ""}}},
	{"malformed_server_conf", "MalformedServerConf", []place{{byOurs, own, ours, ""}, {byTheirs, later, theirs, ""}}},
	{"database_error", "DatabaseError", []place{{byOurs, own, ours, ""}, {byTheirs, later, theirs, ""}}},
	{"internal_error", "InternalError", []place{{byOurs, own, ours, ""}, {byTheirs, later, theirs, ""}, {byClient, data, ours, "Our message is malformed"}}},
	{"network_error", "NetworkError", []place{{byOurs, down, theirs, "cannot be reached from ours"}, {failed, down, theirs, "from its own Security Server"}, {byTheirs, down, theirs, "from its own Security Server"}}},
	{"unknown_host", "UnknownHost", []place{{byOurs, down, theirs, "name of the partner's"}, {failed, down, theirs, "cannot find the host"}, {byTheirs, down, theirs, "cannot find the host"}}},
	{"io_error", "IOError", []place{{byOurs, unknown, ours, "may have acted"}, {failed, unknown, ours, "may have acted"}, {byTheirs, unknown, ours, "may have acted"}}},
	{"http_error", "HttpError", []place{{failed, down, theirs, "HTTP error"}}},
	{"service_missing_url", "ServiceMissingUrl", []place{{byTheirs, rights, theirs, "without an address"}}},
	{"service_malformed_url", "ServiceMalformedUrl", []place{{byTheirs, rights, theirs, "broken address"}}},
	{"inconsistent_response", "InconsistentResponse", []place{{byOurs, forged, theirs, "does not repeat"}, {oursFailed, forged, theirs, "does not repeat"}}},
	{"missing_signature", "MissingSignature", []place{{byOurs, forged, theirs, "not properly signed"}, {byTheirs, own, ours, "signature of ours"}}},
	{"invalid_signature_value", "InvalidSignatureValue", []place{{byOurs, forged, theirs, "not properly signed"}, {byTheirs, own, ours, "signature of ours"}}},
	{"malformed_signature.invalid_reference", "MalformedSignature.InvalidReference", []place{{byOurs, forged, theirs, "not properly signed"}, {byTheirs, own, ours, "signature of ours"}}},
	{"cert_validation", "CertValidation", []place{{byOurs, own, ours, "OCSP"}, {byTheirs, own, ours, "OCSP"}}},
	{"cert_validation.invalid_cert_path", "CertValidation.InvalidCertPath", []place{{byOurs, own, ours, "OCSP"}, {byTheirs, own, ours, "OCSP"}}},
	{"signature_verification.cert_validation", "SignatureVerification.CertValidation", []place{{byOurs, own, ours, "OCSP"}, {byTheirs, own, ours, "OCSP"}}},
	{"cannot_create_signature.signer.token_not_active", "CannotCreateSignature.Signer.TokenNotActive", []place{{byOurs, own, ours, "PIN"}, {byTheirs, unknown, ours, "cannot sign the answer"}}},
	{"key_not_found", "KeyNotFound", []place{{byOurs, own, ours, "PIN"}, {signer, own, ours, "PIN"}}},
	{"token_not_active", "TokenNotActive", []place{{byOurs, own, ours, "PIN"}, {signer, own, ours, "PIN"}}},
	{"login_failed", "LoginFailed", []place{{byOurs, own, ours, "PIN"}, {signer, own, ours, "PIN"}}},
	{"logging_failed.internal_error", "LoggingFailed.InternalError", []place{{byOurs, own, ours, "message log"}, {byTheirs, later, theirs, "message log"}}},
	{"logging_failed.io_error", "LoggingFailed.IOError", []place{{byOurs, own, ours, "message log"}, {byTheirs, later, theirs, "message log"}}},
	{"timestamping_failed", "TimestampingFailed", []place{{byOurs, own, ours, "time-stamps"}, {byTheirs, later, theirs, "time-stamps"}}},
	{"timestamping_failed.timestamper_failed", "TimestampingFailed.TimestamperFailed", []place{{byOurs, own, ours, "time-stamps"}, {byTheirs, later, theirs, "time-stamps"}}},
	{"timestamper_failed", "TimestamperFailed", []place{{byOurs, own, ours, "time-stamps"}, {byTheirs, later, theirs, "time-stamps"}}},
	{"client_proxy_version_not_supported", "ClientProxyVersionNotSupported", []place{{byTheirs, own, ours, "too old"}}},
	{"hsm_non_operational", "HSMNonOperational", []place{{byOurs, own, ours, "hardware module"}, {byTheirs, later, theirs, "hardware module"}}},
}

// Every code, in both spellings and with every prefix, has its kind, whose
// turn it is and one sentence of advice.
func TestEveryCodeSaysWhatToDo(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-091")
	for _, c := range errorCodes {
		for _, p := range c.places {
			for _, code := range []string{p.prefix[0] + c.now, p.prefix[1] + c.old, p.prefix[1] + c.now, p.prefix[0] + c.old} {
				f := soap.Fault{Code: code, String: "text", Detail: "uuid"}.Failure("m")
				if f.Kind != p.kind || f.Code != p.prefix[0]+c.now || f.Raw != code || f.Detail != "uuid" {
					t.Errorf("%s is %s %s, want %s", code, f.Kind, f.Code, p.kind)
				}
				advice := f.Advice()
				if f.Turn() != p.turn || !strings.Contains(advice, p.advice) {
					t.Errorf("%s: turn %s, %q", code, f.Turn(), advice)
				}
				if (p.advice == "") != (advice == p.kind.Advice()) {
					t.Errorf("%s: the advice is %q", code, advice)
				}
				if !strings.HasSuffix(advice, ".") || strings.Contains(advice, ". ") {
					t.Errorf("%s: not one sentence: %q", code, advice)
				}
			}
		}
	}
}

// A code that is not X-Road's, or a text that said more than the code, leaves
// the kind's own advice.
func TestAdviceFollowsTheKindWhereTheCodeSaysNothing(t *testing.T) {
	t.Parallel()
	for _, f := range []*soap.Failure{
		{Kind: soap.KindBusiness, Code: "provider.refused"},
		{Kind: soap.KindHashMismatch, Code: "answer.request_hash"},
		{Kind: soap.KindInternal},
		{Kind: soap.KindRetryLater, Code: "server.serverproxy.service_failed"},
		{Kind: soap.KindRetryLater, Code: "server.serverproxy.something_new"},
		soap.Fault{Code: "soap:Client"}.Failure("m"),
		soap.Fault{Code: "server.clientproxy.io_error", String: "Message size exceeds maximum loggable size"}.Failure("m"),
	} {
		if f.Advice() != f.Kind.Advice() || f.Turn() != f.Kind.Turn() {
			t.Errorf("%v: %s %q", f, f.Turn(), f.Advice())
		}
	}
}
