package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/soap"
)

// callCommand calls one service, SOAP or REST, or lists what there is.
type callCommand struct {
	Service string `arg:"" optional:"" help:"INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE, with /VERSION for SOAP; with --list a member, a subsystem or nothing."`

	List      bool   `short:"l" help:"List members and subsystems; of a subsystem, its services and whether we may call them."`
	Documents string `placeholder:"MESSAGE-ID" help:"Fetch the signed documents of an exchange of ours from our Security Server, into --output or a file named after the id."`
	Now       bool   `help:"With --documents: have the signature time-stamped now instead of waiting for its batch, up to a minute or so."`
	Data      string `short:"d" placeholder:"@FILE" help:"The request: JSON by the contract for SOAP, any body for REST. @FILE reads a file, @- standard input."`
	XML       bool   `help:"SOAP without a contract: -d is the wrapper as XML, and so is what is printed."`

	Operation string `placeholder:"ID" help:"REST: the operation of this operationId in the service's description; -d is {\"path\": {…}, \"query\": {…}, \"header\": {…}, \"body\": …}, checked before it is sent."`

	Method string `short:"X" placeholder:"METHOD" help:"Call over REST with this method."`
	Path   string `help:"REST: what follows the service code, percent-encoded."`
	Query  string `help:"REST: the query, percent-encoded."`
	Type   string `name:"content-type" placeholder:"TYPE" help:"REST: the type of the body; without it application/json."`

	Attach       []string `placeholder:"FILE" type:"existingfile" help:"SOAP: send this file along; its Content-ID is its name. May be repeated."`
	MTOM         bool     `help:"Pack attachments as MTOM instead of SOAP with attachments."`
	Attachments  string   `placeholder:"DIR" type:"existingdir" help:"Keep the attachments of the answer in this directory."`
	Contract     string   `placeholder:"FILE" type:"path" help:"The contract, WSDL or with --operation OpenAPI; without it that of the configuration or what the provider describes (getWsdl, getOpenAPI)."`
	UserID       string   `name:"user-id" placeholder:"EE…" help:"The person on whose behalf the call is made, with the country in front."`
	Issue        string   `help:"The case for which the call is made."`
	Represented  string   `name:"represented-party" placeholder:"[CLASS/]CODE" help:"For whom the call is made."`
	TargetServer string   `placeholder:"INSTANCE/CLASS/MEMBER/SERVER" help:"The one Security Server that shall answer."`

	Config     string        `short:"c" type:"path" help:"Configuration file; without it, the shipped default."`
	Client     string        `placeholder:"INSTANCE/CLASS/MEMBER/SUBSYSTEM" help:"In whose name the call is made, instead of the configured client."`
	Server     string        `name:"security-server" placeholder:"URL" help:"Our Security Server, instead of the configured ones."`
	ServerCert string        `name:"server-certificate" placeholder:"PEM" type:"path" help:"With --security-server https://…: its certificate."`
	ClientCert string        `name:"client-certificate" placeholder:"PEM" type:"path" help:"Our certificate and key in one file."`
	Plaintext  bool          `help:"With --security-server http://…: another machine is meant."`
	Timeout    time.Duration `help:"How long the whole call may take; without it, as configured."`
	Output     string        `short:"o" placeholder:"FILE" type:"path" help:"Write the answer to this file."`
	JSON       bool          `help:"Print answer, exchange and failure as one JSON object."`
}

// Help is what --help says below the flags.
func (callCommand) Help() string {
	return `Examples, against "ristmik sandbox" on this machine:

  ristmik call --list
  ristmik call --list EE/GOV/70000349/tor
  ristmik call EE/GOV/70000349/tor/TORIK/v2 -d '{"request":{"isikukoodid":"38001085718","paringu_liik":"A"}}' --user-id EE80001010000
  ristmik call EE/GOV/70000349/tor/TORIK/v2 -d @in.json -o out.json
  ristmik call EE/GOV/79990000/jarelevalve/konsult -X POST --path /permit-notices -d @notice.json
  ristmik call EE/GOV/70001490/liiklusregister/cars --operation getCar -d '{"path":{"plate":"123ABC"}}'
  ristmik call --documents 5505d92f-237a-469c-a218-0cc47331be1c -o evidence.zip

ristmik contract sample shows what a request looks like.
Exit codes: 0 answered, 1 failed or refused, 2 wrong usage.`
}

// Run makes the call.
func (c callCommand) Run(p *surroundings) error {
	cfg, client, err := c.settings()
	if err != nil {
		return usage(err)
	}
	xr, err := newXRoad(cfg.XRoad, client, nil, func(a xroad.Alarm) {
		fmt.Fprintf(p.err, "ristmik: alarm: %s at %s\n", a.Code, a.Server)
	})
	if err != nil {
		return usage(err)
	}
	told := result{}
	switch {
	case c.List:
		err = c.list(p, xr, told)
	case c.Documents != "":
		err = c.documents(p, xr)
	case c.Service == "":
		return usage(errors.New("call: which service? ristmik call --list shows what there is, ristmik call --help how"))
	case c.Operation != "":
		err = c.byOperation(p, cfg, xr, told)
	case c.Method != "" || c.Path != "" || c.Query != "":
		err = c.rest(p, xr, told)
	default:
		err = c.soap(p, cfg, xr, told)
	}
	err = explained(err, told)
	if c.JSON && len(told) > 0 {
		err = errors.Join(c.write(p, func(w io.Writer) error { return printJSON(w, told) }), err)
	}
	return err
}

// result is the one object that --json prints.
type result map[string]any

// settings are those of the configuration, overridden by the flags.
func (c callCommand) settings() (*configs.Config, soap.ClientID, error) {
	cfg, problems, err := checkConfig(c.Config)
	if err == nil && len(problems) > 0 {
		err = problems
	}
	if err != nil {
		return nil, soap.ClientID{}, err
	}
	x := &cfg.XRoad
	if c.Server != "" {
		x.Servers = []configs.SecurityServer{{Address: c.Server, CertificateFile: c.ServerCert, Plaintext: c.Plaintext}}
	}
	name := x.Client
	if c.Client != "" {
		name = c.Client
	}
	client, err := soap.ParseClientID(name)
	if err != nil {
		return nil, soap.ClientID{}, fmt.Errorf("--client: %w", err)
	}
	if c.ClientCert != "" {
		x.Certificates = map[string]configs.TLS{client.String(): {CertificateFile: c.ClientCert, KeyFile: c.ClientCert}}
	}
	if c.Timeout > 0 {
		x.Timeout, x.Services = c.Timeout, nil
	}
	return cfg, client, nil
}

// data reads what -d names.
func (c callCommand) data() ([]byte, error) {
	file, ok := strings.CutPrefix(c.Data, "@")
	switch {
	case !ok:
		return []byte(c.Data), nil
	case file == "-":
		return io.ReadAll(os.Stdin)
	}
	return os.ReadFile(file)
}

// target reads --target-server.
func (c callCommand) target() (*soap.ServerID, error) {
	if c.TargetServer == "" {
		return nil, nil
	}
	id, err := soap.ParseServerID(c.TargetServer)
	if err != nil {
		return nil, usage(fmt.Errorf("--target-server: %w", err))
	}
	return &id, nil
}

// write hands the answer's text to -o or to standard output.
func (c callCommand) write(p *surroundings, copyTo func(io.Writer) error) error {
	if c.Output == "" {
		return copyTo(p.out)
	}
	f, err := os.Create(c.Output)
	if err != nil {
		return err
	}
	return errors.Join(copyTo(f), f.Close())
}
