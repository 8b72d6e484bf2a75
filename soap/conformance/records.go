package conformance

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The outcomes of a test in a record.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped"
)

const recordSuffix = ".record"

// Record is one item that one test checked.
type Record struct {
	ID, Package, Test, Outcome string
}

// ReadRecords reads all records that Covers wrote into the folder.
func ReadRecords(folder string) ([]Record, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*"+recordSuffix))
	if err != nil {
		return nil, err
	}
	var records []Record
	for _, file := range files {
		if records, err = appendRecords(records, file); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func appendRecords(records []Record, file string) ([]Record, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		cells := strings.Split(lines.Text(), "\t")
		if len(cells) != 4 {
			return nil, fmt.Errorf("%s: %q is no record", file, lines.Text())
		}
		records = append(records, Record{ID: cells[0], Package: cells[1], Test: cells[2], Outcome: cells[3]})
	}
	return records, lines.Err()
}
