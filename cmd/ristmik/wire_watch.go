package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/console"
	"ristmik/adapters/registers"
	"ristmik/adapters/registers/contractwatch"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping/table"
	"ristmik/soap"
)

// newWatch makes the job that compares descriptions: of the configured contracts,
// and of the services of the register that is kept in sync.
func newWatch(cfg *configs.Config, contracts []registers.Register, synced syncedRegisters, pool *pgxpool.Pool, xr *xroad.Client, log *slog.Logger) (*contractwatch.Watch, error) {
	var all []contractwatch.Register
	for _, r := range contracts {
		k := cfg.Contracts[r.Name]
		if !k.Watch.On() || r.Unusable != nil {
			continue
		}
		one := contractwatch.Register{
			Name: r.Name, Provider: r.Provider, Contract: r.Contract, REST: r.REST, Service: r.Service, Tolerant: r.Tolerant,
			RequireUser: r.RequireUser, RequireIssue: r.RequireIssue, Tables: r.Tables, Reads: slices.Clone(r.Refusals), Folder: folderOf(cfg, k.File),
		}
		if r.AsOf != "" {
			one.Reads = append(one.Reads, r.AsOf)
		}
		for _, e := range r.Errors {
			for _, pointer := range []string{e.Code, e.Text} {
				if pointer != "" {
					one.Reads = append(one.Reads, pointer)
				}
			}
		}
		all = append(all, one)
	}
	if cfg.Registers.Tax.Watch.On() {
		more, err := syncWatched(cfg, synced)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}
	partners, err := partnersWatched(cfg)
	if err != nil {
		return nil, err
	}
	all = append(all, partners...)
	return contractwatch.New(contractwatch.Options{Pool: pool, Source: xr, Registers: all, Called: cfg.Exchanges.Keep, NewID: uuid.NewString, Log: log})
}

// syncWatched are the services of the register that is kept in sync; their names
// cannot be those of contracts.
func syncWatched(cfg *configs.Config, synced syncedRegisters) ([]contractwatch.Register, error) {
	var all []contractwatch.Register
	for i, s := range syncTables(cfg) {
		service, err := soap.ParseServiceID(s.service)
		if err != nil {
			return nil, err
		}
		c, err := loadContract(s.contract)
		if err != nil {
			return nil, err
		}
		all = append(all, contractwatch.Register{
			Name: s.name, Provider: service.Provider, Contract: c, Folder: configs.Contracts(), Tables: []*table.Table{synced.tables[i].Table},
		})
	}
	return all, nil
}

// folderOf is where the schemas of a pinned description stand.
func folderOf(cfg *configs.Config, file string) fs.FS {
	path := besideConfig(cfg, file)
	if _, err := os.Stat(path); err == nil {
		return os.DirFS(filepath.Dir(path))
	}
	return configs.Contracts()
}

// contractNotices shows operators what the watch has found.
type contractNotices struct {
	watch *contractwatch.Watch
	pool  *pgxpool.Pool
	cfg   *configs.Config
}

// Contracts is how the registers' descriptions stand, by name.
func (n contractNotices) Contracts(ctx context.Context) ([]console.Contract, error) {
	states, err := n.watch.States(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]console.Contract, len(states))
	for i, s := range states {
		all[i] = console.Contract{
			Register: s.Register, Title: watchedTitle(n.cfg, s.Register), Verdict: s.Verdict, Since: s.Since, Compared: s.Seen, Error: s.Error,
			Breaking: s.Breaking, Harmless: s.Harmless, Differences: s.Differences,
			Acknowledged: s.Acknowledged, AcknowledgedBy: s.AcknowledgedBy, Note: s.Reason,
		}
	}
	return all, nil
}

// watchedTitle names a watched register for people.
func watchedTitle(cfg *configs.Config, register string) console.Title {
	if title, ok := partnerTitle(cfg, register); ok {
		return title
	}
	for _, s := range syncTables(cfg) {
		if tax := cfg.Authorities["tax"].Title; s.name == register && tax != (configs.Title{}) {
			return console.Title{ET: tax.ET + ": " + s.title.ET, EN: tax.EN + ": " + s.title.EN}
		}
	}
	title := cfg.Contracts[register].Title
	return console.Title{ET: title.ET, EN: title.EN}
}

// Acknowledge takes note of a register's verdict.
func (n contractNotices) Acknowledge(ctx context.Context, register, by, reason string) error {
	err := contractwatch.Acknowledge(ctx, n.pool, register, by, reason)
	if errors.Is(err, contractwatch.ErrUnknown) {
		return console.ErrUnknownContract
	}
	return err
}
