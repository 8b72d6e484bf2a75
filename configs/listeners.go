package configs

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

func (c *Config) checkListeners(at func(path, code, message string, allowed ...string)) {
	x := c.Listeners.XRoad
	used := map[string]string{}
	for _, l := range []struct {
		path, address, need string
		tls                 TLS
		auth                bool
	}{
		{"listeners.core", c.Listeners.Core.Address, "tokens_file", c.Listeners.Core.TLS, c.Listeners.Core.TokensFile != ""},
		{"listeners.xroad", x.Address, "allow_from or pinned_certificates", x.TLS, len(x.AllowFrom)+len(x.PinnedCertificates) > 0},
		{"listeners.console", c.Listeners.Console.Address, "tokens_file", c.Listeners.Console.TLS, c.Listeners.Console.TokensFile != ""},
	} {
		if (l.tls.CertificateFile == "") != (l.tls.KeyFile == "") {
			at(l.path+".tls", "missing", "certificate_file and key_file go together")
		}
		host, port, err := net.SplitHostPort(l.address)
		if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
			at(l.path+".address", "not-an-address", "HOST:PORT is needed", "127.0.0.1:8080", "[::1]:8080")
			continue
		}
		if other := used[l.address]; other != "" && port != "0" {
			at(l.path+".address", "address-in-use", other+" has the same address")
		}
		used[l.address] = l.path
		if !loopback(host) && !l.auth {
			at(l.path+".address", "open-without-authentication", "this address is reachable from other machines and nobody is asked who they are; set "+l.need+" or listen on loopback", "127.0.0.1:"+port)
		}
	}
	for i, a := range x.AllowFrom {
		if _, err := netip.ParsePrefix(a); err != nil {
			if _, err := netip.ParseAddr(a); err != nil {
				at(fmt.Sprintf("listeners.xroad.allow_from[%d]", i), "not-an-address", "an IP address or a prefix is needed", "10.1.2.3", "10.1.2.0/24")
			}
		}
	}
	if len(x.PinnedCertificates) > 0 && x.TLS.CertificateFile == "" {
		at("listeners.xroad.pinned_certificates", "contradiction", "certificates of callers are seen with TLS only; set tls.certificate_file and tls.key_file")
	}
	for _, name := range sorted(x.Services) {
		if len(x.Services[name].Allowed) == 0 {
			at("listeners.xroad.services."+name, "missing", "nobody may call this service; name subsystems in allowed, or leave the service out to let all authorities in")
		}
	}
}
