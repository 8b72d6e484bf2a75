package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"ristmik/adapters/core"
	"ristmik/adapters/labour"
	"ristmik/adapters/tax"
	"ristmik/adapters/xroad"
	"ristmik/configs"
	"ristmik/outbox"
	"ristmik/soap"
	"ristmik/soap/contract"
)

// syncedRegisters are the two rooms that are kept in sync.
type syncedRegisters struct {
	tax    *tax.Register
	labour *labour.Register
	tables [2]openedTable // of the tax board's services, as syncTables has them
}

func newRegisters(cfg *configs.Config, pool *pgxpool.Pool, xr *xroad.Client) (syncedRegisters, error) {
	zone, err := time.LoadLocation("Europe/Tallinn")
	if err != nil {
		return syncedRegisters{}, err
	}
	employment, err := soap.ParseServiceID(cfg.Registers.Tax.EmploymentService)
	if err != nil {
		return syncedRegisters{}, fmt.Errorf("registers.tax.employment_service: %w", err)
	}
	permits, err := soap.ParseServiceID(cfg.Registers.Tax.PermitService)
	if err != nil {
		return syncedRegisters{}, fmt.Errorf("registers.tax.permit_service: %w", err)
	}
	lists, problems := openCodeLists(cfg)
	var tables [2]openedTable
	for i, s := range syncTables(cfg) {
		var found configs.Problems
		tables[i], found = s.open(cfg, lists)
		problems = append(problems, found...)
	}
	if len(problems) > 0 {
		return syncedRegisters{}, problems
	}
	t, err := tax.New(tax.Options{
		Pool: pool, XRoad: xr, Zone: zone, Now: time.Now,
		Employment: employment, EmploymentTable: tables[0].Table, Permits: permits, PermitTable: tables[1].Table,
	})
	if err != nil {
		return syncedRegisters{}, err
	}
	service, err := soap.ParseServiceID(cfg.Registers.Labour.PermitService)
	if err != nil {
		return syncedRegisters{}, fmt.Errorf("registers.labour.permit_service: %w", err)
	}
	l, err := labour.New(xr, service)
	if err != nil {
		return syncedRegisters{}, err
	}
	return syncedRegisters{t, l, tables}, nil
}

// operation finds a configured service's operation in its contract.
func operation(service, file string) (soap.ServiceID, *contract.Operation, error) {
	id, err := soap.ParseServiceID(service)
	if err != nil {
		return soap.ServiceID{}, nil, fmt.Errorf("service %q: %w", service, err)
	}
	c, err := loadContract(file)
	if err != nil {
		return soap.ServiceID{}, nil, err
	}
	op, ok := c.Operation(id.Code, id.Version)
	if !ok {
		return soap.ServiceID{}, nil, fmt.Errorf("%s has no operation %s/%s", file, id.Code, id.Version)
	}
	return id, op, nil
}

// intake is what a fact of the core sets going: both registers take note of it
// in the core's own transaction, and then the messages to both are published,
// because lanes are locked after everything else.
func (r syncedRegisters) intake(ctx context.Context, tx pgx.Tx, e core.CoreEvent) error {
	at := e.OccurredAt.UTC().Format(time.RFC3339Nano)
	toTax, err := r.tax.Note(ctx, tx, tax.Notice{
		EventID: e.ID, EventType: e.Type, OccurredAt: at,
		PermitID: e.Data.PermitID, PersonalCode: e.Data.Person.PersonalCode, EmployerCode: e.Data.EmployerCode(),
		ValidFrom: e.Data.ValidFrom, ValidTo: e.Data.ValidTo, EffectiveFrom: e.Data.EffectiveFrom, GroundCode: e.Data.GroundCode,
	})
	if err != nil {
		return err
	}
	toLabour, err := r.labour.Note(ctx, tx, labour.Notice{
		EventID: e.ID, EventType: e.Type, OccurredAt: at,
		PermitID: e.Data.PermitID, PersonalCode: e.Data.Person.PersonalCode, EmployerCode: e.Data.EmployerCode(),
		ValidFrom: e.Data.ValidFrom, ValidTo: e.Data.ValidTo, EffectiveFrom: e.Data.EffectiveFrom, GroundCode: e.Data.GroundCode,
	})
	if err != nil {
		return err
	}
	return outbox.Publish(ctx, tx, toTax, toLabour)
}
