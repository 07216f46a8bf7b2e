# Everything goes into .venv of this checkout; Python >= 3.11 and make are all that is needed.
PYTHON ?= python3
BIN := .venv/bin

ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help install demo lab dashboard eval test test-browser notebooks pictures chaos fuzz docs check format constraints clean training-venv scenes train model samples

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

# The address that it prints holds the token that it asks for.
lab: install     ## open the notebooks in JupyterLab
	$(BIN)/jupyter-lab $(ROOT) notebooks $(ARGS)

# Of kernels whose page is gone, voila.json ends those that Voilà did not hear of: after five
# minutes without a page, whatever their threads still send.
PORT ?= 8866
dashboard: install ## serve the dashboard as a web page; PORT=8866, or another one when it is taken
	cd notebooks && ../$(BIN)/voila dashboard.ipynb --port=$(PORT) $(ARGS)

# More with, for example: make eval ARGS=--by-class
eval: install    ## measure every engine that can run here; tables in out/eval
	$(BIN)/photoqueue evaluate --csv out/eval $(ARGS)

# Most tests wait most of the time. One process runs those that share something costly, one
# after the other: tests/scheduling.py.
PROCESSES ?= 3
test: check      ## format, lint, types, import contracts, tests; PROCESSES=3 at a time
	$(BIN)/pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder

test-browser: install ## the tests that look at JupyterLab and Voilà with Chromium; it must be there
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/pytest tests/browser

notebooks: install ## run the notebooks anew and store what they show
	$(BIN)/python -m tests.notebooks.execute

pictures: install ## take the README's pictures of the workbench anew
	$(BIN)/pytest tests/browser/illustrate.py

# The same order of faults again with, for example: make chaos ARGS="--seed 7 --jobs 5000 --minutes 10"
chaos: install   ## kill, cut and freeze everything while jobs run; figures in out/chaos
	$(BIN)/python -m chaos $(ARGS)

fuzz: install    ## what strangers send, for hours; one file of it with ARGS=tests/fuzz/test_pictures.py
	$(BIN)/pytest --hypothesis-profile=long --timeout=0 $(or $(ARGS),tests/fuzz)

docs: install    ## build the documentation into out/docs; a warning ends it
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs
	@echo "out/docs/index.html"

check: install   ## all of test but the tests
	$(BIN)/ruff format --check src tests training notebooks chaos
	$(BIN)/ruff check src tests training notebooks chaos
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install  ## format the code
	$(BIN)/ruff format src tests training notebooks chaos
	$(BIN)/ruff check --fix src tests training notebooks chaos

constraints:     ## pin the newest versions anew (needs uv)
	uv pip compile pyproject.toml --extra all --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet \
		--output-file constraints.txt --upgrade

# -- the built-in model and the sample homes (training/README.md) -------------------------
TRAINING := .venv-training/bin/python

training-venv: .venv-training/.installed ## set up .venv-training: PyTorch, Mitsuba and so on

.venv-training/.installed: training/requirements.txt
	$(PYTHON) -m venv .venv-training
	$(TRAINING) -m pip install --quiet --disable-pip-version-check \
		--requirement training/requirements.txt --editable '.[detect]'
	@touch $@

scenes: training-venv ## render the training pictures; go on where it stopped
	$(TRAINING) -m training.make_scenes out/scenes

train: training-venv  ## train the built-in model; go on where it stopped
	$(TRAINING) -m training.train out/scenes out/model

model: training-venv  ## write the trained model into the package
	$(TRAINING) -m training.room_head out/model out/scenes
	$(TRAINING) -m training.export out/model out/scenes \
		src/photoqueue/analysis/weights/photoqueue-rooms-1.onnx

samples: training-venv ## render the sample homes anew
	$(TRAINING) -m training.make_samples data/samples

clean:           ## remove what the targets made
	rm -rf .venv .venv-training .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		out/docs
