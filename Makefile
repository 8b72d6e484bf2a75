# Two commands do everything: make demo, make test.

GO   ?= go
SEED ?= 1
RACE ?=

.PHONY: help demo demo-stay test interop conformance bench bench-outbox bench-consultations mutants prove lint ci

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## play one consultation end to end (SEED=n chooses another story)
	@./.ci/postgres
	$(GO) run ./cmd/ristmik demo --once --seed $(SEED)

demo-stay: ## the same, and stay up to look around
	@./.ci/postgres
	$(GO) run ./cmd/ristmik demo --seed $(SEED)

test: ## run every test (RACE=-race turns the race detector on)
	@./.ci/postgres
	$(GO) test $(RACE) -timeout 20m ./...

interop: ## install node-soap, zeep and Apache CXF, and let them talk to the hub
	@./.ci/interop
	$(GO) test -count=1 -v ./adapters/authority/interop

bench: ## measure the X-Road side against zeep, node-soap and ReverseProxy
	@./.ci/postgres
	@./.ci/interop
	$(GO) run ./cmd/ristmik bench xroad

bench-outbox: ## measure the outbox against PostgreSQL's own limits and River
	@./.ci/postgres
	$(GO) run ./cmd/ristmik bench outbox --plot outbox-backlog.svg

bench-consultations: ## measure 10,000 rounds of consultations through the whole hub, with 200,000 legs open beside them
	@./.ci/postgres
	$(GO) run ./cmd/ristmik bench consultations

conformance: ## run every test and write docs/conformance.md from what they cover
	@./.ci/postgres
	@records=$$(mktemp -d) && trap 'rm -rf "$$records"' EXIT && \
	RISTMIK_CONFORMANCE=$$records $(GO) test -count=1 ./... && \
	$(GO) run ./soap/conformance/document $$records docs/conformance.md

mutants: ## a million mutated documents before the gate and libxml2
	RISTMIK_MUTANTS=1000000 $(GO) test ./soap -run GateAcceptsNothing -v -timeout 30m

prove: ## the long forms of the tests of the outbox's known bugs, models and crashes (hours)
	@./.ci/postgres
	RISTMIK_PROVE=1 $(GO) test -count=1 -p 1 -v -timeout 12h -run 'Bug[0-9]|Model|Scenario|FirstDoor' ./outbox/... ./schedules/... ./adapters/... ./cmd/...

lint: ## formatting, vet, staticcheck, modules
	@./.ci/lint

ci: ## everything that CI does
	@./.ci/run
