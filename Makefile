# Adjoin. Needs make and Python 3.11 or newer; everything else comes from PyPI into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
MEMBERS := $(sort $(dir $(wildcard core/pyproject.toml plugins/*/pyproject.toml dashboard/pyproject.toml)))
PACKAGES := adjoin adjoin-dashboard $(patsubst plugins/%/,adjoin-%,$(filter plugins/%,$(MEMBERS)))
# Every command starts in a third of the time when the packages are compiled once, at install.
export UV_COMPILE_BYTECODE := 1
# What an operator's shell has set must not reach the demo or the tests.
CLEAN_ENV := env -u PYTHONPATH -u VIRTUAL_ENV

.PHONY: help demo test soak check fmt lock clean install

help:  ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

demo: install  ## Do the main job on sandboxes and serve the dashboard (ARGS=--no-serve ends before that)
	@$(CLEAN_ENV) $(BIN)/adjoin demo $(ARGS)

test: install  ## Run all tests (ARGS=... goes to pytest)
	@$(CLEAN_ENV) $(BIN)/python -m pytest $(ARGS)

soak: install  ## Kill, freeze and starve real processes at random for SECONDS=600 (SEED=... repeats a round)
	@$(CLEAN_ENV) $(BIN)/python tests/faults/soak.py --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

check: install  ## Lint, types, import rules
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fmt: install  ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

lock: install  ## Renew requirements.lock: newest versions, with hashes
	@$(BIN)/uv pip compile --quiet --upgrade --universal --generate-hashes --python-version 3.11 \
	  --no-header --no-emit-index-url --no-annotate $(PACKAGES:%=--no-emit-package %) \
	  --extra postgres --group pyproject.toml:dev --group pyproject.toml:vendors -o requirements.lock $(MEMBERS:%=%pyproject.toml)

clean:  ## Remove what was built (.venv, caches); keeps .adjoin, the data
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache test-artifacts dist
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +

install: .venv/installed

.venv/installed: requirements.lock $(MEMBERS:%=%pyproject.toml) | $(BIN)/uv
	@echo "installing the pinned packages into .venv"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@$(BIN)/python -m compileall -q $(MEMBERS:%=%src)
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Adjoin needs Python 3.11 or newer and '$(PYTHON)' is not; install it, or run make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "Python's venv is missing here; install it: apt-get install -y python3-venv" >&2; exit 1; }
	@echo "making .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
