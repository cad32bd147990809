# Everything runs in .venv, which `make setup` builds from requirements.lock.
# Only python3 (3.11), make and a package index are needed beforehand.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast lint bench lock

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## build .venv from the lock file (hashes checked)

$(VENV)/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "make: Python 3.11 is needed, $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make setup PYTHON=python3.11" >&2; exit 2; }
	@$(PYTHON) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || \
	  { echo "make: LightGBM needs the system library libgomp1. Install it first: apt-get install libgomp1" >&2; exit 2; }
	@echo "Installing the locked packages into $(VENV) (one to two minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
# no-deps: the lock names everything; pip would look for newer releases of what has extras
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## the whole chain on simulated firms; prints where everything lies
	$(call step,simulate --out demo/world --firms 24000 --seed 7)
	$(call step,features --data demo/world --out demo/features.parquet)
	$(call step,train --data demo/world --features demo/features.parquet --trials 8)
	$(call step,simulate --out demo/new --firms 300 --seed 2)
	$(call step,score demo/new/applications.csv --signals demo/new --out demo/scored.csv)
	@printf '\nLook at it:\n'
	@echo '  demo/scored.html         the batch on one page, for any browser'
	@echo '  demo/scored.csv          scores, grades, decisions and reasons'
	@echo '  demo/world, demo/new     the simulated firms, one folder per table'
	@echo '  mlflow.db, mlartifacts/  runs and the registered champion'
	@printf 'Next:\n'
	@echo '  . $(BIN)/activate     so that firstloan and mlflow are found'
	@echo '  mlflow ui                compare the runs at http://127.0.0.1:5000'
	@echo '  docs/own-data.md         the same with your own files'

# shows the command, then runs it
step = @printf '\n$$ firstloan %s\n' '$(1)'; $(BIN)/firstloan $(1)

test: setup ## run all tests, about half an hour
	@$(BIN)/python -m pytest

test-fast: setup ## run the tests for daily work, about four minutes
	@$(BIN)/python -m pytest -m "not slow"

lint: setup ## ruff (lint and format) and mypy
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy

BENCHMARKS := simulate features training scoring cloud growth scaling

# -P: benchmarks/scoring.py must not be taken for the room of that name
bench: setup ## every bar beside its rival; about 55 minutes, figures into docs/benchmarks.md
	@missed=0; \
	  for b in $(BENCHMARKS); do \
	    printf '\n== benchmarks/%s.py\n' $$b; \
	    $(BIN)/python -P benchmarks/$$b.py --record || missed=1; \
	  done; \
	  $(BIN)/python docs/references.py; exit $$missed

lock: ## write requirements.lock anew from pyproject.toml
	@$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-annotate --no-header --all-extras pyproject.toml --output-file requirements.lock
