package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"ristmik/adapters/postgres"
	"ristmik/configs"
)

type migrateCommand struct {
	Config string `short:"c" type:"path" help:"Configuration file; without it, the shipped default."`
	Plan   bool   `help:"Only print what would be done. (A private PostgreSQL is started for it where none is configured.)"`
}

func (m migrateCommand) Run(p *surroundings) (err error) {
	cfg, err := loadConfig(m.Config)
	if err != nil {
		return err
	}
	log, err := logger(p.err, "warn")
	if err != nil {
		return err
	}
	db, err := openDatabase(p.ctx, cfg.Database, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(p.ctx))) }()
	if m.Plan {
		pending, err := postgres.Plan(p.ctx, db.pool, migrations()...)
		if err != nil {
			return err
		}
		for _, step := range pending {
			fmt.Fprintf(p.out, "would apply %s %04d %s\n", step.Set, step.Version, step.Name)
		}
		if len(pending) == 0 {
			fmt.Fprintln(p.out, "nothing to apply")
		}
		return nil
	}
	applied, err := postgres.Migrate(p.ctx, db.pool, migrations()...)
	if err != nil {
		return err
	}
	for _, step := range applied {
		fmt.Fprintf(p.out, "applied %s %04d %s\n", step.Set, step.Version, step.Name)
	}
	fmt.Fprintf(p.out, "the database is at this program's version (%d applied)\n", len(applied))
	return nil
}

// loadConfig reads and checks a configuration file; every problem is in the
// error, which is the caller's to mend.
func loadConfig(path string) (*configs.Config, error) {
	cfg, problems, err := checkConfig(path)
	if err != nil {
		return nil, usage(err)
	}
	problems = slices.DeleteFunc(problems, func(p configs.Problem) bool { return p.Code == costsOne })
	if len(problems) > 0 {
		return nil, usage(problems)
	}
	return cfg, nil
}
