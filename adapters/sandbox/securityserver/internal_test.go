package securityserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"ristmik/adapters/sandbox/wire"
	"ristmik/soap/conformance"
)

// The two golden vectors of x-road-request-hash.
func TestRequestHashOfREST(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-121")
	get := requestHash("GET", "/r1/EE-DEV/COM/10000002/registry/vehicles/v1/cars/123%2FABC?lang=et", wire.Fields{
		{Name: "X-Road-Client", Value: "EE-DEV/GOV/70000001/permits"}, {Name: "Accept", Value: "application/json"},
		{Name: "X-Road-Id", Value: "0b1d2a7e-5c0f-4b7e-9a55-6d2f0f7f1c11"}, {Name: "x-road-request-id", Value: "4f1f7a52-9d3d-4e61-8d8e-0a5b1f3f2c77"},
	}, nil)
	if want := "Crm7qKg6zN681VHH3BIYa8qSSOsHjv934rIdFeixUZhMgTlDFk2y//9AOjgR7XIGAIpiKE1AbzZUboFJ0x5reA=="; get != want {
		t.Errorf("without a body: %s, want %s", get, want)
	}
	post := requestHash("POST", "/r1/EE-DEV/COM/10000002/registry/vehicles/v1/cars", wire.Fields{
		{Name: "X-Road-Client", Value: "EE-DEV/GOV/70000001/permits"}, {Name: "Content-Type", Value: "application/json"},
		{Name: "x-road-request-id", Value: "4f1f7a52-9d3d-4e61-8d8e-0a5b1f3f2c77"}, {Name: "x-road-id", Value: "EE-DEV-6a1c3c0e-3a51-4a6f-9c1e-2f4b5d6e7f80"},
	}, []byte(`{"plate":"123ABC"}`))
	if want := "KCYT+QXWW9qlN+zTTsCKJQm9nErPr88xaS2sT2gQ4BD7U2YR3U1CafMaIL+2GD9MrXVm8967H/zaXIkxK6b0Gg=="; post != want {
		t.Errorf("with a body: %s, want %s", post, want)
	}
}

func TestNetworkErrorsHaveTheirCodes(t *testing.T) {
	t.Parallel()
	conformance.Covers(t, "C-031")
	for _, c := range []struct {
		err          error
		want, want77 string
	}{
		{&net.DNSError{Name: "nowhere.example", IsNotFound: true}, "server.serverproxy.unknown_host", "Server.ServerProxy.NetworkError"},
		{fmt.Errorf("dial: %w", syscall.ECONNREFUSED), "server.serverproxy.network_error", "Server.ServerProxy.NetworkError"},
		{fmt.Errorf("read: %w", syscall.ECONNRESET), "server.serverproxy.network_error", "Server.ServerProxy.NetworkError"},
		{fmt.Errorf("read: %w", os.ErrDeadlineExceeded), "server.serverproxy.io_error", "Server.ServerProxy.IOError"},
		{io.ErrUnexpectedEOF, "server.serverproxy.io_error", "Server.ServerProxy.IOError"},
		{errors.New("anything"), "server.serverproxy.io_error", "Server.ServerProxy.IOError"},
	} {
		r := networkRefusal("server.serverproxy.", "127.0.0.1:1", c.err)
		if got, got77 := Spelling78.write(r), Spelling77.write(r); got != c.want || got77 != c.want77 {
			t.Errorf("%v: %s and %s, want %s and %s", c.err, got, got77, c.want, c.want77)
		}
	}
}
