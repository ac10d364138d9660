# Everything runs in .venv, made on first use with Python 3.11 or 3.12; PYTHON=... names another interpreter.
.DEFAULT_GOAL := help
BIN := .venv/bin
RIGHT_PYTHON := -c 'import sys; sys.exit(sys.version_info[:2] not in [(3, 11), (3, 12)])'
PYTHON ?= $(shell for p in python3.12 python3.11 python3 python; do \
	$$p $(RIGHT_PYTHON) 2>/dev/null && echo $$p && break; done)

.PHONY: help demo test test-browser lab notebooks site bench clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1|/p' Makefile | awk -F'|' '{ printf "%-16s %s\n", $$1, $$2 }'

demo: .venv/installed ## draw from the shipped weights, train on the embedded digits, write pictures to demo/ (under 5 minutes)
	@$(BIN)/ebm_nb demo --out demo

test: .venv/installed-dev ## house checks, then every cell of every chapter (under 20 minutes)
	$(BIN)/python -m pytest

test-browser: .venv/installed-dev ## scrubber, laboratories and reading pages in Chromium, which must be installed; pictures in test-output/
	$(BIN)/python -m pytest -m browser

lab: .venv/installed-dev ## open the chapters in JupyterLab
	cd nbs && ../$(BIN)/jupyter lab

notebooks: .venv/installed-dev ## export and run all chapters again, store their outputs, make the README
	$(BIN)/nbdev_export
	$(BIN)/python tools/stub.py
	$(BIN)/python tools/notebooks.py
	$(BIN)/python tools/readme.py

site: .venv/installed-dev ## all chapters and the API as a static site in _site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: .venv/installed-dev ## compare speeds with other implementations (15 minutes; pip install -e '.[bench]' brings PyTorch and JAX)
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/levers.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/startup.py

clean: ## remove all that make has made, .venv too
	rm -rf .venv demo build dist _site test-output *.egg-info _proc .pytest_cache .ruff_cache .hypothesis

# Two stamps: the demo needs only the package, a good deal less to download than the tools of a developer.
.venv/installed: settings.ini setup.py
	$(call install,.)
	@touch $@

.venv/installed-dev: settings.ini setup.py
	$(call install,.[dev])
	@touch $@ .venv/installed

define install
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || \
		{ "$(PYTHON)" $(RIGHT_PYTHON) 2>/dev/null || \
		{ echo "ebm_nb needs Python 3.11 or 3.12: install one, or name it with 'make PYTHON=path/to/python3.12 ...'."; exit 1; }; \
		"$(PYTHON)" -m venv --clear .venv; }
	@echo "Installing into .venv; TensorFlow is large, so this takes a few minutes."
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --upgrade pip
	@$(BIN)/python -m pip install -qq --editable "$(1)"
endef
