# The commands of this repository; `make` alone lists them. Each sets up what it needs first.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Where `make run` keeps its data and listens; both can be given: make run LISTEN=127.0.0.1:8000
export DATA_DIR ?= .cloche/data
export LISTEN ?= 127.0.0.1:7350
# RELEASE=1 builds the optimised server; see scripts/run for why that is not the default.
export RELEASE ?=

SHELL_SCRIPTS = .ci/run $(shell grep -d skip -lE '^#!.*bash|shell=bash' scripts/*)
PYTHON_SCRIPTS = $(shell grep -rlE '^#!.*python3|^"""' scripts bench)

.PHONY: help
help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Fetch what is missing: PostgreSQL 18, and on Debian the packages a build needs
	@scripts/setup-build
	@scripts/setup-postgres

.PHONY: console
console: ## Build the web console, which the server embeds; skips what is up to date
	@scripts/build-console

.PHONY: run
run: setup console ## Start a server with a demo project of 10,000 posts; Ctrl-C stops it
	@exec scripts/run

.PHONY: demo
demo: setup console ## Show what environments are, with 100,000 records; URL=… takes a running server, POSTS=… another size, KEEP=1 keeps it
	@exec scripts/demo

.PHONY: test
test: setup console ## Run every test
	@scripts/setup-clients
	@scripts/setup-chromium
	@scripts/build-blog
	@cargo test --workspace --locked --doc --quiet
	@cargo build --locked --package cloche
	@cd console && npm run --silent test
	@# Last, so that what the run ends with is the count of the tests that matter.
	@if cargo nextest --version >/dev/null 2>&1; then \
	    cargo nextest run --workspace --locked; \
	else \
	    cargo test --workspace --locked --all-targets; \
	fi

.PHONY: proof
proof: setup console ## Attack what is promised, with all the tries there are, and count what got through
	@exec scripts/proof

.PHONY: lint
lint: console ## Check format, lints and house rules
	@scripts/setup-build
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo xtask tidy
	cd console && npm run --silent check
	@for script in $(SHELL_SCRIPTS); do bash -n $$script; done
	@python3 -c 'import ast, sys; [ast.parse(open(path).read(), path) for path in sys.argv[1:]]' $(PYTHON_SCRIPTS)
	@if command -v shellcheck >/dev/null; then shellcheck --external-sources $(SHELL_SCRIPTS); else echo "skipped: shellcheck is not installed"; fi
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check; else echo "skipped: cargo deny is not installed"; fi

.PHONY: fmt
fmt: console ## Format the code
	cargo fmt --all
	cd console && npm run --silent format

.PHONY: bench
bench: setup console ## Measure: each figure as a ratio to the raw limit, in one run
	@exec bench/run

.PHONY: screenshots
screenshots: setup console ## Take the pictures in docs/screenshots from a throw-away server
	@scripts/setup-chromium
	@cargo build --locked --package cloche
	@cd console && npm run --silent screenshots

.PHONY: clean
clean: ## Remove what was built; data in .cloche stays
	cargo clean
	rm -rf console/dist console/node_modules
