package configs

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// checkXRoad finds the faults of the section that says how our Security Servers
// are reached.
func (c *Config) checkXRoad(at func(path, code, message string, allowed ...string)) {
	x := c.XRoad
	_, short := c.lines["xroad.security_server"]
	if short && len(x.Servers) > 0 {
		at("xroad.security_servers", "contradiction", "xroad.security_server is set too; keep one of them")
	}
	encrypted := false
	for i, s := range x.SecurityServers() {
		path := "xroad.security_server"
		if len(x.Servers) > 0 {
			path = fmt.Sprintf("xroad.security_servers[%d].address", i)
		}
		encrypted = checkServer(path, s, at) || encrypted
	}
	for _, name := range sorted(x.Certificates) {
		if k := x.Certificates[name]; k.CertificateFile == "" || k.KeyFile == "" {
			at("xroad.client_certificates."+name, "missing", "certificate_file and key_file go together")
		}
	}
	if len(x.Certificates) > 0 && !encrypted {
		at("xroad.client_certificates", "contradiction", "no Security Server is reached over https, so no certificate is shown")
	}
	if x.Timeout <= 0 {
		at("xroad.timeout", "not-positive", "a time above zero is needed")
	}
	if x.MaxAnswerMiB < 0 || x.MaxAnswerMiB > mostAnswerMiB {
		at("xroad.max_answer_mib", "out-of-range", fmt.Sprintf("a number from 1 to %d is needed", mostAnswerMiB))
	}
	for _, d := range []struct {
		path string
		v    time.Duration
	}{{"pause", x.Pause}, {"connect_timeout", x.ConnectTimeout}, {"header_timeout", x.HeaderTimeout}} {
		if d.v < 0 {
			at("xroad."+d.path, "not-positive", "a time above zero is needed")
		}
	}
	for _, name := range sorted(x.Services) {
		s := x.Services[name]
		if s.Timeout < 0 || s.ConnectTimeout < 0 || s.HeaderTimeout < 0 {
			at("xroad.services."+name, "not-positive", "a time above zero is needed")
		}
	}
}

// mostAnswerMiB bounds how large an answer may be allowed to be.
const mostAnswerMiB = 1024

// AnswerBytes is how large the answer of a service may be, in bytes.
func (x XRoad) AnswerBytes() int {
	if x.MaxAnswerMiB == 0 {
		return 64 << 20
	}
	return x.MaxAnswerMiB << 20
}

// checkServer checks one Security Server and says whether it is reached over
// https. The path is that of its address.
func checkServer(path string, s SecurityServer, at func(path, code, message string, allowed ...string)) bool {
	form := []string{"http://HOST[:PORT]", "https://HOST[:PORT]"}
	u, err := url.Parse(s.Address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		at(path, "not-an-address", "the address of the Security Server is needed", form...)
		return false
	case u.User != nil:
		at(path, "inline-secret", "a Security Server takes no name and password; leave them out", form...)
	case u.Scheme == "https" && s.CertificateFile == "":
		at(path, "missing", "with https the server's own certificate is needed, in a file named by certificate_file of an entry of security_servers")
	case u.Scheme == "http" && !s.Plaintext && !loopback(u.Hostname()):
		at(path, "plaintext", "plain HTTP to another machine shows every message to the network; use https, or say plaintext: true in an entry of security_servers", form[1])
	case u.Scheme == "http" && s.CertificateFile != "":
		at(path, "contradiction", "there is no certificate with plain HTTP", form[1])
	}
	return u.Scheme == "https"
}
