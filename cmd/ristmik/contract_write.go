package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// write puts the descriptions and then the configuration in their places. What
// fails leaves the configuration as it was, so that nothing half is in force.
func (c contractAdd) write(config string, text []byte, all []addition) error {
	for _, a := range all {
		folder := filepath.Join(filepath.Dir(config), filepath.Dir(filepath.FromSlash(a.entry.File)))
		for name, data := range a.files {
			if err := replaceFile(filepath.Join(folder, filepath.FromSlash(name)), data); err != nil {
				return fmt.Errorf("writing the description of %s: %w", a.name, err)
			}
		}
	}
	if err := replaceFile(config, text); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	return nil
}

// replaceFile writes a file beside its place and moves it there, so that a
// reader sees the old one or the new one. A file that is there keeps its mode.
func replaceFile(path string, data []byte) error {
	mode := os.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // a link stays one
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".ristmik-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
