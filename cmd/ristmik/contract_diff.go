package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"ristmik/configs"
	"ristmik/soap/contract"
)

type contractDiff struct {
	Old  string `arg:"" type:"path" help:"The contract as it is used, a WSDL or OpenAPI file."`
	New  string `arg:"" type:"path" help:"The contract as it would be, of the same kind."`
	JSON bool   `help:"Print JSON."`
}

func (c contractDiff) Run(p *surroundings) error {
	found, err := compareFiles(c.Old, c.New)
	if err != nil {
		return usage(err)
	}
	breaking := 0
	if c.JSON {
		breaking = len(slices.DeleteFunc(slices.Clone(found), func(d contract.Difference) bool { return !d.Breaking }))
		out := json.NewEncoder(p.out)
		out.SetIndent("", "  ")
		if found == nil {
			found = []contract.Difference{}
		}
		if err := out.Encode(found); err != nil {
			return err
		}
	} else {
		breaking = differences(p, found)
	}
	if breaking > 0 {
		return fmt.Errorf("breaking differences: %d", breaking)
	}
	return nil
}

func compareFiles(older, newer string) ([]contract.Difference, error) {
	rest := [2]bool{configs.Contract{File: older}.REST(), configs.Contract{File: newer}.REST()}
	if rest[0] != rest[1] {
		return nil, errors.New("contract diff: one is a WSDL and the other is OpenAPI; every operation would differ")
	}
	if rest[0] {
		a, err := restFile(older)
		if err != nil {
			return nil, err
		}
		b, err := restFile(newer)
		if err != nil {
			return nil, err
		}
		return contract.CompareREST(a, b), nil
	}
	a, err := contractFile(older)
	if err != nil {
		return nil, err
	}
	b, err := contractFile(newer)
	if err != nil {
		return nil, err
	}
	return contract.Compare(a, b), nil
}

// differences prints what differs and returns how many of it break a caller.
func differences(p *surroundings, found []contract.Difference) (breaking int) {
	t := tabwriter.NewWriter(p.out, 0, 4, 2, ' ', 0)
	for _, d := range found {
		if d.Breaking {
			breaking++
		}
		fmt.Fprintln(t, strings.Join(columns(d), "\t"))
	}
	_ = t.Flush() // the output is told by the line that follows
	fmt.Fprintf(p.out, "%d differences, %d of them breaking\n", len(found), breaking)
	return breaking
}

// columns is a difference as a line of a table.
func columns(d contract.Difference) []string {
	verdict := string(contract.Harmless)
	if d.Breaking {
		verdict = strings.ToUpper(string(contract.Breaking))
	}
	direction := strings.TrimSpace(string(d.Direction) + " " + d.Status)
	return []string{verdict, strings.TrimSuffix(d.Operation+"/"+d.Version, "/"), direction, d.Path, d.Message}
}
