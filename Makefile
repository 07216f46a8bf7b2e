# Everything goes into .venv of this checkout; Python >= 3.11 and make are all that is needed.
PYTHON ?= python3
BIN := .venv/bin

ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help install demo lab dashboard eval bench chaos fuzz test test-all test-rest test-browser notebooks pictures docs check format constraints clean training-venv scenes train model samples

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

demo: install    ## analyse the sample home and show the truth beside what is found
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
	$(BIN)/python -m tools.evaluate --csv out/eval $(ARGS)

# Everything takes a quarter of an hour. Parts with, for example:
# make bench ARGS="--only drain,latency --peers photoqueue,huey,bullmq"; figures of other parts
# stay in out/bench, ARGS=--resume goes on where a run was cut off.
bench: install .venv-bench/.installed ## measure beside other job queues; tables and a chart in out/bench
	@$(MAKE) --no-print-directory out/bench/node/.installed || \
		echo "Going on without BullMQ: it needs node and npm, and a package registry."
	PYTHONPATH=. $(BIN)/python -m benchmarks $(ARGS)

.venv-bench/.installed: benchmarks/requirements.txt
	$(PYTHON) -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check \
		--requirement benchmarks/requirements.txt
	@touch $@

out/bench/node/.installed: benchmarks/peers/package.json
	@command -v node >/dev/null && command -v npm >/dev/null
	@mkdir -p out/bench/node && cp benchmarks/peers/package.json out/bench/node/
	cd out/bench/node && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error
	@touch $@

# Most tests wait most of the time. One process runs those that share something costly, one
# after the other: tests/scheduling.py.
PROCESSES ?= 2
PYTEST = $(BIN)/pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder
test: install    ## format, lint, types, import contracts, unit and integration tests; PROCESSES=2 at a time
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory --jobs=2 types tests

test-all: install ## all of test, then browser, notebooks, chaos, fuzz, docs and benchmarks
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory test-rest

# Types are checked beside the tests: mypy takes one core half a minute.
.PHONY: tests types lint
types: install
	$(BIN)/mypy

tests: install
	$(PYTEST) tests/unit tests/integration

# The same faults in the same order each time; `make chaos` plays others, and for longer.
test-rest: install ## what test-all has beyond test
	$(BIN)/python -m chaos --seed 20 --jobs 1000 --minutes 0.5 --only faults --quick --out out/chaos/subset
	$(PYTEST) tests/browser tests/notebooks tests/chaos tests/fuzz tests/docs tests/benchmarks

test-browser: install ## the tests that look at JupyterLab and Voilà with Chromium; it must be there
	@$(BIN)/python -m tests.browser.chromium
	$(BIN)/pytest tests/browser

notebooks: install ## run the notebooks and store what they show
	$(BIN)/python -m tests.notebooks.execute

pictures: install ## take the README's pictures of the workbench again
	$(BIN)/pytest tests/browser/illustrate.py

# The same order of faults again with, for example: make chaos ARGS="--seed 7 --jobs 5000 --minutes 10"
chaos: install   ## kill, cut and freeze everything while jobs run; figures in out/chaos
	$(BIN)/python -m chaos $(ARGS)

fuzz: install    ## what strangers send, for hours; one file of it with ARGS=tests/fuzz/test_pictures.py
	$(BIN)/pytest --hypothesis-profile=long --timeout=0 $(or $(ARGS),tests/fuzz)

docs: install    ## build the documentation into out/docs; a warning ends it
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs out/docs
	@echo "out/docs/index.html"

LINTED := src typings tests training notebooks docs benchmarks chaos tools
check: install lint types ## all of test but the tests

lint: install
	$(BIN)/ruff format --check $(LINTED)
	$(BIN)/ruff check $(LINTED)
	$(BIN)/lint-imports

format: install  ## format the code
	$(BIN)/ruff format $(LINTED)
	$(BIN)/ruff check --fix $(LINTED)

UV ?= uv
COMPILE = $(UV) pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header --quiet
# What the images install (deploy/Dockerfile): the same pins without what only tests need.
FOR_IMAGES := --no-annotate --constraint constraints.txt --upgrade
SERVICE := $(addprefix --extra ,detect llm http s3 server tracing)
constraints:     ## pin the newest versions, also those of the images (needs uv)
	$(COMPILE) pyproject.toml --extra all --group dev --upgrade --output-file constraints.txt
	$(COMPILE) pyproject.toml $(SERVICE) $(FOR_IMAGES) --output-file deploy/requirements.txt
	$(COMPILE) pyproject.toml $(SERVICE) --extra workbench --extra report $(FOR_IMAGES) \
		--output-file deploy/requirements-lab.txt
	echo hatchling | $(COMPILE) - $(FOR_IMAGES) --output-file deploy/requirements-build.txt

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
		src/photoqueue/engines/weights/photoqueue-rooms-1.onnx

samples: training-venv ## render the sample homes again
	$(TRAINING) -m training.make_samples data/samples

clean:           ## remove what the targets made
	rm -rf .venv .venv-bench .venv-training .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache \
		out/docs out/bench
