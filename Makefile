# Everything here is a command that can be typed as well; README.md has the two that need no make.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS = 1

.PHONY: demo test check corpus release bench

demo: .venv/installed
	$(BIN)/grade examples/submission.ipynb

test: .venv/installed
	$(BIN)/python -m pytest -n 2 -m 'not corpus and not release'

corpus: .venv/installed
	$(BIN)/python -m pytest -n 2 -m corpus

release: .venv/installed
	$(BIN)/python -m pytest -m release

check: .venv/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(MAKE) test

bench: .venv/installed
	for each in benchmarks/*.py; do $(BIN)/python $$each || exit 1; done

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[test,dev]'
	touch $@
