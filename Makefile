# Fairlead. `make run` shows the whole loop; `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CARGO ?= cargo

.PHONY: help run demo-reset test check fmt openapi clients contract-test prove-kills prove-outage prove-group bench

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

run: ## build, start everything, play one deal from won to paid, stay up (Ctrl-C stops)
	$(CARGO) build --profile quick --locked -p fairlead
	target/quick/fairlead demo --data ./data

demo-reset: ## forget everything that `make run` has done
	rm -rf ./data

test: ## all tests; those that need PostgreSQL say so and are skipped where FAIRLEAD_TEST_POSTGRES is not set
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace --locked --no-fail-fast; \
	 else $(CARGO) test --workspace --locked --no-fail-fast; fi

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

# Built as `make test` builds it: what is there is not built again.
prove-kills: ## kill -9 the binaries under load, then compare what the vendors hold (KILLS=20 ENTRIES=500 SEED=n)
	$(CARGO) build --workspace --bins --tests --locked
	target/debug/prove-kills --kills $(or $(KILLS),20) --entries $(or $(ENTRIES),500) $(if $(SEED),--seed $(SEED))

prove-outage: ## the ERP down under load: calls in vain, and how soon all is done (MINUTES=10)
	OUTAGE_SECONDS=$$(( $(or $(MINUTES),1) * 60 )) $(CARGO) test --locked -p end-to-end --test it -- --nocapture outage::

prove-group: ## many entries that wait for one mapping: one group, one fix, each posted once (ENTRIES=50000)
	GROUP_ENTRIES=$(or $(ENTRIES),5000) $(CARGO) test --locked -p end-to-end --test it -- --nocapture groups::

bench: ## how fast the engine is on this machine
	$(CARGO) run --release --locked -p process-engine --example throughput
