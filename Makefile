# Everything on a fresh machine with only Python 3 (3.10 to 3.13) on it. `make` alone lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CONFIG ?= configs/sample.yaml
RUN = $(BIN)/landcover

.DEFAULT_GOAL := help
.PHONY: help install demo test lint format reference docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]'
	@touch $@

install: $(VENV)/installed ## make the virtual environment and install landcover into it

demo: install ## a synthetic scene, from imagery to an assessed map, in a few minutes
	$(RUN) sample -c $(CONFIG) --overwrite
	$(RUN) prepare -c $(CONFIG) --overwrite
	$(RUN) train -c $(CONFIG) --overwrite
	$(RUN) classify data/sample/raw/holdout/m_3308502_nw_16_1_20211003.tif -c $(CONFIG) --overwrite
	$(RUN) assess -c $(CONFIG) --overwrite

test: install lint ## the linters and the tests
	$(BIN)/python -m pytest -n auto --dist worksteal

lint: install ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install ## put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: install ## write docs/reference from the code
	$(BIN)/python docs/reference.py

docs: install ## the documentation as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

clean: ## remove what the demo wrote
	rm -rf data/sample models/sample reports/sample
