# One recipe for people and for continuous integration; `make test` is all of it.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The real parts that tests talk to, and what they are called on Debian.
PROGRAMS := cc /usr/sbin/clamd curl fetchmail getmail mbsync msmtp mutt offlineimap openssl \
            pkcs11-tool /usr/sbin/postfix python3 softhsm2-util swaks tmux xmllint
PACKAGES := build-essential clamav-daemon curl fetchmail getmail6 isync libxml2-utils msmtp mutt \
            offlineimap3 opensc openssl postfix python3 python3-cryptography python3-dkim \
            python3-venv softhsm2 swaks tmux
STRICT := -D warnings -D clippy::unwrap_used -D clippy::panic -D clippy::todo -D clippy::unimplemented

.PHONY: help setup check fmt lint docs test simulate conformance bench bench-all bench-compare audit

help:
	@echo "make setup        install the Debian packages that tests use (quick when they are there)"
	@echo "make check        format, lints, documentation, core's tests, tidy, a short fuzz"
	@echo "make test         setup, format, lints, documentation, and every test with its real parts"
	@echo "make simulate     two providers simulated from seeds that nobody has tried yet, 20000 of them"
	@echo "make conformance  the requirements of RFC 6109, one by one: pass or fail"
	@echo "make bench        how fast: criterion, and the whole chain under load"
	@echo "make bench-all    every row beside its target and its peers, as root on a quiet machine"
	@echo "make bench-compare BASE=<git reference>  the rooms of a message by instructions, two builds"
	@echo "make audit        licences, bans and advisories (needs cargo-deny)"

setup:
	@missing=; \
	for program in $(PROGRAMS); do command -v $$program >/dev/null || missing+=" $$program"; done; \
	python3 -c 'import cryptography' 2>/dev/null || /usr/bin/python3 -c 'import cryptography' \
	  2>/dev/null || missing+=" python3-cryptography"; \
	/usr/bin/python3 -c 'import dkim' 2>/dev/null || missing+=" python3-dkim"; \
	python3 -c 'import ensurepip' 2>/dev/null || missing+=" python3-venv"; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	echo "missing:$$missing"; \
	sudo=; if [ "$$(id -u)" != 0 ]; then sudo=sudo; fi; \
	$$sudo apt-get update -qq; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(PACKAGES)
	@$(MAKE) --no-print-directory target/peers/ready

# A mail library that not every release of Debian has.
target/peers/ready:
	@python3 -m venv target/peers
	@target/peers/bin/pip install --quiet --disable-pip-version-check imapclient==4.1.0
	@touch $@

check: fmt lint docs
	cargo test --quiet -p ceralacca-core --lib
	cargo test --quiet -p ceralacca-tests --test tidy --test fuzz

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --quiet --workspace --all-targets -- $(STRICT)

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --document-private-items

# Doc tests first: the output ends with the summary of the runner that ran everything else.
test: setup fmt lint docs
	cargo test --quiet --workspace --doc
	@if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --workspace; \
	else \
	  cargo test --workspace --lib --bins --tests; \
	fi

# A seed that fails is printed with the command that repeats it.
simulate:
	CERALACCA_SEEDS=$${CERALACCA_SEEDS:-20000} \
	CERALACCA_SEEDS_FROM=$${CERALACCA_SEEDS_FROM:-$$(date +%s)} \
	  cargo test -p ceralacca-tests --test simulation

conformance:
	cargo run --quiet -p ceralacca-tests --bin conformance

bench:
	cargo bench -p ceralacca-bench
	cargo run --quiet --release -p ceralacca-bench -- chain

bench-all:
	cargo build --quiet --release -p ceralacca-bench
	@mkdir -p bench/results
	@file=bench/results/$$(date -u +%Y-%m-%dT%H%M).json; \
	target/release/ceralacca-bench all --out $$file && echo "written: $$file"

# Instructions do not depend on what else the machine does. PROFILE=dev is quicker to build.
PROFILE ?= release
BUILT = target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/ceralacca-bench
bench-compare:
	@test -n "$(BASE)" || { echo "make bench-compare BASE=<git reference>"; exit 2; }
	@command -v valgrind >/dev/null || { echo "valgrind is not here: apt-get install valgrind"; exit 2; }
	@mkdir -p target/compare
	@git worktree remove --force target/compare/base 2>/dev/null || true
	@git worktree add --quiet --detach target/compare/base $(BASE)
	CARGO_TARGET_DIR=$(CURDIR)/target cargo build --quiet --profile $(PROFILE) \
	  --manifest-path target/compare/base/Cargo.toml -p ceralacca-bench
	@cp $(BUILT) target/compare/base-bench
	@git worktree remove --force target/compare/base
	cargo build --quiet --profile $(PROFILE) -p ceralacca-bench
	@$(BUILT) rooms --against target/compare/base-bench

audit:
	@cargo deny --version >/dev/null 2>&1 || cargo install --locked cargo-deny
	cargo deny --config .cargo/deny.toml check
