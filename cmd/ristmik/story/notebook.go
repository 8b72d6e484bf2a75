package story

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// notebook remembers, over a crash, who plays and which steps are done.
type notebook struct {
	path string
	page page
}

type page struct {
	Seed  uint64 `json:"seed"`
	Cast  *cast  `json:"cast,omitempty"`
	Steps []Step `json:"steps"`
}

// openNotebook reads the notebook at path, or begins one. A story goes on only
// with the seed it began with.
func openNotebook(path string, seed uint64) (*notebook, error) {
	n := &notebook{path: path, page: page{Seed: seed}}
	begun, err := readNotebook(path)
	if err != nil {
		return nil, err
	}
	if begun != nil {
		n.page = *begun
	}
	if n.page.Seed != seed {
		return nil, fmt.Errorf("the data directory holds the story of seed %d: go on with --seed %d, or use another directory", n.page.Seed, n.page.Seed)
	}
	return n, nil
}

// SeedOf returns the seed of the story in the notebook at path; known is false
// when no story has begun there.
func SeedOf(path string) (seed uint64, known bool, err error) {
	n, err := readNotebook(path)
	if err != nil || n == nil {
		return 0, false, err
	}
	return n.Seed, true, nil
}

// readNotebook reads the notebook at path; nil when there is none.
func readNotebook(path string) (*page, error) {
	data, err := os.ReadFile(path)
	if path == "" || errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the story's notebook: %w", err)
	}
	var p page
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("reading the story's notebook %s: %w", path, err)
	}
	return &p, nil
}

func (n *notebook) step(name string) (Step, bool) {
	for _, s := range n.page.Steps {
		if s.Name == name {
			return s, true
		}
	}
	return Step{}, false
}

// note writes the step down. It is on disk before note returns, whole or not
// at all.
func (n *notebook) note(s Step, c *cast) error {
	n.page.Steps = append(n.page.Steps, s)
	n.page.Cast = c
	return n.save()
}

func (n *notebook) save() error {
	if n.path == "" {
		return nil
	}
	data, err := json.MarshalIndent(n.page, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the story's notebook: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(n.path), ".story-*")
	if err != nil {
		return fmt.Errorf("writing the story's notebook: %w", err)
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), n.path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing the story's notebook: %w", err)
	}
	return nil
}
