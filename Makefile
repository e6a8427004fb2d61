# `make` alone lists the tasks. Needed: Python 3.11 or newer, make, PyPI or a mirror.

PYTHON ?= python3
# Where it is set, each of the many processes of a run compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE
ARGS ?=

BIN := .venv/bin
PIP_FLAGS := -qq --disable-pip-version-check --no-input
UV_VERSION := 0.13.8

# The rooms without I/O, as far as they exist: their coverage must be 100 %.
PURE := $(foreach room,contract graph accounts world,\
	$(patsubst %,%/*,$(wildcard src/guanxi/$(room))) $(wildcard src/guanxi/$(room).py))

empty :=
space := $(empty) $(empty)
comma := ,
PURE_LIST := $(subst $(space),$(comma),$(strip $(PURE)))

.DEFAULT_GOAL := help
.PHONY: help setup docs docs-serve stranger plugins others-if-possible demo clients bench test test-citus test-long \
	kills fuzz soak lint format types imports generate screenshots lock clean \
	secrets audit sbom release-check workflows mutants

# The tasks by use: a line `##@ USE` begins a group; a description wraps at 80 columns.
help:
	@awk 'BEGIN {FS = ":.*## "} \
		/^##@ / {printf "%s%s\n", gap, substr($$0, 5); gap = "\n"} \
		/^[a-z-]+:.*## / {line = sprintf("  make %-14s", $$1); count = split($$2, words, " "); \
			for (i = 1; i <= count; i++) { \
				if (length(line) + 1 + length(words[i]) > 80) {print line; line = sprintf("%21s", "")} \
				line = line " " words[i]} \
			print line}' Makefile
	@echo
	@echo "ARGS=... is handed on:  make test ARGS='-k block', make demo ARGS='--port 9000'"
	@echo "PYTHON=... is used:     make setup PYTHON=python3.13"

##@ Start

# Each environment has a stamp file, so that nothing is installed twice.
# Those of one lock file each; what needs more has a rule of its own.
.venv-%/.locked: requirements/%.lock
	@echo "setting up .venv-$*"
	@{ $(PYTHON) -m venv .venv-$* && .venv-$*/bin/python -m pip install $(PIP_FLAGS) \
		--require-hashes -r $<; } || { rm -rf .venv-$*; exit 1; }
	@touch $@

setup: .venv/.installed ## create .venv from the lock file, with guanxi in it
	@:

.venv/.locked: requirements/dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "guanxi needs Python 3.11 or newer; '$(PYTHON)' is older or missing." >&2; \
		echo "Name another: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.13" >&2; exit 1; }
	@echo "setting up .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes -r requirements/dev.lock
	@touch $@

.venv/.installed: .venv/.locked pyproject.toml
	@$(BIN)/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## start a service with a small world, show the SDK at work
	@GUANXI_MAKE=demo exec $(BIN)/guanxi demo $(ARGS)

##@ Test

# $(call shared,COMMAND): run the tests in five runs that share the files (tests/claims.py), as two
# leave processors idle while they wait; print the logs of the other four when all are done, then
# the slowest twenty tests of all.
define shared
	@folder=$$(mktemp -d) || exit 1; trap 'rm -rf "$$folder"' EXIT; mkdir "$$folder/claims"; \
	run() { $(1) -p tests.claims --claims="$$folder/claims" --begin=$$1 \
		-o console_output_style=classic; }; \
	others=; for one in second third fourth last; do \
		run $$one >"$$folder/$$one.log" 2>&1 & others="$$others $$!"; done; \
	run first; failed=$$?; \
	for one in $$others; do wait $$one || failed=1; done; \
	cat "$$folder"/*.log; echo; echo "the slowest twenty, in seconds:"; \
	cat "$$folder"/claims/*.seconds | sort -rn | head -n 20; exit $$failed
endef

test: setup others-if-possible ## run the tests in their short form (minutes)
ifeq ($(strip $(ARGS)),)
	$(call shared,GUANXI_TEST=short $(BIN)/python -m pytest -m "not long")
else
	GUANXI_TEST=short $(BIN)/python -m pytest -m "not long" $(ARGS)
endif

# tools/cluster starts three nodes in CLUSTER, unless GUANXI_TEST_POSTGRES names a coordinator.
CLUSTER ?= /tmp/guanxi-citus
test-citus: setup ## run the tests of stores on Citus: a cluster of tools/cluster, or a named one
ifeq ($(GUANXI_TEST_POSTGRES),)
	@address=$$(bash tools/cluster start $(CLUSTER)) || exit 1; \
	trap 'bash tools/cluster stop $(CLUSTER)' EXIT; \
	GUANXI_TEST_POSTGRES=$$address GUANXI_TEST_CLUSTER=$(CLUSTER) GUANXI_TEST=short \
		$(BIN)/python -m pytest -m "not long" -k "not sqlite" $(or $(ARGS),tests/stores tests/history/test_citus.py)
else
	GUANXI_TEST=short $(BIN)/python -m pytest -m "not long" -k "not sqlite" $(or $(ARGS),tests/stores tests/history/test_citus.py)
endif

test-long: setup stranger plugins ## run every test in its long form, under coverage
	@rm -f .coverage .coverage.*
ifeq ($(strip $(ARGS)),)
	$(call shared,GUANXI_TEST=long $(BIN)/python -m coverage run -m pytest)
else
	GUANXI_TEST=long $(BIN)/python -m coverage run -m pytest $(ARGS)
endif
	@$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report
ifneq ($(PURE_LIST),)
	@echo "the rooms without I/O, which need 100 %:"
	$(BIN)/python -m coverage report --include='$(PURE_LIST)' --fail-under=100
endif

kills: setup ## kill 1,000 writers, and a service 50 times (minutes)
	GUANXI_TEST=long GUANXI_TEST_KILLS=50 $(BIN)/python -m pytest tests/service/test_services_killed.py \
		tests/stores/test_kills.py::test_a_thousand_killed_writers_lose_nothing $(ARGS)

# atheris chooses the inputs by what code they reach; where it cannot be installed, Hypothesis does.
.venv-fuzz/.locked: requirements/fuzz.lock
	@echo "setting up .venv-fuzz"
	@rm -rf .venv-fuzz
	@$(BIN)/python -m pip install $(PIP_FLAGS) --require-hashes --target .venv-fuzz \
		-r requirements/fuzz.lock || { rm -rf .venv-fuzz; exit 1; }
	@touch $@

fuzz: setup ## try nearly valid bytes on every parser for ten minutes
	@$(MAKE) --no-print-directory .venv-fuzz/.locked || echo "no atheris: by Hypothesis alone" >&2
	PYTHONPATH=$(CURDIR):$(CURDIR)/.venv-fuzz $(BIN)/python -m tests.fuzz $(ARGS)

clients: setup ## send a demo what curl, requests, Node and Java send
	@exec $(BIN)/python -m tools.clients $(ARGS)

soak: setup ## load a service for ten minutes (ARGS='MINUTES STORE')
	PYTHONPATH=src $(BIN)/python -m tools.soak $(ARGS)

stranger: .venv-stranger/.locked ## create .venv-stranger: a client that others wrote
	@:

plugins: .venv-plugins/.installed ## create .venv-plugins: guanxi and plugins of pytest
	@:

.venv-plugins/.installed: requirements/plugins.lock pyproject.toml
	@echo "setting up .venv-plugins"
	@{ $(PYTHON) -m venv .venv-plugins && \
		.venv-plugins/bin/python -m pip install $(PIP_FLAGS) --require-hashes \
			-r requirements/plugins.lock && \
		.venv-plugins/bin/python -m pip install $(PIP_FLAGS) --no-deps --no-build-isolation -e .; } || \
		{ rm -rf .venv-plugins; exit 1; }
	@touch $@

# Without them the tests of these marks are skipped, with a message. Under CI they must run. Some
# tests alone (ARGS) are the loop to work in: they use the environments that are there.
others-if-possible:
ifeq ($(if $(CI),,$(strip $(ARGS))),)
	@for one in stranger plugins; do \
		$(MAKE) --no-print-directory $$one || { \
			if [ -n "$$CI" ]; then exit 1; fi; \
			echo "no .venv-$$one: the tests that need it will be skipped" >&2; }; \
	done
endif

##@ Check

lint: setup ## check style, formatting and words
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m tools.words

format: setup ## fix style and formatting
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## check types
	$(BIN)/mypy src tests $(wildcard tools) bench

imports: setup ## check which room imports which
	GUANXI_TEST=short $(BIN)/python -m pytest -m "not long" tests/test_house.py $(ARGS)

secrets: setup ## search the history for keys and tokens
	$(BIN)/python -m tools.secrets $(ARGS)

AUDIT_VERSION := 2.10.1

.venv-audit/.locked: Makefile
	@$(PYTHON) -m venv .venv-audit
	@.venv-audit/bin/python -m pip install $(PIP_FLAGS) "pip-audit==$(AUDIT_VERSION)"
	@touch $@

# Each lock has every version with its hashes: pip-audit needs to resolve and to download nothing.
# Without --strict it skips a package that it cannot look up, and ends as if that were safe.
audit: .venv-audit/.locked ## look up advisories against the locked versions
	@for lock in image dev; do \
		.venv-audit/bin/pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
			-r requirements/$$lock.lock $(ARGS) 2>.venv-audit/log; status=$$?; \
		if grep -qE 'ConnectionError|ServiceError|Timeout|could not be audited' .venv-audit/log; then \
			echo "NOT AUDITED: $$lock.lock: the advisories could not be reached:" >&2; \
			tail -n 1 .venv-audit/log >&2; exit 2; \
		fi; \
		cat .venv-audit/log >&2; [ $$status -eq 0 ] || exit 1; \
	done

workflows: .venv-forge/.locked ## check the workflows of the forge
	.venv-forge/bin/zizmor --offline --no-progress .github

mutants: setup ## change the code at random: does a test fail? (hours)
	$(BIN)/python -m tools.mutants $(ARGS)

##@ Measure

# guanxi runs from src, so that the checked-out code is measured.
bench: .venv-bench/.locked ## compare with bare parts and peers (ARGS=--quick)
	PYTHONPATH=src .venv-bench/bin/python -m bench $(ARGS)

##@ Document

docs: setup .venv-docs/.locked ## build the site into build/site, check its links
	@$(BIN)/python -m tools.site .venv-docs/bin/zensical

docs-serve: setup .venv-docs/.locked ## build the site and serve it (ARGS=PORT)
	@exec $(BIN)/python -m tools.site --serve $(ARGS) .venv-docs/bin/zensical

screenshots: setup ## photograph the pages for people into docs/images
	@$(BIN)/python -m tools.pages_screenshots $(ARGS)
	@exec $(BIN)/python -m tools.console_screenshots $(ARGS)

##@ Renew the files that are committed

generate: setup ## rewrite the generated files and the pages' outputs
	$(BIN)/python -m tools.generate $(ARGS)
	$(BIN)/python -m tools.tools_page

.venv-lock/.locked: Makefile
	@$(PYTHON) -m venv .venv-lock
	@.venv-lock/bin/python -m pip install $(PIP_FLAGS) "uv==$(UV_VERSION)"
	@touch $@

LOCK = .venv-lock/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(ARGS)

lock: .venv-lock/.locked ## rewrite the lock files (ARGS=--upgrade: newer ones)
	$(LOCK) pyproject.toml --all-extras --group dev -o requirements/dev.lock
	$(LOCK) --group stranger -o requirements/stranger.lock
	$(LOCK) pyproject.toml --extra testing --group plugins -o requirements/plugins.lock
	$(LOCK) pyproject.toml --extra service --extra files --extra postgres -o requirements/image.lock
	$(LOCK) --group build -o requirements/build.lock
	$(LOCK) --group docs -o requirements/docs.lock
	$(LOCK) --group fuzz -o requirements/fuzz.lock
	$(LOCK) --group release -o requirements/release.lock
	$(LOCK) --group forge -o requirements/forge.lock
	$(LOCK) pyproject.toml --all-extras --group bench --group stranger -o requirements/bench.lock
	@! grep -nE '://|^-' requirements/*.lock || { \
		echo "a lock file names where packages come from: see above" >&2; exit 1; }

##@ Release

release-check: setup .venv-release/.locked ## build, try the wheel alone (ARGS=--full: everything)
	$(BIN)/python -m tools.release_check $(ARGS)

sbom: setup ## write dist/guanxi.cdx.json, a bill of materials
	$(BIN)/python -m tools.sbom $(ARGS)

##@ Clean

clean: ## remove environments, caches and what tests leave
	rm -rf .venv .venv-audit .venv-bench .venv-docs .venv-stranger .venv-plugins .venv-lock \
		.venv-release .venv-forge .venv-fuzz .fuzz bench/.cache .mypy_cache .pytest_cache .ruff_cache .hypothesis \
		.schemathesis .coverage .coverage.* htmlcov build dist
	find bench src tests tools -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
