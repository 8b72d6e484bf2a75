package soap

import (
	"slices"
	"strings"
)

// Fault codes of X-Road are dotted words: where the failure was noticed, up to
// some phases, and what it was, for instance
// server.serverproxy.service_failed.network_error. Up to 7.7 the words are
// CamelCase, from 7.8 on they are lower case with underscores, and both appear
// in one installation while it is being upgraded. Two words changed beyond
// spelling (OutdatedGlobalConf, NetworkError for an unknown host).

// Places where X-Road notices a failure: the first words of a code.
const (
	placeClient      = "client."
	placeClientProxy = "server.clientproxy."
	placeServerProxy = "server.serverproxy."
	placeSigner      = "signer."
	// placeProvider is ours: it stands for every code without an X-Road place,
	// which is a provider speaking ("soap:Server", "foo:BAR").
	placeProvider = "provider."
)

// verdict is what one code means, by the server that noticed it. An empty
// field means that the place decides.
type verdict struct{ own, theirs Kind }

func both(k Kind) verdict { return verdict{k, k} }

// defects are words for a malformed message. Under client. they speak of our
// request; under service_failed of the provider's answer, which means that the
// provider was called and may have acted.
var defects = []string{
	"missing_header", "missing_header_field", "duplicate_header_field", "missing_body", "invalid_body",
	"inconsistent_headers", "invalid_protocol_version", "invalid_soap", "missing_soap", "invalid_xml",
	"invalid_content_type", "invalid_soap_action", "invalid_http_method", "invalid_request",
	"mime_parsing_failed", "invalid_message",
}

// verdicts gives the meaning of the other words; "own" is the column for
// server.clientproxy and signer (our Security Server), "theirs" the one for
// server.serverproxy and for the phase service_failed.
var verdicts = map[string]verdict{
	// Agreements, names and rights: nothing passes by itself.
	"access_denied":           both(KindFixRights),
	"unknown_service":         both(KindFixRights),
	"unknown_member":          both(KindFixRights),
	"service_type":            both(KindFixRights),
	"invalid_security_server": both(KindFixRights),
	"service_missing_url":     both(KindFixRights),
	"service_malformed_url":   both(KindFixRights),
	// Our request.
	"invalid_client_identifier": both(KindFixData),
	// Planned stops.
	"service_disabled": both(KindWait),
	"maintenance_mode": both(KindWait),
	// The partner is not there. Noticed by our server it is the partner's
	// Security Server, noticed by theirs it is the service behind it.
	"network_error": both(KindPartnerDown),
	"unknown_host":  both(KindPartnerDown),
	"http_error":    both(KindPartnerDown),
	// A broken read or the service time-out: the provider may have acted.
	"io_error": both(KindUnknownResult),
	// Certificates between an information system and its Security Server.
	"ssl_authentication_failed": {KindOwnServer, KindPartnerDown},
	// The answer does not fit the request, or its signature is not good.
	"inconsistent_response":   both(KindTampered),
	"missing_signature":       {KindTampered, KindOwnServer},
	"invalid_signature_value": {KindTampered, KindOwnServer},
	"malformed_signature":     {KindTampered, KindOwnServer},
	// A Security Server in trouble: theirs passes for us by waiting, ours is
	// for our administrator.
	"global_conf_outdated":  {KindOwnServer, KindRetryLater},
	"malformed_global_conf": {KindOwnServer, KindRetryLater},
	"malformed_server_conf": {KindOwnServer, KindRetryLater},
	"database_error":        {KindOwnServer, KindRetryLater},
	"internal_error":        {KindOwnServer, KindRetryLater},
	"hsm_non_operational":   {KindOwnServer, KindRetryLater},
	"logging_failed":        {KindOwnServer, KindRetryLater},
	"timestamping_failed":   {KindOwnServer, KindRetryLater},
	"timestamper_failed":    {KindOwnServer, KindRetryLater},
	// A server cannot sign. Theirs signs after it has called the provider.
	"cannot_create_signature": {KindOwnServer, KindUnknownResult},
	"key_not_found":           {KindOwnServer, KindUnknownResult},
	"cert_not_found":          {KindOwnServer, KindUnknownResult},
	"token_not_active":        {KindOwnServer, KindUnknownResult},
	"token_not_initialized":   {KindOwnServer, KindUnknownResult},
	"login_failed":            {KindOwnServer, KindUnknownResult},
	// Their server cannot verify ours: our certificates, our OCSP answers or
	// our clock, most of the time.
	"cert_validation":                    both(KindOwnServer),
	"invalid_cert_path":                  both(KindOwnServer),
	"incorrect_validation_info":          both(KindOwnServer),
	"signature_verification":             both(KindOwnServer),
	"client_proxy_version_not_supported": both(KindOwnServer),
	// The provider gave no proper answer and nothing more is known.
	"service_failed": both(KindRetryLater),
}

// renamed are words whose old form is more than another spelling.
var renamed = map[string]string{"outdatedglobalconf": "global_conf_outdated"}

// Classify returns the kind of an X-Road fault code in either spelling.
//
// A code without an X-Road place is a provider's own technical fault (beware:
// "soap:Client" is the provider speaking). Client-like ones mean that it could
// not use our request (KindFixData); all others are failures of the provider
// (KindRetryLater, counted against it), because by PR-MESS 2.5 a Fault is
// technical and a refusal on the merits comes as a normal answer.
func Classify(code string) Kind {
	c := Normalize(code)
	switch {
	case strings.HasPrefix(c, placeClient):
		return KindFixData
	case c == placeProvider+"client":
		return KindFixData
	case strings.HasPrefix(c, placeProvider):
		return KindRetryLater
	}
	words := strings.Split(trimPlace(c), ".")
	// With the phase service_failed the trouble is on the partner's side,
	// whichever server noticed it, and the partner may have been called.
	answered := slices.Contains(words, "service_failed")
	own := !strings.HasPrefix(c, placeServerProxy) && !answered
	word := telling(words)
	if slices.Contains(defects, word) {
		if answered {
			return KindUnknownResult
		}
		return KindFixData
	}
	v, ok := verdicts[word]
	if !ok {
		v = verdict{KindOwnServer, KindRetryLater}
	}
	if own {
		return v.own
	}
	return v.theirs
}

// telling picks the word that decides: a failed message log or time-stamping
// whatever its cause, else the last word that is known and not a mere "failed".
func telling(words []string) string {
	generic := ""
	for _, w := range slices.Backward(words) {
		switch {
		case slices.Contains(words, "logging_failed"):
			return "logging_failed"
		case slices.Contains(words, "timestamping_failed"):
			return "timestamping_failed"
		case w == "internal_error" || w == "service_failed":
			if generic == "" {
				generic = w
			}
		case slices.Contains(defects, w) || verdicts[w] != (verdict{}):
			return w
		}
	}
	return generic
}

// Normalize returns a code in the spelling of X-Road 7.8:
// "Server.ServerProxy.AccessDenied" becomes
// "server.serverproxy.access_denied". A code without an X-Road place becomes
// provider.client, provider.server or provider.other, because a provider's own
// codes are free text and must not become a metric label. Normalising twice
// changes nothing.
func Normalize(code string) string {
	code = strings.TrimSpace(code)
	words := strings.Split(code, ".")
	for i, w := range words {
		words[i] = word(w)
	}
	c := strings.Join(words, ".")
	if !strings.Contains(code, ":") && trimPlace(c) != c && len(c) <= 128 {
		return c
	}
	local := strings.TrimPrefix(code[strings.LastIndexByte(code, ':')+1:], placeProvider)
	switch first, _, _ := strings.Cut(strings.ToLower(local), "."); first {
	case "client", "server":
		return placeProvider + first
	}
	return placeProvider + "other"
}

// trimPlace cuts the place off a normalised code; what has no place is
// returned as it is.
func trimPlace(c string) string {
	for _, p := range []string{placeClientProxy, placeServerProxy, placeClient, placeSigner} {
		if len(c) > len(p) && strings.HasPrefix(c, p) {
			return c[len(p):]
		}
	}
	return c
}

// word returns one word of a code in snake case.
func word(w string) string {
	squashed := strings.ReplaceAll(strings.ToLower(w), "_", "")
	if n, ok := renamed[squashed]; ok {
		return n
	}
	switch squashed {
	case "clientproxy", "serverproxy":
		return squashed
	}
	for _, d := range defects {
		if strings.ReplaceAll(d, "_", "") == squashed {
			return d
		}
	}
	for v := range verdicts {
		if strings.ReplaceAll(v, "_", "") == squashed {
			return v
		}
	}
	return snake(w)
}

// snake turns CamelCase into snake case ("HSMNonOperational" into
// hsm_non_operational). Only letters and underscores are kept: no X-Road code
// has digits, and a personal code must not pass for a code.
func snake(w string) string {
	var b strings.Builder
	upper := func(i int) bool { return i < len(w) && w[i] >= 'A' && w[i] <= 'Z' }
	lower := func(i int) bool { return i < len(w) && w[i] >= 'a' && w[i] <= 'z' }
	for i := range len(w) {
		switch {
		case upper(i):
			if i > 0 && (lower(i-1) || upper(i-1) && lower(i+1)) {
				b.WriteByte('_')
			}
			b.WriteByte(w[i] + 'a' - 'A')
		case lower(i) || w[i] == '_':
			b.WriteByte(w[i])
		}
	}
	return b.String()
}
