package soap_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ristmik/soap"
	"ristmik/soap/conformance"
)

// codes is every fault code worth handling: the spelling up to 7.7, the one
// from 7.8 on, and what it means to us.
var codes = []struct {
	old, now string
	kind     soap.Kind
}{
	// Our request.
	{"Client.MissingHeader", "client.missing_header", soap.KindFixData},
	{"Client.MissingHeaderField", "client.missing_header_field", soap.KindFixData},
	{"Client.DuplicateHeaderField", "client.duplicate_header_field", soap.KindFixData},
	{"Client.MissingBody", "client.missing_body", soap.KindFixData},
	{"Client.InvalidBody", "client.invalid_body", soap.KindFixData},
	{"Client.InconsistentHeaders", "client.inconsistent_headers", soap.KindFixData},
	{"Client.InvalidProtocolVersion", "client.invalid_protocol_version", soap.KindFixData},
	{"Client.InvalidSoap", "client.invalid_soap", soap.KindFixData},
	{"Client.MissingSoap", "client.missing_soap", soap.KindFixData},
	{"Client.InvalidXml", "client.invalid_xml", soap.KindFixData},
	{"Client.InvalidContentType", "client.invalid_content_type", soap.KindFixData},
	{"Client.InvalidSoapAction", "client.invalid_soap_action", soap.KindFixData},
	{"Client.InvalidHttpMethod", "client.invalid_http_method", soap.KindFixData},
	{"Client.InvalidRequest", "client.invalid_request", soap.KindFixData},
	{"Client.MimeParsingFailed", "client.mime_parsing_failed", soap.KindFixData},
	{"Client.InternalError", "client.internal_error", soap.KindFixData},
	{"Client.BadRequest", "client.bad_request", soap.KindFixData},
	{"Server.ServerProxy.InvalidRequest", "server.serverproxy.invalid_request", soap.KindFixData},
	{"Server.ClientProxy.InvalidClientIdentifier", "server.clientproxy.invalid_client_identifier", soap.KindFixData},
	// The provider's answer: it was called.
	{"Server.ServerProxy.ServiceFailed.MissingHeader", "server.serverproxy.service_failed.missing_header", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.MissingHeaderField", "server.serverproxy.service_failed.missing_header_field", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.DuplicateHeaderField", "server.serverproxy.service_failed.duplicate_header_field", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.MissingBody", "server.serverproxy.service_failed.missing_body", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.InvalidBody", "server.serverproxy.service_failed.invalid_body", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.InvalidContentType", "server.serverproxy.service_failed.invalid_content_type", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.InvalidSoap", "server.serverproxy.service_failed.invalid_soap", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.InvalidMessage", "server.serverproxy.service_failed.invalid_message", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.MimeParsingFailed", "server.serverproxy.service_failed.mime_parsing_failed", soap.KindUnknownResult},
	// Names, rights, agreements.
	{"Server.ClientProxy.UnknownMember", "server.clientproxy.unknown_member", soap.KindFixRights},
	{"Server.ServerProxy.ServiceFailed.UnknownMember", "server.serverproxy.service_failed.unknown_member", soap.KindFixRights},
	{"Server.ServerProxy.UnknownService", "server.serverproxy.unknown_service", soap.KindFixRights},
	{"Server.ServerProxy.ServiceType", "server.serverproxy.service_type", soap.KindFixRights},
	{"Server.ServerProxy.AccessDenied", "server.serverproxy.access_denied", soap.KindFixRights},
	{"Server.ClientProxy.InvalidSecurityServer", "server.clientproxy.invalid_security_server", soap.KindFixRights},
	{"Server.ServerProxy.ServiceFailed.InvalidSecurityServer", "server.serverproxy.service_failed.invalid_security_server", soap.KindFixRights},
	{"Server.ServerProxy.ServiceMissingUrl", "server.serverproxy.service_missing_url", soap.KindFixRights},
	{"Server.ServerProxy.ServiceMalformedUrl", "server.serverproxy.service_malformed_url", soap.KindFixRights},
	// Planned stops.
	{"Server.ServerProxy.ServiceDisabled", "server.serverproxy.service_disabled", soap.KindWait},
	{"Server.ClientProxy.MaintenanceMode", "server.clientproxy.maintenance_mode", soap.KindWait},
	// Not there, or not answering.
	{"Server.ClientProxy.NetworkError", "server.clientproxy.network_error", soap.KindPartnerDown},
	{"Server.ServerProxy.NetworkError", "server.serverproxy.network_error", soap.KindPartnerDown},
	{"Server.ServerProxy.ServiceFailed.NetworkError", "server.serverproxy.service_failed.network_error", soap.KindPartnerDown},
	{"Server.ServerProxy.ServiceFailed.UnknownHost", "server.serverproxy.service_failed.unknown_host", soap.KindPartnerDown},
	{"Server.ServerProxy.ServiceFailed.HttpError", "server.serverproxy.service_failed.http_error", soap.KindPartnerDown},
	{"Server.ServerProxy.SslAuthenticationFailed", "server.serverproxy.ssl_authentication_failed", soap.KindPartnerDown},
	{"Server.ServerProxy.ServiceFailed.SslAuthenticationFailed", "server.serverproxy.service_failed.ssl_authentication_failed", soap.KindPartnerDown},
	{"Server.ServerProxy.ServiceFailed", "server.serverproxy.service_failed", soap.KindRetryLater},
	{"Server.ServerProxy.ServiceFailed.InternalError", "server.serverproxy.service_failed.internal_error", soap.KindRetryLater},
	{"Server.ClientProxy.IOError", "server.clientproxy.io_error", soap.KindUnknownResult},
	{"Server.ServerProxy.IOError", "server.serverproxy.io_error", soap.KindUnknownResult},
	{"Server.ServerProxy.ServiceFailed.IOError", "server.serverproxy.service_failed.io_error", soap.KindUnknownResult},
	// The answer does not fit.
	{"Server.ClientProxy.InconsistentResponse", "server.clientproxy.inconsistent_response", soap.KindTampered},
	{"Server.ClientProxy.ServiceFailed.InconsistentResponse", "server.clientproxy.service_failed.inconsistent_response", soap.KindTampered},
	{"Server.ClientProxy.MissingSignature", "server.clientproxy.missing_signature", soap.KindTampered},
	{"Server.ClientProxy.InvalidSignatureValue", "server.clientproxy.invalid_signature_value", soap.KindTampered},
	{"Server.ClientProxy.SignatureVerification.InvalidSignatureValue", "server.clientproxy.signature_verification.invalid_signature_value", soap.KindTampered},
	{"Server.ClientProxy.MalformedSignature.InvalidReference", "server.clientproxy.malformed_signature.invalid_reference", soap.KindTampered},
	// Trouble in a Security Server: ours or theirs.
	{"Server.ClientProxy.OutdatedGlobalConf", "server.clientproxy.global_conf_outdated", soap.KindOwnServer},
	{"Server.ServerProxy.OutdatedGlobalConf", "server.serverproxy.global_conf_outdated", soap.KindRetryLater},
	{"Server.ClientProxy.MalformedGlobalConf", "server.clientproxy.malformed_global_conf", soap.KindOwnServer},
	{"Server.ServerProxy.MalformedServerConf", "server.serverproxy.malformed_server_conf", soap.KindRetryLater},
	{"Server.ClientProxy.DatabaseError", "server.clientproxy.database_error", soap.KindOwnServer},
	{"Server.ServerProxy.DatabaseError", "server.serverproxy.database_error", soap.KindRetryLater},
	{"Server.ClientProxy.InternalError", "server.clientproxy.internal_error", soap.KindOwnServer},
	{"Server.ServerProxy.InternalError", "server.serverproxy.internal_error", soap.KindRetryLater},
	{"Server.ClientProxy.LoggingFailed.InternalError", "server.clientproxy.logging_failed.internal_error", soap.KindOwnServer},
	{"Server.ClientProxy.LoggingFailed.IOError", "server.clientproxy.logging_failed.io_error", soap.KindOwnServer},
	{"Server.ServerProxy.LoggingFailed.DatabaseError", "server.serverproxy.logging_failed.database_error", soap.KindRetryLater},
	{"Server.ClientProxy.TimestampingFailed.TimestamperFailed", "server.clientproxy.timestamping_failed.timestamper_failed", soap.KindOwnServer},
	{"Server.ServerProxy.TimestampingFailed", "server.serverproxy.timestamping_failed", soap.KindRetryLater},
	{"Server.ClientProxy.TimestamperFailed", "server.clientproxy.timestamper_failed", soap.KindOwnServer},
	{"Server.ClientProxy.HSMNonOperational", "server.clientproxy.hsm_non_operational", soap.KindOwnServer},
	{"Server.ServerProxy.HSMNonOperational", "server.serverproxy.hsm_non_operational", soap.KindRetryLater},
	{"Server.ClientProxy.SslAuthenticationFailed", "server.clientproxy.ssl_authentication_failed", soap.KindOwnServer},
	{"Server.ClientProxy.SslAuthenticationFailed.IncorrectValidationInfo", "server.clientproxy.ssl_authentication_failed.incorrect_validation_info", soap.KindOwnServer},
	{"Server.ClientProxy.CertValidation", "server.clientproxy.cert_validation", soap.KindOwnServer},
	{"Server.ServerProxy.SignatureVerification.CertValidation", "server.serverproxy.signature_verification.cert_validation", soap.KindOwnServer},
	{"Server.ServerProxy.InvalidSignatureValue", "server.serverproxy.invalid_signature_value", soap.KindOwnServer},
	{"Server.ClientProxy.InvalidCertPath", "server.clientproxy.invalid_cert_path", soap.KindOwnServer},
	{"Server.ClientProxy.CannotCreateSignature.Signer.InternalError", "server.clientproxy.cannot_create_signature.signer.internal_error", soap.KindOwnServer},
	{"Signer.InternalError", "signer.internal_error", soap.KindOwnServer},
	{"Signer.KeyNotFound", "signer.key_not_found", soap.KindOwnServer},
	{"Server.ClientProxy.TokenNotActive", "server.clientproxy.token_not_active", soap.KindOwnServer},
	{"Server.ClientProxy.LoginFailed", "server.clientproxy.login_failed", soap.KindOwnServer},
	{"Server.ServerProxy.ClientProxyVersionNotSupported", "server.serverproxy.client_proxy_version_not_supported", soap.KindOwnServer},
	// Our server noticed it, but the trouble is behind theirs.
	{"Server.ClientProxy.ServiceFailed.DatabaseError", "server.clientproxy.service_failed.database_error", soap.KindRetryLater},
	// Codes that nobody has seen yet go by their place.
	{"Server.ClientProxy.SomethingNew", "server.clientproxy.something_new", soap.KindOwnServer},
	{"Server.ServerProxy.SomethingNew", "server.serverproxy.something_new", soap.KindRetryLater},
	{"Server.ClientProxy.ServiceFailed.SomethingNew", "server.clientproxy.service_failed.something_new", soap.KindRetryLater},
}

func TestBothSpellingsOfACodeMeanTheSame(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-091")
	for _, c := range codes {
		if got := soap.Normalize(c.old); got != c.now {
			t.Errorf("Normalize(%s) = %s, want %s", c.old, got, c.now)
		}
		for _, spelling := range []string{c.now, c.old, strings.ToLower(c.old), " " + c.old + "\n"} {
			if got := soap.Classify(spelling); got != c.kind {
				t.Errorf("Classify(%q) = %s, want %s", spelling, got, c.kind)
			}
		}
		if got := soap.Normalize(c.now); got != c.now {
			t.Errorf("Normalize(%s) = %s: normalising twice changes it", c.now, got)
		}
	}
}

// soap:Client is the provider speaking, whatever it looks like.
func TestCodesWithoutXRoadPlaceAreTheProviders(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-092")
	for code, want := range map[string]struct {
		normal string
		kind   soap.Kind
	}{
		"soap:Client":                        {"provider.client", soap.KindFixData},
		"SOAP-ENV:Client.Authentication":     {"provider.client", soap.KindFixData},
		"Client":                             {"provider.client", soap.KindFixData},
		"SOAP-ENV:Server":                    {"provider.server", soap.KindRetryLater},
		"soapenv:Server.userException":       {"provider.server", soap.KindRetryLater},
		"server":                             {"provider.server", soap.KindRetryLater},
		"foo:BAR":                            {"provider.other", soap.KindRetryLater},
		"x:Server.ServerProxy.AccessDenied":  {"provider.server", soap.KindRetryLater},
		"38001085718":                        {"provider.other", soap.KindRetryLater},
		"":                                   {"provider.other", soap.KindRetryLater},
		".":                                  {"provider.other", soap.KindRetryLater},
		"Server.ServerProxy.":                {"provider.server", soap.KindRetryLater},
		"provider.client":                    {"provider.client", soap.KindFixData},
		"provider.other":                     {"provider.other", soap.KindRetryLater},
		"client." + strings.Repeat("a", 200): {"provider.client", soap.KindFixData},
		"server.serverproxy.38001085718":     {"provider.server", soap.KindRetryLater},
	} {
		if got := soap.Normalize(code); got != want.normal {
			t.Errorf("Normalize(%q) = %q, want %q", code, got, want.normal)
		}
		if got := soap.Classify(code); got != want.kind {
			t.Errorf("Classify(%q) = %s, want %s", code, got, want.kind)
		}
	}
}

// Two codes cover unlike causes; the text tells them apart.
func TestFaultTextRefinesTwoCodes(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-093")
	for _, c := range []struct {
		code, text string
		kind       soap.Kind
	}{
		{"Server.ClientProxy.IOError", "LoggingFailed: Message size exceeds maximum loggable size", soap.KindFixData},
		{"server.clientproxy.io_error", "logging_failed: disk full", soap.KindOwnServer},
		{"server.clientproxy.io_error", "Read timed out", soap.KindUnknownResult},
		{"server.clientproxy.internal_error", "Invalid request URI", soap.KindFixData},
		{"server.clientproxy.internal_error", "boom", soap.KindOwnServer},
		{"server.serverproxy.internal_error", "Invalid service type: REST", soap.KindRetryLater},
	} {
		f := soap.Fault{Code: c.code, String: c.text, Detail: "d"}.Failure("m")
		if f.Kind != c.kind || f.Detail != "d" || f.MessageID != "m" || f.Message != c.text {
			t.Errorf("%s %q is %+v, want %s", c.code, c.text, f, c.kind)
		}
	}
}

func TestEveryKindSaysWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	turns := map[soap.Turn]bool{soap.TurnOurs: true, soap.TurnTheirs: true, soap.TurnNobody: true}
	seen := map[string]soap.Kind{}
	for _, k := range soap.Kinds() {
		advice := k.Advice()
		if !turns[k.Turn()] || !strings.HasSuffix(advice, ".") {
			t.Errorf("%s: turn %q, advice %q", k, k.Turn(), advice)
		}
		if other, ok := seen[advice]; ok {
			t.Errorf("%s and %s give the same advice", k, other)
		}
		seen[advice] = k
		if k.CountsAgainstPartner() && k.Turn() == soap.TurnOurs && k != soap.KindUnknownResult {
			t.Errorf("%s is ours to mend and counts against the partner", k)
		}
	}
	if soap.Kind("new").Turn() != soap.KindInternal.Turn() || soap.Kind("new").CountsAgainstPartner() {
		t.Error("an unknown kind is not treated as internal")
	}
}

func TestFailureIsFoundInsideAnError(t *testing.T) {
	t.Parallel()
	f := &soap.Failure{Kind: soap.KindWait, Code: "server.clientproxy.maintenance_mode", Err: io.EOF}
	err := fmt.Errorf("sending: %w", f)
	if soap.KindOf(err) != soap.KindWait || !errors.Is(err, io.EOF) {
		t.Errorf("%v is of kind %s", err, soap.KindOf(err))
	}
	if soap.KindOf(nil) != "" || soap.KindOf(io.EOF) != soap.KindInternal {
		t.Error("errors without a failure have a wrong kind")
	}
}

// Words of a partner may hold personal data and stay out of the error text.
func TestErrorTextNeverQuotesThePartner(t *testing.T) {
	t.Parallel()
	f := soap.Fault{Code: "soap:38001085718", String: "no permit for 38001085718", Detail: "38001085718"}.Failure("m")
	if strings.Contains(f.Error(), "38001085718") {
		t.Errorf("error text is %q", f)
	}
	empty := soap.Fault{String: "38001085718"}.Failure("m")
	if strings.Contains(empty.Error(), "38001085718") {
		t.Errorf("error text is %q", empty)
	}
	own := &soap.Failure{Kind: soap.KindFixData, Code: "request.path", Message: "too long", Err: errors.New("too long")}
	if own.Error() != "fix_data request.path: too long" {
		t.Errorf("error text is %q", own)
	}
}

func TestFaultHasTheShapeOfASecurityServer(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-063")
	f := soap.Fault{
		Code:   "server.serverproxy.access_denied",
		String: "Request is not allowed: SERVICE:EE-DEV/COM/10000002/registry/vehicleByPlate/v1",
		Detail: "6f0e2b64-0c55-4a0e-bd8a-2f6a3c1f6f0d",
	}
	if diff := cmp.Diff(golden(t, "fault.xml"), string(soap.BuildFault(f))); diff != "" {
		t.Error(diff)
	}
}

func TestFaultReadsBack(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-090")
	for _, f := range []soap.Fault{
		{Code: "server.serverproxy.access_denied", String: "a <b> & \"c\"", Actor: "urn:x", Detail: "uuid"},
		{Code: "soap:Client", String: "<script>alert(1)</script>"},
		{},
	} {
		m, err := soap.ReadAnswer(soap.BuildFault(f), soap.DefaultLimits())
		if err != nil || m.Fault == nil || m.Body() != nil {
			t.Errorf("%+v reads back as %+v, %v", f, m, err)
			continue
		}
		if *m.Fault != f {
			t.Errorf("%+v reads back as %+v", f, *m.Fault)
		}
	}
	if raw := soap.BuildFault(soap.Fault{String: "\x00"}); !strings.Contains(string(raw), "\uFFFD") {
		t.Errorf("a character that XML cannot hold was written: %q", raw)
	}
}

// Faults of providers come in many dresses.
func TestFaultsOfProvidersAreRecognised(t *testing.T) {
	t.Parallel()
	const open, end = `<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/">`, `</e:Body></e:Envelope>`
	for name, c := range map[string]struct {
		xml  string
		want soap.Fault
	}{
		"empty": {open + `<e:Body><e:Fault/>` + end, soap.Fault{}},
		"qualified children": {open + `<e:Body><e:Fault><e:faultcode> e:Server </e:faultcode><e:faultstring>s</e:faultstring></e:Fault>` + end,
			soap.Fault{Code: "e:Server", String: "s"}},
		"broken header": {open + `<e:Header><x:client xmlns:x="` + soap.NSXRoad + `"/></e:Header><e:Body><e:Fault><faultcode>a</faultcode></e:Fault>` + end,
			soap.Fault{Code: "a"}},
		"detail without faultDetail": {open + `<e:Body><e:Fault><faultcode>a</faultcode><detail> text <x/></detail></e:Fault>` + end,
			soap.Fault{Code: "a", Detail: "text"}},
	} {
		m, err := soap.ReadAnswer([]byte(c.xml), soap.DefaultLimits())
		if err != nil || m.Fault == nil || *m.Fault != c.want {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
	two := open + `<e:Body><e:Fault/><e:Fault/>` + end
	if _, err := soap.ReadAnswer([]byte(two), soap.DefaultLimits()); failure(t, err).Code != "server.serverproxy.service_failed.invalid_body" {
		t.Errorf("two faults: %v", err)
	}
}
