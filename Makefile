# The words of this project: make demo, make test, make check. CI says the same words.
PYTHON ?= python3.11
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test unit e2e faults check format install install-dev clean

demo: $(VENV)/.installed  ## install, run the quickstart, say where the report is
	$(BIN)/leaven run quickstart

test: $(VENV)/.installed-dev  ## every test: unit, then whole studies on the embedded world
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

unit: $(VENV)/.installed-dev  ## the fast tests alone
	$(BIN)/python -m pytest -m "not e2e"

e2e: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m e2e

faults: $(VENV)/.installed-dev  ## harm the quickstart's run in every way (hours); docs/reliability.md
	$(BIN)/python tests/faults/campaign.py --study quickstart --kills 100 --seed 0 --out docs/faults/quickstart.json

check: $(VENV)/.installed-dev  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install --quiet --constraint constraints.txt --editable ".[dev,deepspeed,openai,serving]"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
