package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"ristmik/configs"
	"ristmik/mapping"
	"ristmik/soap/contract"
)

// offer is one operation of a description, SOAP or REST, as commands show it.
type offer struct {
	code, version, title string
	// endpoint is method and path of a REST operation.
	endpoint string
	refused  error // why it cannot be used
	// user and issue say that the description itself demands these headers.
	user, issue bool
	sample      func(fullest, answer bool) (any, error)
}

func (o offer) usable() bool { return o.refused == nil }

// about is its title, or why it cannot be used.
func (o offer) about() string {
	if o.refused != nil {
		return "cannot be used: " + o.refused.Error()
	}
	return o.title
}

// offeredBy reads the description of a configured register.
func offeredBy(cfg *configs.Config, k configs.Contract) ([]offer, error) {
	if k.REST() {
		r, err := openREST(cfg, k.File)
		if err != nil {
			return nil, err
		}
		return offersOfREST(r), nil
	}
	c, err := openContract(cfg, k.File)
	if err != nil {
		return nil, err
	}
	return offersOf(c), nil
}

// offersIn reads a description from a file, or one that ships with the program.
func offersIn(file string) ([]offer, error) {
	if !(configs.Contract{File: file}).REST() {
		k, err := contractFile(file)
		if err != nil {
			return nil, err
		}
		return offersOf(k), nil
	}
	r, err := restFile(file)
	if err != nil {
		return nil, err
	}
	return offersOfREST(r), nil
}

func restFile(file string) (*contract.REST, error) {
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("there is no file %s", file)
	}
	return compileREST(os.DirFS(filepath.Dir(file)), filepath.Base(file))
}

func offersOf(k *contract.Contract) (all []offer) {
	for _, op := range k.Operations() {
		all = append(all, offer{code: op.Code, version: op.Version, title: op.Title, refused: op.Unsupported, sample: func(fullest, answer bool) (any, error) {
			el, extent := op.Input, mapping.Smallest
			if answer {
				el = op.Output
			}
			if fullest {
				extent = mapping.Fullest
			}
			return mapping.Sample(el, extent)
		}})
	}
	return all
}

func offersOfREST(r *contract.REST) (all []offer) {
	for _, op := range r.Operations {
		all = append(all, offer{
			code: op.Code, title: op.Title(), endpoint: op.Endpoint.Method + " " + r.Base + op.Endpoint.Path, refused: op.Unsupported,
			user: op.RequireUser, issue: op.RequireIssue,
			sample: func(fullest, answer bool) (any, error) {
				if answer {
					_, value, err := r.AnswerExample(op, fullest)
					return value, err
				}
				return r.Example(op, fullest)
			},
		})
	}
	return all
}

// printOffers lists operations with what names them and returns how many can be
// used.
func printOffers(p *surroundings, all []offer) (good int) {
	t := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	for _, o := range all {
		if o.usable() {
			good++
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", o.code, strings.TrimSpace(o.version+o.endpoint), o.about())
	}
	_ = t.Flush() // the output is told by the line that follows
	return good
}
