package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"ristmik/adapters/registers"
	"ristmik/adapters/tax"
	"ristmik/configs"
	"ristmik/mapping/codelist"
	"ristmik/mapping/table"
	"ristmik/soap"
)

// openedTable is a mapping table with the lines of its file.
type openedTable struct {
	*table.Table
	configs.Lines
	file string
}

func tablesIn(opened []openedTable) []*table.Table {
	var out []*table.Table
	for _, t := range opened {
		out = append(out, t.Table)
	}
	return out
}

// openFile reads a file that the configuration names: beside the configuration
// file, or from the folder of those that ship with the program. It returns the
// name by which problems call it.
func openFile(cfg *configs.Config, folder, file string) (data []byte, name string, err error) {
	name = besideConfig(cfg, file)
	if data, err = os.ReadFile(name); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return data, name, err
	}
	if data, err = configs.Shipped.ReadFile(folder + "/" + file); err != nil {
		return nil, name, fmt.Errorf("there is no file %s, and none of that name ships with the program", name)
	}
	return data, folder + "/" + file, nil
}

// code is the operation that the table is for.
func (t openedTable) code() (code, version string) {
	if op := t.REST(); op != nil {
		return op.Code, ""
	}
	return t.Operation().Code, t.Operation().Version
}

// openTables reads the mapping tables of a contract, and the contract itself to
// check them against. err is for a contract that cannot be read.
func openTables(cfg *configs.Config, name string, lists map[string]*codelist.List) ([]openedTable, configs.Problems, error) {
	k := cfg.Contracts[name]
	if len(k.Mappings) == 0 {
		return nil, nil, nil
	}
	o := table.Options{Lists: lists}
	var err error
	if k.REST() {
		o.REST, err = openREST(cfg, k.File)
	} else {
		o.Contract, err = openContract(cfg, k.File)
	}
	if err != nil {
		return nil, nil, err
	}
	opened, problems := openTablesFor(cfg, name, o)
	return opened, problems, nil
}

// openTablesFor reads the mapping tables for a contract that has been read.
func openTablesFor(cfg *configs.Config, name string, o table.Options) ([]openedTable, configs.Problems) {
	var opened []openedTable
	var problems configs.Problems
	for i, file := range cfg.Contracts[name].Mappings {
		at := fmt.Sprintf("contracts.%s.mappings[%d]", name, i)
		data, called, err := openFile(cfg, "mappings", file)
		if err != nil {
			problems = append(problems, cfg.Problem(at, "bad-mapping", err.Error()))
			continue
		}
		t, found := readTable(called, data, o)
		problems = append(problems, found...)
		if len(found) > 0 {
			continue
		}
		if slices.ContainsFunc(opened, func(o openedTable) bool { return o.Operation() == t.Operation() && o.REST() == t.REST() }) {
			problems = append(problems, cfg.Problem(at, "contradiction", "another table is for the same operation"))
		}
		opened = append(opened, t)
	}
	return opened, problems
}

// readTable checks one table; the problems have the file and the lines.
func readTable(file string, data []byte, o table.Options) (openedTable, configs.Problems) {
	var d table.Definition
	lines, problems := configs.Decode(file, data, &d)
	if !lines.Any() {
		return openedTable{}, problems
	}
	o.Today, o.Faults = time.Now(), registers.SchemaViolations
	t, found := table.New(d, o)
	for _, p := range found {
		problems = append(problems, lines.Problem(p.Path, p.Code, p.Message, p.Allowed...))
	}
	return openedTable{t, lines, file}, problems
}

// syncTable is the mapping table of a service of a register kept in sync.
type syncTable struct {
	name              string // of the service, for the watch on its description
	title             configs.Title
	path, file        string // where the configuration names the table, and the table
	service, contract string
	lacks             func(*table.Table) []string
}

func syncTables(cfg *configs.Config) [2]syncTable {
	t := cfg.Registers.Tax
	return [2]syncTable{
		{"registers.tax.employment", configs.Title{ET: "töötamise register", EN: "employment register"}, "registers.tax.employment_mapping", t.EmploymentMapping, t.EmploymentService, contractEmployment, tax.EmploymentLacks},
		{"registers.tax.permit", configs.Title{ET: "loateated", EN: "permit notices"}, "registers.tax.permit_mapping", t.PermitMapping, t.PermitService, contractPermits, tax.PermitLacks},
	}
}

// open reads the table and checks it against the contract and what its room
// needs of it.
func (s syncTable) open(cfg *configs.Config, lists map[string]*codelist.List) (openedTable, configs.Problems) {
	fault := func(code, message string) configs.Problems {
		return configs.Problems{cfg.Problem(s.path, code, message)}
	}
	c, err := loadContract(s.contract)
	if err != nil {
		return openedTable{}, fault("bad-contract", err.Error())
	}
	data, called, err := openFile(cfg, "mappings", s.file)
	if err != nil {
		return openedTable{}, fault("bad-mapping", err.Error())
	}
	t, problems := readTable(called, data, table.Options{Contract: c, Lists: lists})
	if len(problems) > 0 {
		return openedTable{}, problems
	}
	// A service that the contract does not have is told of at its own place.
	id, _ := soap.ParseServiceID(s.service)
	if op, ok := c.Operation(id.Code, id.Version); ok && op != t.Operation() {
		return openedTable{}, fault("contradiction", "the table is for another operation than the service's")
	}
	if lacking := s.lacks(t.Table); len(lacking) > 0 {
		return openedTable{}, fault("bad-mapping", "the table lacks fields that are needed: "+strings.Join(lacking, ", "))
	}
	return t, nil
}

// playExamples plays the examples of every configured table. The configuration
// has been found good before.
func playExamples(cfg *configs.Config) (tables, examples int, failed configs.Problems) {
	lists, _ := openCodeLists(cfg)
	var all []openedTable
	for _, name := range slices.Sorted(maps.Keys(cfg.Contracts)) {
		opened, _, _ := openTables(cfg, name, lists) // check has told what is wrong
		all = append(all, opened...)
	}
	for _, s := range syncTables(cfg) {
		if t, problems := s.open(cfg, lists); len(problems) == 0 {
			all = append(all, t)
		}
	}
	for _, t := range all {
		tables++
		examples += t.Examples()
		for _, p := range t.RunExamples(time.Now()) {
			failed = append(failed, t.Problem(p.Path, p.Code, p.Message))
		}
	}
	return tables, examples, failed
}
