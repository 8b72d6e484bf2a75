package main

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"ristmik/adapters/core"
	"ristmik/configs"
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

// loadContract reads one shipped contract, once: it is the same for all who use it.
func loadContract(file string) (*contract.Contract, error) {
	load, _ := shippedContracts.LoadOrStore(file, sync.OnceValues(func() (*contract.Contract, error) {
		return compileContract(configs.Contracts(), file)
	}))
	return load.(func() (*contract.Contract, error))()
}

var shippedContracts sync.Map // by file: func() (*contract.Contract, error)

// readAhead reads what ships with the program and every start needs, while the
// configuration is read: whoever wants it finds it there, or waits for it.
func readAhead() {
	for _, file := range []string{contractRequest, contractAnswer, contractEmployment, contractPermits} {
		_, _ = loadContract(file) // whoever uses it says what is wrong with it
	}
	_, _ = shippedCodeLists()
	_, _ = core.EventTypes()
}
