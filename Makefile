# Every target says after ## what it does; `make help` prints that.

PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
SOURCES := $(shell find src -name '*.py' 2>/dev/null) pyproject.toml constraints.txt

# Tests that compare with docker, podman and skopeo need them. A CI machine gets them; yours only if you ask: PEERS=1.
ifneq ($(or $(CI),$(PEERS)),)
INSTALL_FLAGS := --peers
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test lint types docs bench fuzz clean

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-9s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Make .venv with a compiled boxwright and the tools; install missing system packages

$(VENV)/.installed: $(SOURCES) tools/install
	@PYTHON="$(PYTHON)" tools/install $(INSTALL_FLAGS)
	@touch $@

demo: install ## Play the whole story: build, run, commit, push, pull
	@tools/demo

test: install lint types ## Run lint, types and all tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 $(PYTEST_FLAGS)

lint: install ## Check the style and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

types: install ## Check the types
	@$(BIN)/mypy

docs: install ## Make the reference of commands and rules from the code
	@$(BIN)/python tools/reference.py

bench: install ## Measure beside docker, podman and BuildKit, where they are installed
	@$(BIN)/python tools/bench.py
	@$(BIN)/python tools/bench_registry.py

fuzz: install ## Throw random input at the parsers for a minute each
	@for target in tests/fuzz/fuzz_*.py; do $(BIN)/python $$target 60; done

clean: ## Remove .venv and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
