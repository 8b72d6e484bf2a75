package trouble_test

import (
	"errors"
	"net"
	"net/http"
	"syscall"
	"testing"

	"ristmik/adapters/sandbox/securityserver"
	"ristmik/adapters/sandbox/trouble"
)

// arm arms one fault that is written as JSON.
func arm(t *testing.T, troubles *trouble.Troubles, fault string) string {
	t.Helper()
	f, err := trouble.ParseFault([]byte(fault))
	if err != nil {
		t.Fatal(err)
	}
	a, err := troubles.Arm(f)
	if err != nil {
		t.Fatal(err)
	}
	return a.ID
}

func newTroubles(t *testing.T) *trouble.Troubles {
	t.Helper()
	server, err := securityserver.New(securityserver.Options{Instance: "EE", Now: still})
	if err != nil {
		t.Fatal(err)
	}
	return trouble.New(server, trouble.NewClock(still))
}

func TestDoorIsShutAndOpensAtTheSameAddress(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	troubles := newTroubles(t)
	door := troubles.Door(ln)
	server := &http.Server{Handler: http.NotFoundHandler()}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(door) }()
	for range 3 {
		id, again := arm(t, troubles, `{"kind": "refuse_connections"}`), arm(t, troubles, `{"kind": "refuse_connections"}`)
		if _, err := net.Dial("tcp", door.Addr().String()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connecting to a door that is shut: %v", err)
		}
		for _, one := range []string{id, again} {
			if found, err := troubles.Disarm(one); !found || err != nil {
				t.Errorf("opening: %t, %v", found, err)
			}
		}
		c, err := net.Dial("tcp", door.Addr().String())
		if err != nil {
			t.Fatalf("connecting to a door that is open again: %v", err)
		}
		c.Close()
	}
	arm(t, troubles, `{"kind": "refuse_connections"}`)
	door.Close() // a door that is shut can be closed
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("serving ended with %v", err)
	}
	if _, err := troubles.Disarm(""); err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", door.Addr().String()); err == nil {
		t.Error("a door that is closed opened again")
	}
}

func TestOnlySoManyFaultsAreArmed(t *testing.T) {
	t.Parallel()
	troubles := newTroubles(t)
	f, err := trouble.ParseFault([]byte(`{"kind": "duplicate"}`))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = troubles.Arm(f)
	}
	if n := len(troubles.List()); !errors.Is(err, trouble.ErrTooMany) || n != 1000 {
		t.Errorf("%d faults, then %v", n, err)
	}
}
