package soap

import (
	"slices"
	"strings"
)

// said is whose turn it is and what to do about one code.
type said struct {
	turn Turn
	text string
}

// advices is more than the kind can say, by the telling word of a code: own
// when our Security Server noticed it, theirs when the partner's did or the
// trouble is behind it. Where nothing stands the kind speaks.
var advices = map[string]struct{ own, theirs said }{
	"access_denied": same(TurnTheirs, "Ask the partner to grant our subsystem the right to this service."),
	"unknown_service": same(TurnOurs,
		"The partner has no service of this name and version; ask what it is called now and correct the configuration."),
	"unknown_member": {
		said{TurnOurs, "Our Security Server does not know our subsystem or the partner's; compare both identifiers with the registered ones."},
		said{TurnTheirs, "The partner's Security Server does not know the provider; ask the partner whether its subsystem is registered there."},
	},
	"service_type": same(TurnOurs,
		"The service is called as REST and is SOAP, or the other way round; correct the configuration."),
	"invalid_security_server": same(TurnOurs,
		"The Security Server asked for is unknown or does not serve this provider; correct the target server in the configuration."),
	"service_missing_url":   same(TurnTheirs, "The partner has registered its service without an address; ask it to correct that."),
	"service_malformed_url": same(TurnTheirs, "The partner has registered its service with a broken address; ask it to correct that."),
	"invalid_client_identifier": same(TurnOurs,
		"The client identifier is missing or broken; correct it in the configuration."),
	"service_disabled": same(TurnNobody, "The partner has switched the service off for a while; the hub waits until it is on again."),
	"maintenance_mode": same(TurnNobody, "A Security Server is in maintenance; the hub waits for its end."),
	"network_error": {
		said{TurnTheirs, "The partner's Security Server cannot be reached from ours; the hub tries again and the partner should look if it lasts."},
		said{TurnTheirs, "The partner's service cannot be reached from its own Security Server; the hub tries again and the partner should look if it lasts."},
	},
	"unknown_host": {
		said{TurnTheirs, "The name of the partner's Security Server cannot be found; the hub tries again and the partner should look if it lasts."},
		said{TurnTheirs, "The partner's Security Server cannot find the host of the service; the partner has to correct its address or its name service."},
	},
	"http_error": same(TurnTheirs,
		"The partner's service answered its Security Server with an HTTP error; the partner has to look into its own log."),
	"io_error": same(TurnOurs,
		"No whole answer came in time and the partner may have acted; find out before the request is repeated by hand."),
	"ssl_authentication_failed": {
		said{TurnOurs, "Our Security Server does not accept how we connect to it; register our certificate there or correct the connection type."},
		said{TurnTheirs, "The partner's Security Server and service do not accept each other's certificates; the partner has to register the new one."},
	},
	"inconsistent_response": same(TurnTheirs,
		"The answer does not repeat the header of our request and was not used; show the partner the message id."),
	"global_conf_outdated": {
		said{TurnOurs, "The global configuration of our Security Server has expired; its administrator has to find out why no new one arrives."},
		said{TurnTheirs, "The global configuration of the partner's Security Server has expired; the hub tries again and the partner has to look."},
	},
	"hsm_non_operational": {
		said{TurnOurs, "The hardware module with the keys of our Security Server does not work; call its administrator."},
		said{TurnTheirs, "The hardware module with the keys of the partner's Security Server does not work; the hub tries again and the partner has to look."},
	},
	"logging_failed": {
		said{TurnOurs, "Our Security Server cannot write its message log, mostly because a disk is full; call its administrator."},
		said{TurnTheirs, "The partner's Security Server cannot write its message log; the hub tries again and the partner has to look."},
	},
	"timestamping_failed": timeStamps,
	"timestamper_failed":  timeStamps,
	"missing_signature":   signature, "invalid_signature_value": signature, "malformed_signature": signature,
	"cert_validation": certificates, "invalid_cert_path": certificates, "incorrect_validation_info": certificates,
	"signature_verification":  certificates,
	"cannot_create_signature": signing, "key_not_found": signing, "cert_not_found": signing, "token_not_active": signing,
	"token_not_initialized": signing, "login_failed": signing,
	"client_proxy_version_not_supported": same(TurnOurs,
		"Our Security Server is too old for the partner's; its administrator has to upgrade it."),
}

var (
	timeStamps = struct{ own, theirs said }{
		said{TurnOurs, "Our Security Server has got no time-stamps for too long; its administrator has to look at the time-stamping service."},
		said{TurnTheirs, "The partner's Security Server has got no time-stamps for too long; the hub tries again and the partner has to look."},
	}
	signature = struct{ own, theirs said }{
		said{TurnTheirs, "The answer is not properly signed and was not used; show the partner and our administrator the message id."},
		said{TurnOurs, "The partner's Security Server does not accept the signature of ours; call our administrator."},
	}
	certificates = same(TurnOurs,
		"A certificate or its OCSP answer is not valid, mostly one of our Security Server; its administrator has to renew it or to look at the clock.")
	signing = struct{ own, theirs said }{
		said{TurnOurs, "Our Security Server cannot sign, mostly because its token waits for the PIN; call its administrator."},
		said{TurnOurs, "The partner's Security Server cannot sign the answer to a request that was perhaps carried out; find out, and show the partner the message id."},
	}
	// badAnswer is for a malformed answer, whatever its defect is.
	badAnswer = said{TurnOurs, "The partner's service gave a malformed answer and may have acted; find out, and ask the partner to mend the answer."}
	// badRequest is for a malformed request.
	badRequest = said{TurnOurs, "Our message is malformed and would fail again; correct the data or the contract and send it again."}
)

func same(turn Turn, text string) struct{ own, theirs said } {
	return struct{ own, theirs said }{said{turn, text}, said{turn, text}}
}

// Advise returns whose turn it is and one sentence of advice for a failure of
// this kind with this code, in either spelling. It is Kind.Turn and
// Kind.Advice made more precise where the code of X-Road says more; a code
// that is not X-Road's, or whose text gave the failure another kind than the
// code has, leaves them as they are.
func Advise(kind Kind, code string) (Turn, string) {
	c := Normalize(code)
	rest := trimPlace(c)
	if rest == c || Classify(c) != kind {
		return kind.Turn(), kind.Advice()
	}
	words := strings.Split(rest, ".")
	answered := slices.Contains(words, "service_failed")
	word := telling(words)
	s := advices[word].theirs
	switch {
	case strings.HasPrefix(c, placeClient):
		s = badRequest
	case slices.Contains(defects, word) && answered:
		s = badAnswer
	case slices.Contains(defects, word):
		s = badRequest
	case !answered && !strings.HasPrefix(c, placeServerProxy):
		s = advices[word].own
	}
	if s.text == "" {
		return kind.Turn(), kind.Advice()
	}
	return s.turn, s.text
}

// Advices returns every sentence that Advise makes more precise than the kind,
// in alphabetical order, for whoever has to say it in another language.
func Advices() []string {
	texts := []string{badAnswer.text, badRequest.text}
	for _, a := range advices {
		texts = append(texts, a.own.text, a.theirs.text)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// Turn returns who has to act on the failure. See Advise.
func (f *Failure) Turn() Turn {
	turn, _ := Advise(f.Kind, f.Code)
	return turn
}

// Advice returns one sentence for the person who sees the failure. See Advise.
func (f *Failure) Advice() string {
	_, text := Advise(f.Kind, f.Code)
	return text
}
