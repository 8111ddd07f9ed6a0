# Everything a developer does; `make` alone lists it. Needs GNU make, bash, Python 3.11 or newer, and PyPI.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
STATE ?= .devcloud

# $(call environment,FOLDER,REQUIREMENTS,PIP OPTIONS): a virtual environment with exactly these packages.
define environment
python="$$(tools/find-python)"
echo "Setting up $(1) from $(2); the first time takes a minute or two."
test -x $(1)/bin/python || "$$python" -m venv $(1)
$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes $(3) -r $(2)
touch $(1)/.installed
endef

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: .venv/.installed ## Make .venv from the pinned requirements; does nothing when it is up to date

.venv/.installed: requirements-dev.txt
	@$(call environment,.venv,$<)

.PHONY: demo
demo: setup ## The story from credentials to costs, on a local Google Cloud
	@$(BIN)/python -m devcloud demo

.PHONY: up
up: setup ## The same cloud, left running, with curl lines to paste
	@$(BIN)/python -m devcloud demo --stay --state-dir $(STATE)

.PHONY: test
test: setup ## All tests
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not judge" --tb=short

.PHONY: lint
lint: setup ## Style, types, layers, sizes and pipeline templates
	@$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports --no-logo --cache-dir .cache/import_linter
	$(BIN)/python -m tools.check_tree
	$(BIN)/python -m shared.pipeline validate

# A judge is something nobody here wrote. One that wants packages of its own gets requirements-judge-NAME.in,
# compiled by `make lock`, a target judge-NAME that needs .venvs/NAME/.installed, and a word in this list.
JUDGES := focus recorded schemathesis terraform

.PHONY: judge
judge: setup ## Ask Google's SQL analyser, answers recorded from real BigQuery, and schemathesis
	@$(MAKE) -j 2 --output-sync=target $(JUDGES:%=judge-%)

.PHONY: judge-recorded
judge-recorded: setup
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m judge --ignore tests/terraform --ignore tests/focus --timeout 300 --tb=short

.PHONY: judge-focus
judge-focus: setup .venvs/focus/.installed
	@$(BIN)/python -m pytest -m judge tests/focus --timeout 300 --tb=short

.PHONY: judge-schemathesis
judge-schemathesis: setup .venvs/schemathesis/.installed
	@.venvs/schemathesis/bin/openapi-spec-validator docs/openapi.json
	.venvs/schemathesis/bin/python tools/openapi/check_examples.py docs/openapi.json
	$(BIN)/python -m tools.openapi.judge .venvs/schemathesis/bin/schemathesis

.PHONY: judge-terraform
judge-terraform: setup .venvs/terraform/.installed .venvs/checkov/.installed
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m judge tests/terraform --timeout 300 --tb=short

PIP_OPTIONS_focus := --ignore-requires-python
# Thousands of modules of which few are ever imported.
PIP_OPTIONS_schemathesis := --no-compile
PIP_OPTIONS_terraform := --no-compile
PIP_OPTIONS_checkov := --no-compile
.venvs/%/.installed: requirements-judge-%.txt
	@mkdir -p .venvs
	$(call environment,.venvs/$*,$<,$(PIP_OPTIONS_$*))

.PHONY: openapi
openapi: setup ## Write docs/openapi.json anew from configs, models and the words of tools/openapi
	@$(BIN)/python -m tools.openapi

.PHONY: bench
bench: setup .venvs/bench/.installed ## Re-run every benchmark behind a claim about speed
	@for script in benchmarks/[a-z]*.py; do
	  echo "== $$script"
	  $(BIN)/python -m "benchmarks.$$(basename "$$script" .py)"
	done

.venvs/bench/.installed: requirements-bench.txt
	@mkdir -p .venvs
	$(call environment,.venvs/bench,$<)

.venvs/lock/.installed: requirements-lock.txt
	@mkdir -p .venvs
	$(call environment,.venvs/lock,$<)

# UPGRADE=--upgrade moves every pin; without it only what the .in files changed moves. Functions get the root's pins.
COMPILE = .venvs/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url
REQUIREMENTS := requirements.in $(filter-out requirements.in,$(wildcard requirements*.in))

.PHONY: lock
lock: .venvs/lock/.installed ## Compile every requirements.in into pinned and hashed requirements
	@for wanted in $(REQUIREMENTS) $(wildcard functions/*/requirements.in); do
	  options="--python-version 3.11"
	  if [[ $$wanted == *-focus.in ]]; then options="--python-version 3.12"; fi  # what the validator asks for
	  if [[ $$wanted == functions/* ]]; then options+=" --constraints requirements.txt"; fi
	  echo "$$wanted"
	  $(COMPILE) $$options $(UPGRADE) "$$wanted" --output-file "$${wanted%.in}.txt"
	done

.PHONY: clean
clean: ## Remove everything that make made: environments, caches and the local cloud's state
	@rm -rf .venv .venvs .cache .devcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
