# Every target works on a fresh clone: .venv is made when it is missing.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TALLY := $(abspath $(VENV))/torture.jsonl
PROJECTS := dsm-core/pyproject.toml dsm-binance/pyproject.toml dsm-tradestation/pyproject.toml requirements-dev.txt

.DEFAULT_GOAL := help
.PHONY: help demo test torture check fix docs clean

help:  ## Show this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## Run the main job on the embedded emulator; no network needed
	@$(BIN)/dsm demo

test: $(STAMP)  ## Run all tests, a file at a time on each core
	@$(BIN)/python -m pytest -q -n auto --dist loadfile

torture: $(STAMP)  ## Faults by the million, under an hour; a table of what was survived at the end
	@rm -f $(TALLY)
	@DSM_TORTURE=full DSM_TORTURE_TALLY=$(TALLY) $(BIN)/python -m pytest -q -n 2 --dist worksteal tests/torture; \
	status=$$?; PYTHONPATH=tests $(BIN)/python -m torture.report $(TALLY) && exit $$status

check: $(STAMP)  ## The one gate: format, lint, types, import layers, tests, docs' code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory test

fix: $(STAMP)  ## Format and mend what a tool can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

docs: $(STAMP)  ## Run the code of README and docs
	@$(BIN)/python -m pytest -q tests/docs

clean:  ## Remove the environment and caches
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

$(STAMP): $(PROJECTS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@
