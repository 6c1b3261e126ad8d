# One command a task, the same on a laptop and in CI. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# What the Python tools look at; folders of later parts join by existing.
SOURCES := $(wildcard bench components infra operator tests tools)
MANIFESTS := $(wildcard components/*/pyproject.toml infra/*/pyproject.toml operator/pyproject.toml)
TRACKER := $(if $(wildcard tracker-js/package-lock.json),tools/setup/node npm --prefix tracker-js run --silent)

.PHONY: help
help: ## list what make can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: setup-python setup-tracker ## make .venv with the footfall command in it, build the tracker; quick when nothing changed

.PHONY: setup-python
setup-python: ## the first half of setup; PYTHON=python3.12 names another interpreter
	@PYTHON=$(PYTHON) tools/setup/environment

.PHONY: setup-tracker
setup-tracker: setup-python ## the second half of setup; Node comes from this machine, else into .venv
	@tools/setup/tracker

.PHONY: run
run: setup ## start everything on 127.0.0.1:8080 with the demo shop; data in .footfall
	@footfall up --demo --data .footfall -f examples/tenant.yaml

.PHONY: stack
stack: setup-servers ## start real Kafka and Cassandra on this machine until Ctrl-C; ARGS="--brokers 3 --nodes 3 --tls"
	@python -m tools.servers.stack $(ARGS)

.PHONY: setup-servers
setup-servers: setup-python ## jars of Kafka and Cassandra into the user's cache, where Java and Maven are here
	@python -m tools.servers.jars

.PHONY: control-plane
control-plane: setup-python ## start a real Kubernetes control plane on this machine until Ctrl-C; the first time Go builds it
	@python -m tools.kubernetes.stand $(ARGS)

.PHONY: test
test: setup setup-servers ## run every test this machine can run, and say what was skipped and why; SUITE=unit ARGS="-k word" narrows
	@python tools/setup/suites.py $(SUITE) -- $(ARGS)

.PHONY: check
check: check-requirements check-format check-lint check-types check-architecture check-dependencies check-spelling check-docs check-records check-manifests check-tracker ## all the checks below; none may warn, but for an old record

.PHONY: check-requirements
check-requirements: setup-python ## requirements/ is compiled from the present manifests
	@python tools/setup/requirements.py check

.PHONY: check-format
check-format: setup-python ## every Python file is formatted
	@ruff format --check --quiet $(SOURCES) || { ruff format --check $(SOURCES); exit 1; }

.PHONY: check-lint
check-lint: setup-python ## every rule of ruff but those that pyproject.toml excuses
	@ruff check --quiet $(SOURCES)

.PHONY: check-types
check-types: setup-python ## mypy, strict
	@mypy --no-error-summary $(SOURCES)

.PHONY: check-architecture
check-architecture: setup-python ## the import contracts in pyproject.toml
	@lint-imports --no-logo

.PHONY: check-dependencies
check-dependencies: setup-python ## each manifest names what its package imports, and no more
	@failed=0; for manifest in $(MANIFESTS); do \
	  output=$$(cd "$$(dirname "$$manifest")" && deptry --no-ansi src 2>&1) || { echo "$$manifest: $$output"; failed=1; }; \
	done; exit $$failed

.PHONY: check-spelling
check-spelling: setup-python ## words are spelled as everyone else spells them
	@typos

.PHONY: check-records
check-records: setup-python ## a record of every proof stands in bench/results; one of older code warns
	@python -m bench.kit.records

.PHONY: check-manifests
check-manifests: setup-python ## checkov and Kubernetes' own schemas over config/ and all that the operator makes
	@python -m tools.manifests.check

.PHONY: check-tracker
check-tracker: setup ## the tracker's own checks: types, lint, size
	@$(if $(TRACKER),$(TRACKER) check)

.PHONY: format
format: setup-python ## format Python and repair what ruff can
	@ruff check --fix-only --quiet $(SOURCES)
	@ruff format --quiet $(SOURCES)

.PHONY: bench
bench: setup ## measure one thing and print the figures: NAME=embedded
	@test -n "$(NAME)" || { echo "make bench NAME=x, where x is one of:" $(patsubst bench/%.py,%,$(wildcard bench/[a-z]*.py)); exit 2; }
	@python -m bench.$(NAME) $(ARGS)

.PHONY: prove
prove: setup ## run one proof that is too long for CI: NAME=faults
	@test -n "$(NAME)" || { echo "make prove NAME=x, where x is one of:" $(patsubst bench/prove/%.py,%,$(wildcard bench/prove/[a-z]*.py)); exit 2; }
	@python -m bench.prove.$(NAME) $(ARGS)

.PHONY: docs
docs: setup-python ## write the pages of docs/ that are made of code: settings, metrics, event schema
	@python -m tools.docs.generate

.PHONY: check-docs
check-docs: setup-python ## the pages that make docs writes are up to date
	@python -m tools.docs.generate --check

.PHONY: requirements
requirements: setup-python ## compile requirements/ anew from the manifests; ARGS=--upgrade takes newer versions
	@python tools/setup/requirements.py compile $(ARGS)

.PHONY: clean
clean: ## remove what setup, tests and tools left; data in .footfall stays
	@rm -rf .venv .coverage .coverage.* .reports .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache tracker-js/node_modules tracker-js/dist
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
