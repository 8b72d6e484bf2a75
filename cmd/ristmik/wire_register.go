package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/consultation"
	"ristmik/adapters/registers"
	"ristmik/adapters/registers/record"
	"ristmik/adapters/tax"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping/table"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// registerWire asks the employment register instead of a person: the tax
// board's leg is answered by the machine, in the same call.
type registerWire struct {
	tax *tax.Register
}

// Ask returns the register's facts, or NO_DATA when the person has no active
// employment.
func (w registerWire) Ask(ctx context.Context, q consultation.Question) (consultation.Reply, error) {
	if q.PersonalCode == "" {
		return consultation.Reply{}, &soap.Failure{
			Kind: soap.KindFixData, Code: "question.fields", Message: "the register finds people by their personal code, which the policy does not let it see",
		}
	}
	found, exchange, err := w.tax.Active(ctx, q.PersonalCode, q.Official, q.CaseReference)
	if err != nil {
		return consultation.Reply{MessageID: exchange.MessageID}, err
	}
	code := consultation.CodeFacts
	if len(found) == 0 {
		code = consultation.CodeNoData
	}
	return consultation.Reply{
		MessageID: exchange.MessageID,
		Answer: &consultation.MachineAnswer{
			Code: code, Facts: w.tax.FactsOf(found, exchange.Finished), AnsweredAt: exchange.Finished,
		},
	}, nil
}

// openContract reads a contract that the configuration names: from the folder
// of the configuration file, where its schemas stand beside it, or else one that
// ships with the program.
func openContract(cfg *configs.Config, file string) (*contract.Contract, error) {
	path := besideConfig(cfg, file)
	if _, err := os.Stat(path); err == nil {
		return compileContract(os.DirFS(filepath.Dir(path)), filepath.Base(path))
	}
	if _, err := fs.Stat(configs.Contracts(), file); err != nil {
		return nil, fmt.Errorf("there is no file %s, and none of that name ships with the program", path)
	}
	return loadContract(file)
}

// besideConfig is where a file of the configuration's folder stands.
func besideConfig(cfg *configs.Config, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	return filepath.Join(filepath.Dir(cfg.File()), file)
}

// openREST reads the description of a REST register that the configuration
// names, from the folder of the configuration file.
func openREST(cfg *configs.Config, file string) (*contract.REST, error) {
	path := besideConfig(cfg, file)
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("there is no file %s", path)
	}
	return compileREST(os.DirFS(filepath.Dir(path)), filepath.Base(path))
}

// openRegisters reads the configured contracts with their tables, by name. One
// whose description takes more than its budget says why it is unusable.
func openRegisters(cfg *configs.Config) ([]registers.Register, error) {
	lists, problems := openCodeLists(cfg)
	if len(problems) > 0 {
		return nil, problems
	}
	var all []registers.Register
	for _, name := range slices.Sorted(maps.Keys(cfg.Contracts)) {
		k := cfg.Contracts[name]
		provider, err := soap.ParseClientID(k.Provider)
		if err != nil {
			return nil, fmt.Errorf("contracts.%s.provider: %w", name, err)
		}
		one := registers.Register{
			Name: name, Title: k.Title.EN, TitleET: k.Title.ET, Provider: provider, Service: k.Service,
			RequireUser:  slices.Contains(k.Require, configs.RequireUserID),
			RequireIssue: slices.Contains(k.Require, configs.RequireIssue), RequirePurpose: slices.Contains(k.Require, configs.RequirePurpose),
			Tolerant: k.Tolerant, Refusals: k.Refusals, AsOf: k.AsOf, Timeout: k.Timeout,
		}
		for _, e := range k.Errors {
			field := registers.ErrorField{Code: e.Code, Text: e.Text, Good: e.Good}
			if e.Matching != "" {
				if field.Matching, err = regexp.Compile(e.Matching); err != nil {
					return nil, fmt.Errorf("contracts.%s.errors: %w", name, err)
				}
			}
			one.Errors = append(one.Errors, field)
		}
		if k.REST() {
			one.REST, err = openREST(cfg, k.File)
		} else {
			one.Contract, err = openContract(cfg, k.File)
		}
		if overBudget(err) {
			one.Contract, one.REST, one.Unusable = nil, nil, err
			all = append(all, one)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("contracts.%s.file: %w", name, err)
		}
		tables, problems := openTablesFor(cfg, name, table.Options{Contract: one.Contract, REST: one.REST, Lists: lists})
		if len(problems) > 0 {
			return nil, problems
		}
		one.Tables = tablesIn(tables)
		all = append(all, one)
	}
	return all, nil
}

// newRegisterAPI makes the JSON endpoints of the configured contracts.
func newRegisterAPI(cfg *configs.Config, all []registers.Register, pool *pgxpool.Pool, xr *xroad.Client, log *slog.Logger, observe func(registers.Observation)) (*registers.API, error) {
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		return nil, err
	}
	var book *record.Book
	if cfg.Exchanges.Record {
		book = record.NewBook(pool)
	}
	return registers.New(registers.Options{XRoad: xr, Registers: all, Zone: zone, Now: time.Now, Log: log, Record: book, Observe: observe})
}
