package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"ristmik/cmd/ristmik/story"
)

// The widths of the table's columns, in characters; it fits a wide terminal.
const (
	markWidth = 7
	stepWidth = 34
	cellWidth = 42
)

// printTable prints the steps with what was expected and what was seen, and
// returns how many differ.
func printTable(out io.Writer, steps []story.Step) int {
	differs := 0
	row(out, "", "STEP", "EXPECTED", "SEEN")
	for _, s := range steps {
		mark := "ok"
		if !s.OK() {
			mark = "DIFFERS"
			differs++
		}
		row(out, mark, s.Name, s.Expected, s.Seen)
	}
	fmt.Fprintf(out, "\n%d of %d steps as expected\n", len(steps)-differs, len(steps))
	return differs
}

// row prints one row; cells that are too long go on below.
func row(out io.Writer, mark, step, expected, seen string) {
	cells := [][]string{{mark}, wrap(step, stepWidth), wrap(expected, cellWidth), wrap(seen, cellWidth)}
	lines := 0
	for _, c := range cells {
		lines = max(lines, len(c))
	}
	fmt.Fprintln(out)
	for i := range lines {
		var b strings.Builder
		for j, width := range []int{markWidth, stepWidth, cellWidth, 0} {
			text := ""
			if i < len(cells[j]) {
				text = cells[j][i]
			}
			b.WriteString(text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text))+2))
		}
		fmt.Fprintln(out, strings.TrimRight(b.String(), " "))
	}
}

// wrap breaks text between words so that no line is longer than width, but for
// a word that is.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}
