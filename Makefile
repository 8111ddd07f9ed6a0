# Everything a developer does; `make` alone lists it. Needs GNU make 3.81 or newer, bash, Python 3.11 to 3.14, and PyPI.
# A recipe is one command, or a script in tools/: no feature of a newer make is used (tests/contract/test_makefile.py).
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
PYTHON_BIN := .venv/bin/python
STATE ?= .devcloud

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Environments. Each holds the packages of exactly one lock. The time of the file `.installed` in its folder shows
# whether it is newer than its lock.
ENVIRONMENT := tools/environment

.venvs/uv/.installed: requirements/lock.txt tools/install-uv
	@tools/install-uv

.venv/.installed: requirements/dev.txt .venvs/uv/.installed
	@$(ENVIRONMENT) .venv $<

.venvs/bench/.installed: requirements/bench.txt .venvs/uv/.installed
	@$(ENVIRONMENT) .venvs/bench $<

.venvs/focus/.installed: requirements/judges/focus.txt .venvs/uv/.installed
	@$(ENVIRONMENT) .venvs/focus $< "focus-validator pandasql"

.venvs/%/.installed: requirements/judges/%.txt .venvs/uv/.installed
	@$(ENVIRONMENT) .venvs/$* $<

.venvs/browser/.installed: requirements/judges/browser/package-lock.json

.venvs/browser/chromium/.unpacked: .venvs/browser/.installed tools/unpack_chromium.mjs
	@.venvs/browser/bin/node tools/unpack_chromium.mjs .venvs/browser

.venvs/client/.installed: clients/typescript/package-lock.json .venvs/browser/.installed tools/install-npm
	@tools/install-npm .venvs/client clients/typescript .venvs/browser

.PHONY: setup
setup: .venv/.installed ## Make .venv from the pinned requirements; does nothing when it is up to date

.PHONY: demo
demo: setup ## The story from credentials to costs, on a local Google Cloud
	@$(PYTHON_BIN) -m devcloud demo

.PHONY: up
up: setup ## The same cloud, left running, with curl lines to paste
	@$(PYTHON_BIN) -m devcloud demo --stay --state-dir $(STATE) $(PORT:%=--port %)

# Tests. Work is handed out by file; two workers suit two cores.
PYTEST := $(PYTHON_BIN) -m pytest -n 2 --dist loadfile --no-loadscope-reorder --tb=short

.PHONY: test
test: setup ## All tests
	@$(PYTEST) -m "not judge"

.PHONY: test-product
test-product: setup ## The tests of functions/, shared/ and configs/
	@$(PYTEST) -m "not judge" --ignore tests/devcloud

.PHONY: test-devcloud
test-devcloud: setup ## The tests of the local cloud
	@$(PYTEST) -m "not judge" tests/devcloud

.PHONY: test-hard
test-hard: setup ## All tests on one core, then with four workers on two, then in random order
	@tools/test-hard

.PHONY: lint
lint: setup ## Style, types, layers, sizes and pipeline templates
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy .
	@.venv/bin/lint-imports --no-logo --cache-dir .cache/import_linter
	@$(PYTHON_BIN) -m tools.check_tree
	@$(PYTHON_BIN) -m shared.authoring validate

# A judge is a tool or a record that others wrote. A judge with packages of its own has requirements/judges/NAME.in,
# compiled by `make lock`, and a target judge-NAME that needs .venvs/NAME/.installed. This list names every judge.
JUDGES := recorded terraform schemathesis browser install focus stores workflow

.PHONY: judge
judge: setup ## Ask all judges: SQL analyser, recorded answers, Terraform, schemathesis, browser, FOCUS, object stores, pip
	@$(PYTHON_BIN) -m tools.side_by_side $(JUDGES:%=judge-%)

PYTEST_JUDGE := $(PYTHON_BIN) -m pytest -m judge --timeout 300 --tb=short

.PHONY: judge-recorded
judge-recorded: setup ## Google's SQL analyser on every statement, and answers recorded from real BigQuery
	@$(PYTEST_JUDGE) -n 2 --dist loadfile tests/contract --ignore tests/contract/test_workflow.py

.PHONY: judge-focus
judge-focus: setup .venvs/focus/.installed .venvs/toolkit/.installed .venvs/queries/.installed ## The official FOCUS validator and use cases, and a linter of FOCUS 1.4
	@$(PYTEST_JUDGE) tests/focus

.PHONY: judge-schemathesis
judge-schemathesis: setup .venvs/schemathesis/.installed ## docs/openapi.json, and every route against it
	@.venvs/schemathesis/bin/openapi-spec-validator docs/openapi.json
	@.venvs/schemathesis/bin/python tools/openapi/check_examples.py docs/openapi.json
	@$(PYTHON_BIN) -m tools.openapi.judge .venvs/schemathesis/bin/schemathesis

.PHONY: judge-terraform
judge-terraform: setup .venvs/terraform/.installed .venvs/checkov/.installed ## Terraform, checkov, shellcheck
	@$(PYTEST_JUDGE) -n 2 --dist loadfile tests/terraform

.PHONY: judge-install
judge-install: setup .venvs/pip-oldest/.installed .venvs/pip-newest/.installed ## The oldest and the newest pip, the day after newer releases
	@$(PYTEST_JUDGE) -n 2 --dist worksteal tests/install

.PHONY: judge-stores
judge-stores: setup .venvs/stores/.installed ## S3, STS and Blob servers that others wrote, read by the product
	@$(PYTEST_JUDGE) -n 2 --dist loadfile tests/stores

.PHONY: judge-browser
judge-browser: setup .venvs/browser/chromium/.unpacked .venvs/client/.installed ## Chromium, axe and TypeScript's compiler
	@$(PYTEST_JUDGE) -n 2 --dist loadfile tests/browser

.PHONY: screenshots
screenshots: setup .venvs/browser/chromium/.unpacked ## Take the pictures of the console in docs/images again
	@$(PYTEST_JUDGE) tests/browser/test_screenshots.py
	@cp build/screenshots/*.png docs/images

.PHONY: judge-workflow
judge-workflow: setup .venvs/workflow/.installed ## actionlint on GitHub's workflow
	@$(PYTEST_JUDGE) tests/contract/test_workflow.py

.PHONY: judge-pythons
judge-pythons: setup ## Set-up, unit tests and demo under each Python from 3.11 to 3.14 that the machine has
	@tools/judge_pythons

.PHONY: openapi
openapi: setup ## Write docs/openapi.json and docs/api.md from configs, models and tools/openapi/contract
	@$(PYTHON_BIN) -m tools.openapi

.PHONY: client
client: openapi .venvs/client/.installed ## Write clients/typescript/src/schema.ts from docs/openapi.json
	@.venvs/browser/bin/node .venvs/client/node_modules/openapi-typescript/bin/cli.js docs/openapi.json --default-non-nullable=false --output clients/typescript/src/schema.ts

.PHONY: bench
bench: setup .venvs/bench/.installed ## Re-run every benchmark behind a claim about speed
	@tools/bench

.PHONY: lock
lock: .venvs/uv/.installed ## Compile every requirements.in into a closed lock; UPGRADE=--upgrade moves every pin
	@.venvs/uv/bin/python -m tools.locks $(UPGRADE)

.PHONY: clean
clean: ## Remove everything that make made: environments, caches and the local cloud's state
	@rm -rf .venv .venvs .cache .devcloud .mypy_cache .ruff_cache .pytest_cache .hypothesis build
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
