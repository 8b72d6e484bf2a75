package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/console"
	"ristmik/adapters/core/subscriber"
	"ristmik/adapters/labour"
	"ristmik/adapters/postgres"
	"ristmik/adapters/tax"
	"ristmik/adapters/web"
	"ristmik/adapters/web/sockets"
	"ristmik/configs"
)

// The doors' places in hub.doors.
const (
	doorCore = iota
	doorXRoad
	doorConsole
)

// door is one listener with its server.
type door struct {
	name     string
	listener net.Listener
	server   *http.Server
	tls      bool
}

// url is the door's own address, as a caller on this machine writes it.
func (d *door) url() string {
	scheme := "http"
	if d.tls {
		scheme = "https"
	}
	return scheme + "://" + d.listener.Addr().String()
}

// serve answers until ctx is done, then finishes what was begun.
func (d *door) serve(ctx context.Context) error {
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- d.server.Shutdown(grace)
	}()
	var err error
	if d.server.TLSConfig != nil {
		err = d.server.ServeTLS(d.listener, "", "") // the server's own configuration has them
	} else {
		err = d.server.Serve(d.listener)
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving %s: %w", d.name, err)
	}
	if err := <-stopped; err != nil {
		_ = d.server.Close() // a request that will not end must not hold the rest
	}
	return nil
}

// openDoors makes the three handlers and binds their addresses.
func (h *hub) openDoors(ctx context.Context, cfg *configs.Config, r rooms) error {
	x := cfg.Listeners.XRoad
	plan := [3]struct {
		name, address string
		tls           configs.TLS
		pinned        []string
		auth          bool
		build         func(*configs.Config, *web.Certificates, *slog.Logger) (http.Handler, error)
	}{
		doorCore:    {"core", cfg.Listeners.Core.Address, cfg.Listeners.Core.TLS, nil, cfg.Listeners.Core.TokensFile != "", r.coreAPI},
		doorXRoad:   {"xroad", x.Address, x.TLS, x.PinnedCertificates, len(x.AllowFrom)+len(x.PinnedCertificates) > 0, r.provider},
		doorConsole: {"console", cfg.Listeners.Console.Address, cfg.Listeners.Console.TLS, nil, cfg.Listeners.Console.TokensFile != "", r.console},
	}
	for i, p := range plan {
		// The configuration was checked; a listener is the last place where an
		// open door can still be prevented, whoever built the configuration.
		if err := web.RequireLoopbackOrAuth(p.address, p.auth); err != nil {
			return usage(fmt.Errorf("listeners.%s: %w", p.name, err))
		}
		certificates, err := certificatesOf(p.tls, p.pinned, h.log)
		if err != nil {
			return usage(fmt.Errorf("listeners.%s: %w", p.name, err))
		}
		handler, err := p.build(cfg, certificates, h.log)
		if err != nil {
			return fmt.Errorf("listeners.%s: %w", p.name, err)
		}
		var lc net.ListenConfig
		listener, err := lc.Listen(ctx, "tcp", p.address)
		if err != nil {
			return fmt.Errorf("listeners.%s: %w", p.name, err)
		}
		listener = sockets.Listen(listener)
		if p.name == "xroad" {
			// Security Servers speak HTTP/1.1 only, so it is read strictly.
			var config *tls.Config
			if certificates != nil {
				config = certificates.ServerConfig()
			}
			listener = web.StrictHeads(listener, config, h.log)
		}
		server := web.Server(web.LimitBodies(30*time.Second, r.metrics.requests.Wrap(p.name, handler)), h.log)
		if certificates != nil && p.name != "xroad" {
			server.TLSConfig = certificates.ServerConfig()
		}
		h.doors[i] = &door{p.name, listener, server, certificates != nil}
	}
	return nil
}

// certificatesOf reads a listener's certificates; nil when it has none.
func certificatesOf(t configs.TLS, pinned []string, log *slog.Logger) (*web.Certificates, error) {
	if t.CertificateFile == "" && len(pinned) == 0 {
		return nil, nil
	}
	return web.LoadCertificates(t.CertificateFile, t.KeyFile, pinned, log)
}

func (h *hub) closeDoors() {
	for _, d := range h.doors {
		if d != nil {
			_ = d.listener.Close()
		}
	}
}

// readTokens reads a tokens_file; an empty path means no tokens.
func readTokens(path string) ([]web.Token, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, usage(fmt.Errorf("reading tokens_file: %w", err))
	}
	tokens, err := web.ParseTokens(data)
	if err != nil {
		return nil, usage(fmt.Errorf("%s: %w", path, err))
	}
	return tokens, nil
}

func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		if addr, err := netip.ParseAddr(s); err == nil {
			out = append(out, netip.PrefixFrom(addr, addr.BitLen()))
			continue
		}
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return nil, fmt.Errorf("allow_from: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}

// titles names the outbox destinations for people.
func titles(cfg *configs.Config) map[string]console.Title {
	out := map[string]console.Title{}
	add := func(destination, authority, et, en string) {
		t := cfg.Authorities[authority].Title
		if t == (configs.Title{}) {
			t = configs.Title{ET: authority, EN: authority}
		}
		out[destination] = console.Title{ET: t.ET + ": " + et, EN: t.EN + ": " + en}
	}
	for name, a := range cfg.Authorities {
		if a.Wire.Sends() {
			add(consultationsOf(name), name, "kooskõlastuspäringud", "consultation requests")
		}
	}
	for name := range cfg.Events.Webhooks {
		out[subscriber.Destination(name)] = console.Title{ET: name + ": sündmused", EN: name + ": events"}
	}
	out[ownServerName] = console.Title{ET: "Meie turvaserver", EN: "Our Security Server"}
	for name := range cfg.Events.Brokers {
		out[subscriber.Destination(name)] = console.Title{ET: name + ": sündmused", EN: name + ": events"}
	}
	add(tax.Destination, "tax", "loateated", "permit notices")
	add(labour.Destination, "labour", "loateated", "permit notices")
	return out
}

// ready says whether the hub can do its work: the database answers and has this
// program's schema.
func ready(pool *pgxpool.Pool) func(context.Context) error {
	return func(ctx context.Context) error {
		pending, err := postgres.Plan(ctx, pool, migrations()...)
		if err != nil {
			return err
		}
		if len(pending) > 0 {
			return fmt.Errorf("%d migrations are not applied", len(pending))
		}
		return nil
	}
}
