package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"ristmik/configs"
	"ristmik/mapping/codelist"
)

// openCodeLists reads the code lists that ship with the program and those that
// the configuration names, by their names; of a folder all that are in it.
func openCodeLists(cfg *configs.Config) (map[string]*codelist.List, configs.Problems) {
	shipped, problems := shippedCodeLists()
	lists := maps.Clone(shipped)
	problems = slices.Clone(problems)
	own := map[string]*codelist.List{}
	for i, named := range cfg.CodeLists {
		at := fmt.Sprintf("code_lists[%d]", i)
		files, err := codeListFiles(cfg, named)
		if err != nil {
			problems = append(problems, cfg.Problem(at, badCodeList, err.Error()))
		}
		for _, file := range files {
			data, name, err := openFile(cfg, "codelists", file)
			if err != nil {
				problems = append(problems, cfg.Problem(at, badCodeList, err.Error()))
				continue
			}
			l, found := readCodeList(name, data)
			problems = append(problems, found...)
			switch {
			case l == nil:
			case own[l.Name()] != nil:
				problems = append(problems, cfg.Problem(at, "contradiction", fmt.Sprintf("%s is another list called %s; entries that hold at other times belong into one list", name, l.Name())))
			default:
				own[l.Name()] = l
			}
		}
	}
	maps.Copy(lists, own)
	return lists, problems
}

// shippedCodeLists reads the lists that ship with the program, once.
var shippedCodeLists = sync.OnceValues(func() (map[string]*codelist.List, configs.Problems) {
	lists := map[string]*codelist.List{}
	var problems configs.Problems
	files, err := fs.Glob(configs.Shipped, "codelists/*")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	for _, file := range files {
		data, err := configs.Shipped.ReadFile(file)
		if err != nil {
			panic(err) // the file was listed above
		}
		l, found := readCodeList(file, data)
		if problems = append(problems, found...); l != nil {
			lists[l.Name()] = l
		}
	}
	return lists, problems
})

// codeListFiles are the files that an entry of code_lists names: itself, or those of
// the folder that it is.
func codeListFiles(cfg *configs.Config, named string) ([]string, error) {
	folder := besideConfig(cfg, named)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return []string{named}, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".csv"}, path.Ext(e.Name())) {
			files = append(files, filepath.Join(named, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("the folder %s has no list: a file .yaml or .csv", folder)
	}
	return files, nil
}

// readCodeList reads a list, YAML or CSV; nil beside the problems.
func readCodeList(file string, data []byte) (*codelist.List, configs.Problems) {
	read := readListYAML
	if filepath.Ext(file) == ".csv" {
		read = readListCSV
	}
	d, problem, problems := read(file, data)
	if len(problems) > 0 {
		return nil, problems
	}
	l, err := codelist.New(d)
	if faults, ok := errors.AsType[codelist.Faults](err); ok {
		for _, f := range faults {
			problems = append(problems, problem(f.Path, f.Message))
		}
		return nil, problems
	}
	return l, nil
}

// placed makes a problem of a fault of a list, with its line.
type placed func(path, message string) configs.Problem

const badCodeList = "bad-code-list"

func readListYAML(file string, data []byte) (d codelist.Definition, at placed, problems configs.Problems) {
	lines, problems := configs.Decode(file, data, &d)
	return d, func(path, message string) configs.Problem { return lines.Problem(path, badCodeList, message) }, problems
}

func readListCSV(file string, data []byte) (d codelist.Definition, at placed, problems configs.Problems) {
	t, found := codelist.ReadCSV(data)
	for _, f := range found {
		problems = append(problems, configs.Problem{File: file, Line: f.Line, Path: f.Path, Code: badCodeList, Message: f.Message})
	}
	return t.Definition, func(path, message string) configs.Problem {
		line, i := 1, 0
		if _, err := fmt.Sscanf(path, "entries[%d]", &i); err == nil && i < len(t.Lines) {
			line = t.Lines[i]
		}
		return configs.Problem{File: file, Line: line, Path: path, Code: badCodeList, Message: message}
	}, problems
}
