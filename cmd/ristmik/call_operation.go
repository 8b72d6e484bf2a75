package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"ristmik/adapters/registers"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// byOperation calls an operation of a REST service by its description.
func (c callCommand) byOperation(p *surroundings, cfg *configs.Config, xr *xroad.Client, told result) error {
	if c.Method != "" || c.Path != "" || c.Query != "" {
		return usage(errors.New("call: --operation says method, path and query; leave -X, --path and --query out"))
	}
	service, err := soap.ParseServiceID(c.Service)
	if err != nil {
		return usage(err)
	}
	described, err := c.description(p, cfg, xr, service)
	if err != nil {
		return err
	}
	op := described.Operation(c.Operation)
	if op == nil {
		var known []string
		for _, one := range described.Operations {
			known = append(known, one.Code)
		}
		return usage(fmt.Errorf("the description has no operation %s; it has %s", c.Operation, strings.Join(known, ", ")))
	}
	if op.Unsupported != nil {
		return usage(fmt.Errorf("%s cannot be used: %w", op.Code, op.Unsupported))
	}
	text, err := c.data()
	if err != nil {
		return usage(err)
	}
	if len(text) == 0 {
		text = []byte("{}")
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return usage(fmt.Errorf("-d is not JSON: %w", err))
	}
	call, faults, err := registers.RESTRequest(op, value, text)
	if err != nil {
		return usage(err)
	}
	if len(faults) > 0 {
		var lines []string
		for _, f := range faults {
			lines = append(lines, fmt.Sprintf("  %s: %s", f.Path, f.Message))
		}
		return usage(fmt.Errorf("the request does not keep to the contract\n%s", strings.Join(lines, "\n")))
	}
	call.Service, call.Header = service, http.Header{"Accept": {"application/json, */*"}}
	call.UserID, call.Issue, call.RepresentedParty, call.Timeout = c.UserID, c.Issue, c.Represented, c.Timeout
	if call.SecurityServer, err = c.target(); err != nil {
		return err
	}
	return c.send(p, xr, call, told)
}

// description is the file that is named, or that of the configured contract of the
// service, or what the provider gives.
func (c callCommand) description(p *surroundings, cfg *configs.Config, xr *xroad.Client, service soap.ServiceID) (*contract.REST, error) {
	if c.Contract != "" {
		r, err := restFile(c.Contract)
		if err != nil {
			return nil, usage(err)
		}
		return r, nil
	}
	for _, k := range cfg.Contracts {
		if k.REST() && k.Provider == service.Provider.String() && k.Service == service.Code {
			r, err := openREST(cfg, k.File)
			if err != nil {
				return nil, usage(err)
			}
			return r, nil
		}
	}
	text, _, err := xr.OpenAPI(p.ctx, service)
	if err != nil {
		return nil, fmt.Errorf("asking for the description of %s: %w", service, err)
	}
	r, err := contract.ParseREST(text)
	if err != nil {
		return nil, fmt.Errorf("reading the description of %s: %w", service, err)
	}
	return r, nil
}
