// Command document writes docs/conformance.md from the records of a test run,
// or compares the two.
//
//	document FOLDER FILE          write FILE from the records in FOLDER
//	document -check FOLDER FILE   fail when FILE is stale, a test that covers an
//	                              item failed, or an item is covered by none
//	document -open FOLDER         list the items that are covered by no test
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"ristmik/soap/conformance"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	mode := "-write"
	if len(args) > 0 && (args[0] == "-check" || args[0] == "-open") {
		mode, args = args[0], args[1:]
	}
	if want := map[string]int{"-write": 2, "-check": 2, "-open": 1}[mode]; len(args) != want {
		return errors.New("usage: document [-check] FOLDER FILE | document -open FOLDER")
	}
	records, err := conformance.ReadRecords(args[0])
	if err != nil {
		return err
	}
	if len(records) == 0 {
		return fmt.Errorf("no records in %s", args[0])
	}
	switch mode {
	case "-open":
		for _, item := range conformance.Uncovered(records) {
			fmt.Printf("%s\t%s\t%s\t%s\n", item.Role, item.ID, item.Level, item.Statement)
		}
		return nil
	case "-check":
		return check(records, args[1])
	}
	return os.WriteFile(args[1], []byte(conformance.Document(records)), 0o644)
}

func check(records []conformance.Record, file string) error {
	if i := slices.IndexFunc(records, func(r conformance.Record) bool { return r.Outcome == conformance.Failed }); i >= 0 {
		return fmt.Errorf("%s.%s, which covers %s, failed", records[i].Package, records[i].Test, records[i].ID)
	}
	if open := conformance.Uncovered(records); len(open) > 0 {
		return fmt.Errorf("%d items are covered by no test, the first is %s: %s", len(open), open[0].ID, open[0].Statement)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if string(text) != conformance.Document(records) {
		return fmt.Errorf("%s does not say what the tests cover; run make conformance", file)
	}
	return nil
}
