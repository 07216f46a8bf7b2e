# Everything goes into .venv of this checkout; Python >= 3.11 and make are all that is needed.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help install demo eval test check format constraints clean

help:            ## list the targets
	@grep -hE '^[a-z-]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

install: .venv/.installed ## set up .venv with pinned, hashed packages

.venv/.installed: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python >= 3.11 is needed; name one with: make PYTHON=python3.12 …"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--requirement constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@

demo: install    ## analyse the sample homes and show the truth beside what is found
	$(BIN)/photoqueue demo

# More with, for example: make eval ARGS=--by-class
eval: install    ## measure every engine that can run here; tables in out/eval
	$(BIN)/photoqueue evaluate --csv out/eval $(ARGS)

test: check      ## format, lint, types, import contracts, tests
	$(BIN)/pytest

check: install   ## all of test but the tests
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## format the code
	$(BIN)/ruff format src tests
	$(BIN)/ruff check --fix src tests

constraints:     ## pin the newest versions anew (needs uv)
	uv pip compile pyproject.toml --extra all --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet \
		--output-file constraints.txt --upgrade

clean:           ## remove what the targets made
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
