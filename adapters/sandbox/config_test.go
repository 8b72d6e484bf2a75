package sandbox_test

import (
	"errors"
	"strings"
	"testing"

	"ristmik/adapters/sandbox"
	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/soap/conformance"
)

func TestTheShippedWorldIsTheOneOfTheHub(t *testing.T) {
	t.Parallel()
	var services []string
	for _, m := range shipped(t).Members {
		if code := mapping.CheckRegistryCode(m.Code); m.Code != "79990000" && code != "" {
			t.Errorf("member %s: %s", m.Code, code)
		}
		for _, sub := range m.Subsystems {
			for _, v := range sub.Services {
				services = append(services, m.Code+"/"+sub.Code+"/"+v.Code+" "+v.Simulated)
			}
		}
	}
	hub := ""
	for _, code := range []string{"submitAnswer", "submitAnswers", "listNotices", "getConsultation", "getAttachment", "acknowledgeConsultation", "takeIntoReview", "requestInformation", "requestExtension", "listDigests", "announceDowntime", "getStatistics"} {
		hub += "70008747/ristmik/" + code + " |"
	}
	want := hub + "70008747/ristmik/konsult |70000349/tor/TORIK employment-register|70000349/tor/permitNotice tax-permits|70000591/konsult/consultationRequest security-service|70000591/konsult/consultationNotice security-service|79990000/jarelevalve/konsult labour-inspectorate"
	if got := strings.Join(services, "|"); got != want {
		t.Errorf("services %s", got)
	}
}

func TestEveryFaultOfAConfigurationIsNamedWithItsLine(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-010", "C-158")
	const bad = `instance: EE
weather: fine
error_spelling: "8.0"
server: EE/GOV/1
members:
  - class: GOV
    code: "1"
    name: {et: A, en: B}
    subsystems:
      - code: a/b
        name: {et: A}
        services:
          - {code: getWsdl, type: WSDL}
          - {code: x, type: SOAP, clients: [EE/GOV/1, EE/GOV/1/none]}
          - {code: y, type: WSDL, simulated: tax-permits, url: "ftp://x"}
          - {code: y, type: WSDL, timeout: 5}
          - {code: z, version: v1, type: REST, simulated: nobody}
          - {code: u, type: WSDL, url: "http://127.0.0.1", verify_tls: true, clients: ["LOCALGROUP:none", "GLOBALGROUP:EE/none"], endpoints: [{method: BREW, path: x}]}
        connection: SSL
        servers: [EE/GOV/1/other]
  - class: GOV
    code: "1"
    name: {et: A, en: B}
    name: {et: A, en: B}
    subsystems: none
authorities:
  town: {manner: rude, answer_code: MAYBE, delay: -1s, deliveries: 101}
  village: {subsystem: EE/GOV/1/none, wire: pigeon}
  tax-permits: {}
  security-service: {wire: rest}
`
	_, err := sandbox.ParseConfig("world.yaml", []byte(bad))
	problems, ok := errors.AsType[configs.Problems](err)
	if !ok {
		t.Fatal(err)
	}
	var got []string
	for _, p := range problems {
		got = append(got, p.String())
	}
	for _, want := range []string{
		`world.yaml:2: weather: unknown key (allowed: instance, server, servers, tls, enforce_certificate_validity, max_loggable_body, error_spelling, timestamp_after, global_groups, authorities, members)`,
		`world.yaml:3: error_spelling: "8.0" is not one of the values (allowed: 7.7, 7.8)`,
		`world.yaml:4: server: instance/class/owner/server code is needed`,
		`world.yaml:10: members[0].subsystems[0].code: a character`,
		`world.yaml:11: members[0].subsystems[0].name.en: a value is needed`,
		`world.yaml:13: members[0].subsystems[0].services[0].code: "getWsdl" is the code of a metaservice`,
		`world.yaml:14: members[0].subsystems[0].services[1].type: "SOAP" is not one of the values (allowed: WSDL, REST, OPENAPI3)`,
		`world.yaml:14: members[0].subsystems[0].services[1].clients[0]: a subsystem is needed`,
		`world.yaml:14: members[0].subsystems[0].services[1].clients[1]: no subsystem EE/GOV/1/none is known here`,
		`world.yaml:15: members[0].subsystems[0].services[2].url: an address is needed`,
		`world.yaml:15: members[0].subsystems[0].services[2].url: the service is simulated too; keep one of them`,
		`world.yaml:15: members[0].subsystems[0].services[2]: tax-permits offers WSDL permitNotice v1 only`,
		`world.yaml:16: members[0].subsystems[0].services[3].timeout: a duration with its unit is needed`,
		`world.yaml:16: members[0].subsystems[0].services[3]: the service stands twice`,
		`world.yaml:17: members[0].subsystems[0].services[4].simulated: "nobody" is not one of the values`,
		`world.yaml:17: members[0].subsystems[0].services[4].version: a REST service has no version`,
		`world.yaml:18: members[0].subsystems[0].services[5].verify_tls: the address is not an https one`,
		`world.yaml:18: members[0].subsystems[0].services[5].endpoints: a WSDL service has no endpoints`,
		`world.yaml:18: members[0].subsystems[0].services[5].endpoints[0].method: "BREW" is not one of the values`,
		`world.yaml:18: members[0].subsystems[0].services[5].endpoints[0].path: a path pattern is needed`,
		`world.yaml:18: members[0].subsystems[0].services[5].clients[0]: the subsystem has no local group none`,
		`world.yaml:18: members[0].subsystems[0].services[5].clients[1]: no global group none is known here`,
		`world.yaml:19: members[0].subsystems[0].connection: "SSL" is not one of the values (allowed: NOSSL, SSLNOAUTH, SSLAUTH)`,
		`world.yaml:20: members[0].subsystems[0].servers[0]: no Security Server EE/GOV/1/other is known here`,
		`world.yaml:21: members[1]: member EE/GOV/1 stands twice`,
		`world.yaml:24: members[1].name: the key stands twice`,
		`world.yaml:25: members[1].subsystems: a list is needed`,
		`world.yaml:27: authorities.town.manner: "rude" is not one of the values (allowed: prompt, late, silent, asks_back, extends, changes_mind, repeats, nonsense, old_revision, mixed)`,
		`world.yaml:27: authorities.town.answer_code: "MAYBE" is not one of the values`,
		`world.yaml:27: authorities.town.subsystem: a value is needed`,
		`world.yaml:27: authorities.town.delay: a time of zero or more is needed`,
		`world.yaml:27: authorities.town.deliveries: a number from 1 to 100 is needed`,
		`world.yaml:28: authorities.village.subsystem: no subsystem EE/GOV/1/none is known here`,
		`world.yaml:28: authorities.village.wire: "pigeon" is not one of the values (allowed: soap, rest)`,
		`world.yaml:29: authorities.tax-permits: tax-permits is a register, which is not consulted`,
		`world.yaml:30: authorities.security-service: this authority has its subsystem and its wire from its service`,
	} {
		found := false
		for _, line := range got {
			found = found || strings.HasPrefix(line, want)
		}
		if !found {
			t.Errorf("not named: %s\nin\n%s", want, err)
		}
	}
	for name, text := range map[string]string{"": "the file is empty", "a: b\n---\nc: d": "a second document", "a: [": "world.yaml:1: "} {
		if _, err := sandbox.ParseConfig("world.yaml", []byte(name)); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestASandboxStaysOnLoopback(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{":0", "0.0.0.0:0"} {
		o := options(t, "")
		o.ControlListen = listen
		if s, err := sandbox.Start(t.Context(), o); err == nil {
			s.Close(t.Context())
			t.Errorf("the control API listens on %q", listen)
		}
	}
}
