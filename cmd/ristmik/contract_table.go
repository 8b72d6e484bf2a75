package main

import (
	"ristmik/adapters/registers"
	"ristmik/configs"
	"ristmik/mapping/table"
)

// contractTable drafts a mapping table.
type contractTable struct {
	File      string `arg:"" type:"path" help:"A WSDL or OpenAPI file, or the name of a contract that ships with the program."`
	Operation string `arg:"" help:"The service code."`
	Version   string `help:"The version of the service."`
}

func (c contractTable) Run(p *surroundings) error {
	var o table.Options
	var err error
	if (configs.Contract{File: c.File}).REST() {
		o.REST, err = restFile(c.File)
	} else {
		o.Contract, err = contractFile(c.File)
	}
	if err != nil {
		return usage(err)
	}
	if o.Contract != nil && c.Version == "" {
		for _, op := range o.Contract.Operations() {
			if op.Code == c.Operation {
				c.Version = op.Version
			}
		}
	}
	o.Faults = registers.SchemaViolations
	d, err := table.Draft(o, c.Operation, c.Version)
	if err != nil {
		return usage(err)
	}
	_, err = p.out.Write(d.YAML())
	return err
}
