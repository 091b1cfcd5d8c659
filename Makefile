# `make help` lists the targets. Everything runs from .venv, which `make setup` makes and repairs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Workers for pytest; two cores are enough for the whole suite.
JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench docs lock system-packages

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

setup: $(VENV)/.ready ## make .venv with the pinned dependencies

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole suite at work on loopback: ARGS="--once --json"
	@$(BIN)/clusterdns demo $(ARGS)

check: setup ## lint, types, layers (under a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .import_linter_cache

test: setup system-packages check ## lint, types, layers and every test
	$(BIN)/pytest -n $(JOBS) $(ARGS)

bench: setup system-packages ## side by side with unbound; prints the table that README shows
	$(BIN)/python -m bench $(ARGS)

docs: setup ## rewrite docs/flags.md, docs/limits.md and docs/metrics.md
	$(BIN)/python -m docs.generate

system-packages: # as root, installs what tests and benchmarks use; otherwise says what is missing
	@.ci/system-packages

lock: setup ## renew the lock files after a change to pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header pyproject.toml --group dev -o requirements-dev.lock
