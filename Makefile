# Fairlead. `make run` shows the whole loop; `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo
# How `prove-kills` and `prove-seeds` are built: as `make test` builds, so that nothing is built twice, or with
# PROFILE=release, which takes longer to build and plays several times as fast.
PROFILE ?= dev
BUILD_ALL := build --workspace --bins --locked $(if $(filter dev,$(PROFILE)),--tests,--profile $(PROFILE))
BUILT := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
# Where Tryton is installed, and what is kept of a demonstration with it; on PostgreSQL both are others.
TRYTON := .tryton$(if $(TRYTON_DATABASE_URI),-postgresql)
TRYTON_DATA := ./data-tryton$(if $(TRYTON_DATABASE_URI),/postgresql)

# One story of tests/it, built as `make test` builds it where nextest is there, with what it prints.
define story
if $(CARGO) nextest --version >/dev/null 2>&1; then \
 $(CARGO) nextest run --workspace --locked --no-capture -E 'package(end-to-end) & test(/^$(1)::/)'; \
 else $(CARGO) test --locked -p end-to-end --test it -- --nocapture $(1)::; fi
endef

.PHONY: help run run-tryton demo-reset test test-tryton check fmt openapi clients contract-test prove-kills prove-seeds prove-outage prove-group bench

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: ## build, start everything, play one deal from won to paid, stay up (Ctrl-C stops)
	$(CARGO) build --profile quick --locked -p fairlead
	target/quick/fairlead demo --data ./data

run-tryton: ## the same with a real ERP, Tryton, instead of emulated NetSuite (TRYTON_DATABASE_URI: its PostgreSQL server)
	scripts/tryton/install $(TRYTON)
	if command -v npm >/dev/null; then scripts/tryton/web-client/install $(TRYTON); fi
	$(CARGO) build --profile quick --locked -p fairlead
	target/quick/fairlead demo --data $(TRYTON_DATA) --tryton $(TRYTON)

demo-reset: ## forget everything that `make run` and `make run-tryton` have done (in files)
	rm -rf ./data ./data-tryton

test: ## all tests; those that need PostgreSQL say so and are skipped where FAIRLEAD_TEST_POSTGRES is not set
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace --locked --no-fail-fast; \
	 else $(CARGO) test --workspace --locked --no-fail-fast; fi

test-tryton: ## the connector and the whole loop against a real Tryton (needs Python, network once)
	scripts/tryton/install .tryton
	@export FAIRLEAD_TEST_TRYTON="$(CURDIR)/.tryton"; if $(CARGO) nextest --version >/dev/null 2>&1; then \
	 $(CARGO) nextest run --workspace --locked --no-fail-fast -E 'package(tryton-connector) | (package(end-to-end) & test(/^tryton::/))'; \
	 else $(CARGO) test --locked -p tryton-connector && $(CARGO) test --locked -p end-to-end tryton::; fi

check: ## formatter and lints, as errors
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

fmt: ## format the code
	$(CARGO) fmt --all

openapi: ## write openapi/ from the code (the tests compare)
	UPDATE_CONTRACTS=1 $(CARGO) test --workspace --exclude end-to-end --locked --tests contract

clients: ## third-party client libraries against the twins
	tests/clients/run

contract-test: ## Schemathesis over every contract
	tests/contracts/run

prove-kills: ## kill -9 the binaries under load, then compare what the vendors hold (KILLS=20 ENTRIES=500 SEED=n)
	$(CARGO) $(BUILD_ALL)
	$(BUILT)/prove-kills --kills $(or $(KILLS),20) --entries $(or $(ENTRIES),500) $(if $(SEED),--seed $(SEED))

prove-seeds: ## play the simulation with many seeds; DEFECTS=n also looks for planted defects (SEEDS=300 FIRST=1)
	$(CARGO) $(BUILD_ALL)
	$(BUILT)/prove-seeds --seeds $(or $(SEEDS),300) --first $(or $(FIRST),1) --defects $(or $(DEFECTS),0)

prove-outage: ## the ERP down under load: calls in vain, and how soon all is done (MINUTES=10)
	@export OUTAGE_SECONDS=$$(( $(or $(MINUTES),1) * 60 )); $(call story,outage)

prove-group: ## many entries that wait for one mapping: one group, one fix, each posted once (ENTRIES=50000)
	@export GROUP_ENTRIES=$(or $(ENTRIES),5000); $(call story,groups)

bench: ## how fast the engine is on this machine
	$(CARGO) run --release --locked -p process-engine --example throughput
