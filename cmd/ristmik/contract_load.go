package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"ristmik/soap/contract"
)

// compileTime is how long one description may take to compile. The largest known
// takes a fiftieth of it; one that takes longer is broken, or an attack.
const compileTime = 10 * time.Second

// compileContract reads a WSDL within the time for one.
func compileContract(fsys fs.FS, name string) (*contract.Contract, error) {
	ctx, end := context.WithTimeout(context.Background(), compileTime)
	defer end()
	return contract.LoadContext(ctx, fsys, name)
}

// compileREST reads an OpenAPI description within the time for one.
func compileREST(fsys fs.FS, name string) (*contract.REST, error) {
	ctx, end := context.WithTimeout(context.Background(), compileTime)
	defer end()
	return contract.LoadRESTContext(ctx, fsys, name)
}

// overBudget says whether a description was given up because it would take too
// much, which costs its register and no other.
func overBudget(err error) bool {
	return errors.Is(err, contract.ErrTooLarge) || errors.Is(err, contract.ErrTooSlow)
}

// costsOne is the code of a problem that costs one register: a check tells it, and
// a hub starts without that register.
const costsOne = "contract-budget"
