package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"ristmik/configs"
	"ristmik/soap/contract"
)

// contractCommand looks at contracts. Only add with --from calls anybody.
type contractCommand struct {
	Add     contractAdd     `cmd:"" help:"Add a register: copy its description beside the configuration, check it, and name it there."`
	List    contractList    `cmd:"" help:"List the configured contracts and their operations."`
	Check   contractCheck   `cmd:"" help:"Read a contract file and say which operations can be used, and why others can't."`
	Sample  contractSample  `cmd:"" help:"Print the smallest or the fullest valid message of an operation, as JSON."`
	Explain contractExplain `cmd:"" help:"Show the mapping table of an operation, or which of its rules produced which field of a message."`
	Table   contractTable   `cmd:"" help:"Print a mapping table to begin with: every field of an operation under its own name."`
	Watch   contractWatch   `cmd:"" help:"How the descriptions that registers give of themselves differ from the pinned ones, and what that breaks of what is used. Exit code 1 when something does that nobody has taken note of."`
	Diff    contractDiff    `cmd:"" help:"Say what differs between two versions of a contract, and whether it breaks a caller. Exit code 1 when something does."`
}

type contractList struct {
	Config string `short:"c" type:"path" help:"Configuration file; without it, the shipped default."`
}

func (c contractList) Run(p *surroundings) error {
	cfg, problems, err := checkConfig(c.Config)
	if err != nil {
		return usage(err)
	}
	if len(problems) > 0 {
		return usage(problems)
	}
	t := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "REGISTER\tOPERATION\tVERSION\tTITLE")
	for _, name := range slices.Sorted(maps.Keys(cfg.Contracts)) {
		all, err := offeredBy(cfg, cfg.Contracts[name])
		if err != nil {
			return err
		}
		for _, o := range all {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", name, o.code, o.version, o.about())
		}
	}
	return t.Flush()
}

type contractCheck struct {
	File string `arg:"" type:"path" help:"A WSDL file, schemas that it imports beside it, or an OpenAPI file (.yaml, .yml, .json)."`
}

func (c contractCheck) Run(p *surroundings) error {
	all, err := offersIn(c.File)
	if err != nil {
		return usage(err)
	}
	good := printOffers(p, all)
	fmt.Fprintf(p.out, "%d of %d operations can be used\n", good, len(all))
	if good == 0 {
		return errors.New("no operation can be used")
	}
	return nil
}

type contractSample struct {
	File      string `arg:"" type:"path" help:"A WSDL or OpenAPI file, or the name of a contract that ships with the program."`
	Operation string `arg:"" help:"The service code; with OpenAPI the operationId."`
	Version   string `help:"The version; without it, the first."`
	Fullest   bool   `help:"Everything that may be there, instead of only what must be."`
	Answer    bool   `help:"The answer instead of the request."`
}

func (c contractSample) Run(p *surroundings) error {
	all, err := offersIn(c.File)
	if err != nil {
		return usage(err)
	}
	for _, o := range all {
		if o.code != c.Operation || c.Version != "" && o.version != c.Version {
			continue
		}
		if !o.usable() {
			return usage(fmt.Errorf("%s cannot be used: %w", o.code, o.refused))
		}
		value, err := o.sample(c.Fullest, c.Answer)
		if err != nil {
			return err
		}
		return printJSON(p.out, value)
	}
	return usage(fmt.Errorf("%s has no operation %s; ristmik contract check lists them", c.File, c.Operation))
}

// contractFile reads a contract by its path, or by its name when it ships with
// the program.
func contractFile(path string) (*contract.Contract, error) {
	if _, err := os.Stat(path); err != nil {
		if shipped, err := compileContract(configs.Contracts(), filepath.Base(path)); err == nil {
			return shipped, nil
		}
		return nil, fmt.Errorf("there is no file %s", path)
	}
	return compileContract(os.DirFS(filepath.Dir(path)), filepath.Base(path))
}
