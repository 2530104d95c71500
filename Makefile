# Two commands for newcomers: `make demo` and `make test`. They need Python 3.11 or newer and nothing else.

VENV := .venv
BIN := $(VENV)/bin
CORES ?= 2
COVERED := factors derive model workflow

# the first interpreter that runs and is new enough; `make PYTHON=python3.11 ...` chooses another
ifndef PYTHON
PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
    $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo check test test-landcover test-fast test-faults test-all-pythons docs bench clean

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(VENV)/.core $(VENV)/.test $(VENV)/.lint $(VENV)/.docs  ## make .venv with everything for development

demo: $(VENV)/.core  ## the main job on the packaged real data
	$(BIN)/soilloss demo

check: $(VENV)/.test $(VENV)/.lint  ## style, types, import rules, spelling, dependencies
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell
	$(BIN)/deptry src

test: $(VENV)/.test  ## all tests, with the coverage that is promised
	$(BIN)/pytest -n $(CORES) $(COVERED:%=--cov=soilloss.%) --cov-report=term:skip-covered --cov-fail-under=95

test-landcover: $(VENV)/.landcover  ## the tests of land cover mapping; adds torch to .venv
	OMP_NUM_THREADS=1 $(BIN)/pytest -n $(CORES) tests/landcover tests/workflow/test_landcover.py \
	    tests/test_landcover.py src/soilloss/landcover

test-fast: $(VENV)/.test  ## tests of the rooms that differ from the last commit, and the contracts
	$(BIN)/pytest -q tests/contracts $$(git status --porcelain -- src/soilloss tests | cut -c4- \
	    | sed -n 's#^src/soilloss/\([a-z_]*\)\.py#tests/test_\1.py#p; s#^src/soilloss/\([a-z_]*\)/.*#tests/\1#p; s#^tests/\([a-z_]*\)/.*#tests/\1#p' \
	    | sort -u | while read -r path; do [ ! -e "$$path" ] || echo "$$path"; done)

test-faults: $(VENV)/.test  ## fetching against a failing server, 200 seeds for each product
	SOILLOSS_FAULTS=200 $(BIN)/pytest -q -n $(CORES) tests/workflow/test_faults.py

test-all-pythons:  ## the tests on each of Python 3.11, 3.12 and 3.13 that this machine has
	@for v in 3.11 3.12 3.13; do \
	    for p in python$$v $$HOME/.pyenv/versions/$$v*/bin/python; do \
	        $$p -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "'$$v'")' 2>/dev/null || continue; \
	        echo "== Python $$v"; $(MAKE) test VENV=build/venv-$$v PYTHON=$$p || exit 1; continue 2; \
	    done; echo "== Python $$v is not here: skipped"; \
	done

docs: $(VENV)/.docs  ## the documentation; warnings are errors
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo docs/_build/html/index.html

bench: $(VENV)/.core  ## run the benchmarks
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

clean:  ## remove what make made (not your results)
	rm -rf $(VENV) build dist docs/_build docs/reference/generated .pytest_cache .ruff_cache .coverage*

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "soilloss needs Python 3.11 or newer, and none was found; install one, or: make PYTHON=/path/to/python"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing into $(VENV) (once; under a minute on a usual line)"
	$(BIN)/python -m pip install -qq -c constraints.txt -e .
	@touch $@

# torch first and by its version: without it pip may choose a build with gigabytes of graphics libraries
$(VENV)/.landcover: $(VENV)/.test
	$(BIN)/python -m pip install -qq torch==2.13.0
	$(BIN)/python -m pip install -qq -c constraints.txt -e '.[landcover]'
	@touch $@

# .test, .lint, .docs: one per dependency group of pyproject.toml
$(VENV)/.test $(VENV)/.lint $(VENV)/.docs: $(VENV)/.core
	$(BIN)/python -m pip install -qq -c constraints.txt --group $(patsubst .%,%,$(notdir $@))
	@touch $@
