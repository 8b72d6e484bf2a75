package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/beevik/etree"

	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// soap calls a SOAP service: JSON in, JSON out, by its contract.
func (c callCommand) soap(p *surroundings, cfg *configs.Config, xr *xroad.Client, told result) error {
	service, err := soap.ParseServiceID(c.Service)
	if err != nil {
		return usage(err)
	}
	call := xroad.Call{Service: service, UserID: c.UserID, Issue: c.Issue, Timeout: c.Timeout}
	if c.MTOM {
		call.Packaging = soap.PackagingMTOM
	}
	if call.SecurityServer, err = c.target(); err != nil {
		return err
	}
	if c.Represented != "" {
		class, code, ok := strings.Cut(c.Represented, "/")
		if !ok {
			class, code = "", c.Represented
		}
		call.RepresentedParty = &soap.RepresentedParty{Class: class, Code: code}
	}
	data, err := c.data()
	if err != nil {
		return usage(err)
	}
	var op *contract.Operation
	if c.XML {
		doc, err := soap.ReadTree(data, soap.DefaultLimits())
		if err != nil {
			return usage(fmt.Errorf("-d is not the XML of a wrapper: %w", err))
		}
		call.Body = doc.Root()
	} else {
		if op, err = c.operation(p, cfg, xr, service); err != nil {
			return err
		}
		call.SOAPAction = op.SOAPAction
		if call.Body, err = encode(op, data); err != nil {
			return usage(err)
		}
	}
	for _, name := range c.Attach {
		f, err := os.Open(name)
		if err != nil {
			return usage(err)
		}
		defer f.Close()
		call.Attachments = append(call.Attachments, soap.Attachment{ContentID: filepath.Base(name), Body: f})
	}
	answer, err := xr.Open(p.ctx, call)
	if err != nil {
		return err
	}
	defer answer.Close()
	if err := c.keep(p, answer); err != nil {
		return err
	}
	if err := c.show(p, op, answer, told); err != nil {
		return err
	}
	if f, ok := soap.ReadBusinessFault(answer.Message); ok {
		return f.Failure(answer.Exchange.MessageID)
	}
	return nil
}

// encode turns JSON into the wrapper of a request.
func encode(op *contract.Operation, data []byte) (*etree.Element, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		data = []byte("{}")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var value map[string]any
	if err := d.Decode(&value); err != nil {
		return nil, fmt.Errorf("-d is not a JSON object: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("-d holds more than one JSON object")
	}
	body, err := mapping.Encode(op.Input, value)
	if err != nil {
		return nil, fmt.Errorf("-d does not fit the contract of %s:\n%w", op.Code, err)
	}
	return body, nil
}

// operation finds the contract: the named file, that of the configuration, or
// what the provider says of itself.
func (c callCommand) operation(p *surroundings, cfg *configs.Config, xr *xroad.Client, service soap.ServiceID) (*contract.Operation, error) {
	k, err := c.contract(p, cfg, xr, service)
	if err != nil {
		return nil, err
	}
	op, ok := k.Operation(service.Code, service.Version)
	if !ok {
		var known []string
		for _, op := range k.Operations() {
			known = append(known, strings.TrimSuffix(op.Code+"/"+op.Version, "/"))
		}
		return nil, usage(fmt.Errorf("%s has no operation %s; it has %s", k.Name(), strings.TrimSuffix(service.Code+"/"+service.Version, "/"), strings.Join(known, ", ")))
	}
	if op.Unsupported != nil {
		return nil, usage(fmt.Errorf("%s cannot be called by its contract (--xml works without): %w", op.Code, op.Unsupported))
	}
	return op, nil
}

func (c callCommand) contract(p *surroundings, cfg *configs.Config, xr *xroad.Client, service soap.ServiceID) (*contract.Contract, error) {
	if c.Contract != "" {
		k, err := contractFile(c.Contract)
		if err != nil {
			return nil, usage(err)
		}
		return k, nil
	}
	for _, known := range cfg.Contracts {
		if provider, err := soap.ParseClientID(known.Provider); err != nil || provider != service.Provider || known.REST() {
			continue
		}
		k, err := openContract(cfg, known.File)
		if err != nil {
			return nil, usage(err)
		}
		if _, ok := k.Operation(service.Code, service.Version); ok {
			return k, nil
		}
	}
	wsdl, err := xr.WSDL(p.ctx, service)
	if err != nil {
		kind := soap.KindOf(err)
		if k := shippedWith(service); k != nil && kind != soap.KindOwnServer && kind != soap.KindFixRights {
			fmt.Fprintf(p.err, "the provider gives no contract (%s); %s, which ships with the program, is used\n", kind, k.Name())
			return k, nil
		}
		return nil, fmt.Errorf("asking the provider for its contract: %w", err)
	}
	dir, err := os.MkdirTemp("", "ristmik-call-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(filepath.Join(dir, "getWsdl"), wsdl, 0o600); err != nil {
		return nil, err
	}
	k, err := compileContract(os.DirFS(dir), "getWsdl")
	if err != nil {
		return nil, fmt.Errorf("what the provider answered to getWsdl: %w", err)
	}
	return k, nil
}

// shippedWith returns the shipped contract that has this operation, or nil.
func shippedWith(service soap.ServiceID) *contract.Contract {
	files, err := fs.Glob(configs.Contracts(), "*.wsdl")
	if err != nil {
		return nil
	}
	for _, file := range files {
		k, err := loadContract(file)
		if err != nil {
			continue
		}
		if _, ok := k.Operation(service.Code, service.Version); ok {
			return k
		}
	}
	return nil
}

// keep writes the attachments of the answer, or says that there are some.
func (c callCommand) keep(p *surroundings, answer *xroad.AnswerStream) error {
	for n := 1; ; n++ {
		part, err := answer.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Attachments == "" {
			size, err := io.Copy(io.Discard, part.Body)
			if err != nil {
				return err
			}
			fmt.Fprintf(p.err, "attachment %d: %s, %d bytes, %s; --attachments DIR keeps it\n", n, part.ContentType, size, part.ContentID)
			continue
		}
		name := filepath.Join(c.Attachments, fmt.Sprintf("%02d-%s", n, xroad.FileName(part.ContentID)))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		size, err := io.Copy(f, part.Body)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(p.err, "attachment %d: %s, %d bytes, in %s\n", n, part.ContentType, size, name)
	}
}

// show prints the answer.
func (c callCommand) show(p *surroundings, op *contract.Operation, answer *xroad.AnswerStream, told result) error {
	told["exchange"] = exchangeOf(answer.Exchange)
	if op == nil {
		doc := etree.NewDocument()
		doc.SetRoot(answer.Message.Body().Copy())
		text, err := doc.WriteToString()
		if err != nil || c.JSON {
			told["answer"] = text
			return err
		}
		return c.write(p, func(w io.Writer) error {
			_, err := io.WriteString(w, text+"\n")
			return err
		})
	}
	value, strangers, err := mapping.DecodeMessageTolerant(op.Output, answer.Message)
	if err != nil {
		return &soap.Failure{
			Kind: soap.KindUnknownResult, Code: "answer.contract", MessageID: answer.Exchange.MessageID,
			Message: "the answer does not fit the contract (--xml prints it as it is)", Err: err,
		}
	}
	for _, s := range strangers {
		fmt.Fprintf(p.err, "not in the contract: %s\n", s.Path)
	}
	if c.JSON {
		told["answer"] = value
		return nil
	}
	return c.write(p, func(w io.Writer) error { return printJSON(w, value) })
}
