# Every target sets up what it needs. What is up to date is left alone: stamp files in $(VENV) are named after the content
# they stand for, so that a change of a requirements file or of the interpreter is noticed.

PYTHON ?= python3
VENV ?= .venv
# Seconds that each fuzz target runs.
FUZZ_TIME ?= 60
# Seconds of mixed load in all.
SOAK_TIME ?= 600
# Options for the program that a target runs: make demo ARGS="--bind 9000", make test PYTEST_ARGS="-k chunked".
ARGS ?=
PYTEST_ARGS ?=
# Files and folders of tests, and how many processes run them: most of their time is waiting. 0: none but pytest itself,
# which a debugger needs.
TESTS ?= tests
TEST_PROCESSES ?= auto
# CI says --locked.
CARGO_FLAGS ?=

# "3.11.7 .cpython-311-x86_64-linux-gnu.so", or nothing if there is no Python of 3.11 or later.
python-facts := $(shell $(PYTHON) -c 'import sys, sysconfig; sys.version_info < (3, 11) or \
	print(sys.version.split()[0], sysconfig.get_config_var("EXT_SUFFIX"))' 2>/dev/null)
python-version := $(word 1,$(python-facts))
python := $(VENV)/bin/python
stamp := $(VENV)/.stamp
digest = $(firstword $(shell cksum < $(1)))

python-stamp := $(stamp)-python-$(python-version)
build-stamp := $(stamp)-build-$(call digest,tools/requirements-build.txt)
test-stamp := $(stamp)-test-$(call digest,tests/requirements.txt)
lint-stamp := $(stamp)-lint-$(call digest,tools/requirements-lint.txt)
extension-stamp := $(stamp)-extension
extension := python/yett/_core$(word 2,$(python-facts))
extension-sources := Cargo.toml Cargo.lock pyproject.toml \
	$(shell find crates/proto crates/net crates/settings crates/logs crates/supervisor crates/python -name '*.rs' -o -name Cargo.toml)

# The extension module is left out: it needs an interpreter to link, and is tested from outside.
rust-packages := -p yett-proto -p yett-net -p yett-settings -p yett-logs -p yett-supervisor -p xtask

# pyo3 looks at the interpreter even where nothing is linked.
export PYO3_PYTHON ?= $(shell command -v $(PYTHON))

# A missing tool is one line: `$(call need,program,how to get it)`.
need = $(if $(shell command -v $(1)),,$(error $(1) is missing: $(2)))
need-cargo = $(call need,cargo,install Rust 1.88 or later with rustup (https://rustup.rs))
need-cc = $(call need,cc,install a C compiler (on Debian: apt install gcc libc6-dev))
need-curl = $(call need,curl,the tests use it; on Debian: apt install curl)
need-python = $(if $(python-version),,$(error Python 3.11 or later is missing: install it (on Debian: \
	apt install python3 python3-venv) or name one with PYTHON=/path/to/python))
need-venv = $(if $(shell $(PYTHON) -c 'import ensurepip, venv; print(1)' 2>/dev/null),,$(error the venv module of \
	$(PYTHON) is missing: on Debian, apt install python3-venv))

.DEFAULT_GOAL := help
.PHONY: help demo test test-rust test-python soak lint lint-rust lint-python bench instructions conformance fuzz clean
.PHONY: need-build need-test FORCE
.DELETE_ON_ERROR:

help: ## Say what there is to make
	@echo "make TARGET [PYTHON=python3] [VENV=.venv]"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: $(extension-stamp) ## Build Yett and serve the showcase on 127.0.0.1:8000
	@$(VENV)/bin/yett demo $(ARGS)

test: test-rust test-python ## Run every test

test-rust: need-build ## Run the tests of the crates
	@if cargo nextest --version >/dev/null 2>&1; then set -x; cargo nextest run $(CARGO_FLAGS) $(rust-packages); \
	else set -x; cargo test $(CARGO_FLAGS) $(rust-packages); fi

test-python: need-test $(extension-stamp) $(test-stamp) ## Run the black-box tests against the release build
	$(python) -m pytest --numprocesses $(TEST_PROCESSES) --dist loadfile $(TESTS) $(PYTEST_ARGS)

soak: need-test $(extension-stamp) $(test-stamp) ## Mixed load for SOAK_TIME seconds, every answer checked (WSGI)
	$(python) tests/soak/run.py --seconds $(SOAK_TIME) $(ARGS)

lint: lint-rust lint-python ## Check format, lints, types and the rules of the house

lint-rust: need-build
	cargo fmt --all --check
	cargo clippy $(CARGO_FLAGS) --workspace --all-targets -- -D warnings
	cargo xtask rules
	cargo xtask generate --check

lint-python: $(lint-stamp)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

bench: need-build ## Measure Yett and its peers side by side
	$(PYTHON) bench/run.py $(ARGS)

instructions: need-build ## Count the instructions of a head and of a request
	$(PYTHON) bench/instructions.py $(ARGS)

conformance: $(extension-stamp) $(test-stamp) ## Send the request corpus to a running server
	$(python) conformance/run.py $(ARGS)

fuzz: need-build ## Run each fuzz target for FUZZ_TIME seconds
	@tools/fuzz $(FUZZ_TIME)

clean: ## Remove everything that was made
	rm -rf .venv .venv-* bench/.venv bench/.venv-* target fuzz/target python/yett/_core*.so
	rm -rf .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find python tests bench conformance -name __pycache__ -type d -prune -exec rm -rf {} +

need-build:
	@$(need-cargo)$(need-cc)$(need-python):

need-test: need-build
	@$(need-curl):

# Another interpreter means another environment.
$(python-stamp): | need-build
	@$(need-venv):
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

# `| need-build` above runs on every call but makes nothing out of date.
$(build-stamp): tools/requirements-build.txt $(python-stamp)
$(test-stamp): tests/requirements.txt $(python-stamp)
$(lint-stamp): tools/requirements-lint.txt $(python-stamp)
$(build-stamp) $(test-stamp) $(lint-stamp):
	$(python) -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# The stamp has the time at which the build began: what was edited during it is newer.
$(extension-stamp): $(extension-sources) $(build-stamp) $(if $(wildcard $(extension)),,FORCE) | need-build
	@touch $@.new
	VIRTUAL_ENV=$(abspath $(VENV)) $(VENV)/bin/maturin develop --release $(CARGO_FLAGS)
	@mv $@.new $@
