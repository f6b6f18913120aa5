# Everything sets itself up in .venv; the first call of any target takes a few minutes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two processes that share two cores must not both run threads of torch on them.
WORKERS ?= 2

.PHONY: help demo study test test-slow test-soak check format bench docs clean
help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dyml needs Python 3.11 or newer; say which with PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing the core into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/serve: $(VENV)/core
	@echo "installing the search service into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[serve]'
	@touch $@

$(VENV)/dev: $(VENV)/core
	@echo "installing the tools for tests into $(VENV) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: $(VENV)/serve  ## train on built-in glyphs, judge on characters never seen (2 to 5 minutes)
	@$(BIN)/dyml demo

DATA ?= ../shared/data
BUDGET ?= short
study: $(VENV)/core  ## train every loss alike, write docs/results.md (hours; goes on after a stop)
	OMP_NUM_THREADS=1 $(BIN)/dyml study --budget $(BUDGET) $(if $(wildcard $(DATA)),--data $(DATA),--sets glyphs)

test: $(VENV)/dev  ## the fast tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup

test-slow: $(VENV)/dev  ## the tests that train for real
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup -m slow

test-soak: $(VENV)/dev  ## kill galleries and ask the service at length (some 20 minutes)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadgroup -m soak --timeout 1800

check: $(VENV)/dev  ## format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/dev  ## put the format right
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/dev  ## measure against the targets, side by side (some minutes)
	$(BIN)/python benchmarks/cross_scale.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/losses.py
	$(BIN)/python benchmarks/search.py

docs: $(VENV)/dev  ## run every code block of README and docs, and check their links
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q tests/test_docs.py

clean:  ## remove what the other targets made
	rm -rf $(VENV) runs build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
