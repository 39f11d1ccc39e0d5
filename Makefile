# One command for a working market, one for every check. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8000

.PHONY: help setup run test lint bench soak docs locales

help:  ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

$(VENV)/.done: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; say: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

setup: $(VENV)/.done  ## the environment with every dependency

.env: .env.example | $(VENV)/.done
	@$(BIN)/python -m ussd_app.first_env

run: setup .env  ## a working market with demo people, web and worker together
	@HOST=$(HOST) PORT=$(PORT) $(BIN)/flask up

test: setup lint  ## every check and test; ends with pytest's summary
	$(BIN)/python -m pytest -n 2 $(PYTEST)

lint: setup  ## style, types, every screen in every language
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/flask menus check

bench: setup  ## speed, as ratios against baselines of the same run
	$(BIN)/python -m tests.bench

docs: setup  ## renew the made parts of the documentation
	$(BIN)/python -m docs.build

locales: setup  ## collect the texts to translate and renew the catalogues
	$(BIN)/python -m locales.texts

soak: setup  ## the long runs: kills under load, many seeds
	$(BIN)/python -m pytest -m soak -n 0 tests $(PYTEST)
