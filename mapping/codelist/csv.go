package codelist

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// The columns of a table that are not systems.
var csvColumns = []string{"from", "to", "et", "en"}

// Table is a list as a table of a spreadsheet has it.
type Table struct {
	Definition
	// Lines are the lines on which the entries stand.
	Lines []int
}

// LineFault is a fault of a table with its line, counted from 1.
type LineFault struct {
	Line int
	Fault
}

// ReadCSV reads a list from a table in UTF-8 (RFC 4180): in front of it lines
// "# list: NAME", "# version: …", and if wanted "# et: …" and "# en: …" with its
// names for people; then a row with the names of the columns, and a row for each
// entry. The columns "from", "to", "et" and "en" are those of an [Entry]; every other
// one is a system, the list's own first. Columns are parted by commas or, where the
// row of names has any, by semicolons, as spreadsheets write them in Estonia. An
// empty field is a code or date that the entry does not have. The faults are those
// of form; what the list means, [New] checks.
func ReadCSV(data []byte) (Table, []LineFault) {
	var t Table
	var faults []LineFault
	fault := func(line int, path, format string, args ...any) {
		faults = append(faults, LineFault{line, Fault{path, fmt.Sprintf(format, args...)}})
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		fault(1, "", "the file is not in UTF-8")
		return t, faults
	}
	line := 1
	for len(data) > 0 {
		text, rest, _ := bytes.Cut(data, []byte("\n"))
		said := strings.TrimSpace(string(text))
		if said != "" && said[0] != '#' {
			break
		}
		key, value, named := strings.Cut(strings.TrimSpace(strings.TrimLeft(said, "#")), ":")
		if named {
			t.say(strings.TrimSpace(key), strings.TrimSpace(value))
		}
		data = rest
		line++
	}
	head, _, _ := bytes.Cut(data, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(data))
	if bytes.IndexByte(head, ';') >= 0 {
		r.Comma = ';'
	}
	columns, err := r.Read()
	if err != nil {
		fault(line, "", "a row with the names of the columns is needed")
		return t, faults
	}
	for i, name := range columns {
		columns[i] = strings.TrimSpace(name)
		switch {
		case columns[i] == "" || slices.Contains(columns[:i], columns[i]):
			fault(line, "systems", "a column has no name, or that of another one")
		case !slices.Contains(csvColumns, columns[i]):
			t.Systems = append(t.Systems, columns[i])
		}
	}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, faults
		}
		var broken *csv.ParseError
		if errors.As(err, &broken) && errors.Is(err, csv.ErrFieldCount) {
			fault(line+broken.Line-1, "entries", "the row has %d fields and the row of names %d", len(fields), len(columns))
			continue
		}
		if err != nil {
			at := line
			if broken != nil {
				at += broken.Line - 1
			}
			fault(at, "entries", "the row cannot be read: a quote is missing or stands in the wrong place")
			return t, faults
		}
		at, _ := r.FieldPos(0)
		t.Lines = append(t.Lines, line+at-1)
		t.Entries = append(t.Entries, entryOf(columns, fields))
	}
}

// say takes a line in front of the table.
func (t *Table) say(key, value string) {
	switch key {
	case "list":
		t.List = value
	case "version":
		t.Version = value
	case "et":
		t.Title.ET = value
	case "en":
		t.Title.EN = value
	}
}

func entryOf(columns, fields []string) Entry {
	e := Entry{Codes: map[string]string{}}
	for i, value := range fields {
		value = strings.TrimSpace(value)
		switch columns[i] {
		case "from":
			e.From = value
		case "to":
			e.To = value
		case "et":
			e.ET = value
		case "en":
			e.EN = value
		default:
			if value != "" {
				e.Codes[columns[i]] = value
			}
		}
	}
	return e
}
