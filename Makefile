# Everything runs in .venv, made on first use; stamp files in it remember what is installed.
#   PYTHON=python3.12        the interpreter that .venv is made from
#   TORCH_INDEX=URL          one more index for torch. On Linux the package index holds the CUDA build of torch;
#                            PyTorch's own index of CPU wheels saves two gigabytes
#   WORKERS=4                parallel test processes
#   TESTS=tests/test_x.py    the tests of `make debug` and `make asan`; without it all, and those of the core

PYTHON ?= python3
WORKERS ?= 2
TORCH_INDEX ?=
TESTS ?=

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
INSTALL := $(PY) -m pip install --disable-pip-version-check --no-input --quiet -c constraints.txt
CORE_TESTS := tests/test_conformance.py tests/test_simulator.py tests/test_threefry.py
PROJECT := pyproject.toml setup.py constraints.txt $(wildcard jitgym/_core/*.pyx jitgym/_core/*.pxd)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format types unit core debug asan wheel bench docs site clean distclean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */\t/' | expand -t 12

demo: $(VENV)/demo  ## the demo: tuned rules against a learned agent on one scenario, into results/demo
	$(BIN)/jitgym compare bearing_line --train 1000000 --threads 2 --out results/demo

test: lint types unit  ## all checks: lint, format, types, tests

lint: $(VENV)/dev  ## ruff, lint and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/dev  ## let ruff repair what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/dev  ## mypy, strict
	$(BIN)/mypy

unit: $(VENV)/dev  ## the tests
	$(BIN)/pytest -n $(WORKERS)

core: $(VENV)/dev  ## compile the core again, in place (JITGYM_NATIVE=1, JITGYM_ANNOTATE=1: see setup.py)
	$(PY) setup.py --quiet build_ext --inplace

# In a copy: a checked core is some fifteen times slower and must not stay behind in the working tree.
debug: build/debug  ## the tests again on the checked core: bounds, overflow, undefined behaviour
	cd $< && JITGYM_DEBUG=1 ../../$(PY) setup.py --quiet build_ext --inplace
	cd $< && PYTHONPATH="$$PWD" ../../$(BIN)/pytest -n $(WORKERS) $(TESTS)

# The interpreter is not built with the sanitizer, so that its library must be loaded before everything else; and it
# keeps memory until it ends, which is no leak. For gcc: clang names the library otherwise.
asan: build/asan  ## the core's tests again, addresses and undefined behaviour checked by the compiler
	cd $< && JITGYM_SANITIZE=1 ../../$(PY) setup.py --quiet build_ext --inplace
	cd $< && PYTHONPATH="$$PWD" LD_PRELOAD="$$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 \
		HYPOTHESIS_PROFILE=short ../../$(BIN)/pytest $(or $(TESTS),$(CORE_TESTS))

build/debug build/asan: $(VENV)/dev FORCE
	rm -rf $@
	mkdir -p $@
	cp -RP agents benchmarks configs docs jitgym tests *.* LICENSE Makefile $@/
	rm -f $@/jitgym/_core/*.so

FORCE:

wheel: $(VENV)/dev  ## wheel and sdist into build/dist, each installed and tried outside the repository
	PYTHON=$(PY) .ci/packages.sh

bench: $(VENV)/dev  ## benchmarks, as ratios against named peers measured in the same run
	@set -e; for script in core scaling environment ppo enterprise agreement phases; do echo "== $$script"; $(PY) benchmarks/$$script.py; done

site: $(VENV)/dev  ## the documentation as a site, into build/site
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/site

docs: $(VENV)/dev  ## write the generated tables of docs/ again
	$(PY) docs/generate.py

clean:  ## what builds and runs leave, without the environment
	rm -rf build dist results runs *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	rm -f jitgym/_core/*.so jitgym/_core/*.c jitgym/_core/*.html
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f $(VENV)/dev $(VENV)/demo

distclean: clean  ## the environment too
	rm -rf $(VENV)

# The build tools at their pinned versions, so that no build environment is fetched anew for every compile; torch before
# anything that asks for torch, alone, so that its version and its index are chosen here and nowhere else.
$(VENV)/base: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) setuptools cython numpy
	$(INSTALL) --no-deps $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	touch $@

$(VENV)/dev: $(VENV)/base $(PROJECT)
	$(INSTALL) --no-build-isolation -e '.[dev]'
	touch $@

$(VENV)/demo: $(VENV)/base $(PROJECT)
	$(INSTALL) --no-build-isolation -e '.[agents,plot,tune]'
	touch $@
