package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/mapping/table"
)

// contractExplain shows a mapping table, or what it makes of a message.
type contractExplain struct {
	Register  string `arg:"" help:"The register's name under contracts in the configuration."`
	Operation string `arg:"" help:"The service code."`
	Version   string `help:"The version; without it, the first that has a table."`
	Data      string `short:"d" placeholder:"@FILE" help:"A message to explain: the core's request as JSON, or with --answer the register's answer as JSON or XML. @FILE reads a file, @- standard input."`
	Answer    bool   `help:"Explain the way from the register's answer to the core, instead of both or the request."`
	JSON      bool   `help:"Print JSON."`
	Config    string `short:"c" type:"path" help:"Configuration file; without it, the shipped default."`
}

// explanation is what --json prints.
type explanation struct {
	Table string          `json:"table"`
	File  string          `json:"file"`
	Rules []explainedRule `json:"rules"`
	// Result is what came out of the message, in the register's shape of a
	// request and the core's of an answer; Refused what is wrong with it.
	Result  map[string]any   `json:"result,omitempty"`
	Refused []explainedFault `json:"refused,omitempty"`
}

// explainedRule is a rule with the line it stands on.
type explainedRule struct {
	Line int `json:"line"`
	table.Step
}

type explainedFault struct {
	Path    string `json:"path"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (c contractExplain) Run(p *surroundings) error {
	cfg, problems, err := checkConfig(c.Config)
	if err != nil {
		return usage(err)
	}
	if len(problems) > 0 {
		return usage(problems)
	}
	t, err := c.find(cfg)
	if err != nil {
		return usage(err)
	}
	out := explanation{Table: t.Name(), File: t.file, Rules: []explainedRule{}}
	var refused error
	if c.Data == "" {
		for _, one := range t.Steps() {
			if !c.Answer || one.Side == "answer" {
				out.Rules = append(out.Rules, explainedRule{t.Line(one.Rule), one})
			}
		}
	} else {
		steps, result, err := c.message(t)
		found, isFound := errors.AsType[mapping.Violations](err)
		if err != nil && !isFound {
			return usage(err)
		}
		if isFound {
			refused = errors.New("the message is refused")
		}
		for _, one := range steps {
			out.Rules = append(out.Rules, explainedRule{t.Line(one.Rule), one})
		}
		out.Result = result
		for _, v := range found {
			out.Refused = append(out.Refused, explainedFault{v.Path, v.Code, v.Message})
		}
	}
	if c.JSON {
		enc := json.NewEncoder(p.out)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", "  ")
		return errors.Join(enc.Encode(out), refused)
	}
	return errors.Join(out.print(p.out, c.Data != ""), refused)
}

// find opens the table of the operation.
func (c contractExplain) find(cfg *configs.Config) (openedTable, error) {
	k, ok := cfg.Contracts[c.Register]
	if !ok {
		return openedTable{}, fmt.Errorf("no register is called %s; ristmik contract list names them", c.Register)
	}
	lists, _ := openCodeLists(cfg) // the configuration has been found good
	opened, _, err := openTables(cfg, c.Register, lists)
	if err != nil {
		return openedTable{}, err
	}
	for _, t := range opened {
		if code, version := t.code(); code == c.Operation && (c.Version == "" || version == c.Version) {
			return t, nil
		}
	}
	offered, err := offeredBy(cfg, k)
	if err != nil {
		return openedTable{}, err
	}
	for _, op := range offered {
		if op.code == c.Operation {
			return openedTable{}, fmt.Errorf("%s has no mapping table for %s: it takes and gives the shape of the contract", c.Register, c.Operation)
		}
	}
	return openedTable{}, fmt.Errorf("%s has no operation %s; ristmik contract list names them", c.Register, c.Operation)
}

// message maps the message that was given. The error is a [mapping.Violations]
// when the table or the contract refuses it.
func (c contractExplain) message(t openedTable) ([]table.Step, map[string]any, error) {
	data, err := callCommand{Data: c.Data}.data()
	if err != nil {
		return nil, nil, err
	}
	if c.Answer {
		answer, err := t.ReadAnswer(data)
		if err != nil {
			return nil, nil, err
		}
		made, steps, err := t.ExplainAnswer(answer, time.Now())
		return steps, made, err
	}
	value, err := table.ReadJSON(data)
	if err != nil {
		return nil, nil, err
	}
	made, steps, err := t.ExplainRequest(value, time.Now())
	if err == nil {
		err = t.CheckRequest(made)
	}
	return steps, made, err
}

func (e explanation) print(out io.Writer, message bool) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	last := "HOW"
	if message {
		last = "OUTCOME\tVALUE"
	}
	fmt.Fprintf(w, "SIDE\tLINE\tFROM\tTO\t%s\n", last)
	for _, r := range e.Rules {
		how := r.How
		if r.Required {
			how = strings.TrimPrefix(how+"; required", "; ")
		}
		if message {
			value := ""
			if r.Outcome == "filled" || r.Outcome == "default" {
				text, err := json.Marshal(r.Value)
				if err != nil {
					return err
				}
				value = string(text)
			}
			how = r.Outcome + "\t" + value
		}
		fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\n", r.Side, r.Line, strings.Join(r.From, " "), strings.Join(r.To, " "), how)
	}
	for _, v := range e.Refused {
		fmt.Fprintf(w, "refused\t\t%s\t\t%s: %s\n", v.Path, v.Code, v.Message)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "table %s in %s\n", e.Table, e.File)
	return err
}
