package webhook

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
)

// errNotAllowed says that an address is private and not allowed.
var errNotAllowed = errors.New("the address is not a public one, and not allowed")

// special are the address ranges that lead to this machine, its networks or
// nowhere, beside those that [netip.Addr] knows (IANA's special-purpose
// registries). The translated ones carry an IPv4 address inside.
var special = prefixes("0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
	"fec0::/10", "::/96")

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

// permitted tells whether an address may be dialled.
func permitted(a netip.Addr, allow []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	for _, p := range allow {
		if p.Contains(a) {
			return true
		}
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() { // loopback, link-local, multicast, unspecified are not global
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}

// guard looks at every address just before it is dialled, when no name can
// change it any more.
func guard(allow []netip.Prefix) func(network, address string, c syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !permitted(ap.Addr(), allow) {
			return errNotAllowed
		}
		return nil
	}
}

// oddNumber is a host of digits and dots, or hexadecimal, that some systems
// take for an address ("2130706433", "0x7f.1").
var oddNumber = regexp.MustCompile(`^(0[xX][0-9A-Fa-f]*|[0-9]+)(\.(0[xX][0-9A-Fa-f]*|[0-9]+))*\.?$`)

// CheckURL tells what is wrong with a receiver's address as it is written:
// https is needed (http where plaintext is wanted), a host without a user, and
// an address that is written out must be allowed. Where names lead is looked at
// when they are dialled.
func CheckURL(text string, plaintext bool, allow []netip.Prefix) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return errors.New("it is not an address such as https://ris.example/hooks")
	case u.Scheme != "https" && (u.Scheme != "http" || !plaintext):
		return errors.New("https is needed; http goes with plaintext: true, inside a network that you trust")
	case u.User != nil:
		return errors.New("it holds a user or a password; receivers know the hub by its signature")
	case u.Fragment != "":
		return errors.New("it has a fragment, which is never sent")
	}
	host := u.Hostname()
	if port := u.Port(); strings.HasSuffix(u.Host, ":") || port == "0" {
		return errors.New("its port is not one")
	}
	if a, err := netip.ParseAddr(host); err == nil {
		if !permitted(a, allow) {
			return fmt.Errorf("%s: %w", a, errNotAllowed)
		}
		return nil
	}
	if oddNumber.MatchString(host) {
		return errors.New("its host is a number that some take for an address: write the address with four numbers")
	}
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		if !permitted(netip.MustParseAddr("127.0.0.1"), allow) {
			return fmt.Errorf("%s: %w", name, errNotAllowed)
		}
	}
	if net.ParseIP(host) == nil && strings.ContainsAny(host, " %\\") {
		return errors.New("its host is not a name")
	}
	return nil
}
