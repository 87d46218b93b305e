# The two commands of the README. Each sets up all it needs in .venv, from pinned versions.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?=

.PHONY: demo test check docs evidence format clean
.DEFAULT_GOAL := demo

demo: .venv/ready  ## fit four autoencoders on digits, compare them with PCA, write runs/demo
	$(BIN)/isthmus demo --out runs/demo

test: .venv/ready  ## all tests, on all cores
	$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS)

check: .venv/ready  ## lint, format and types, as CI does
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: .venv/ready  ## the pages, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

evidence: .venv/ready  ## run every answer's experiment, for the pages
	@set -e; for n in $$($(BIN)/isthmus ask | awk '{print $$1}'); do \
	  $(BIN)/isthmus ask $$n --json --out docs/evidence/q$$(printf %02d $$n) >/dev/null; \
	done

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "isthmus needs Python 3.11 or newer; make PYTHON=python3.12 names another one" >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || \
	  { echo "Python lacks its venv module: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
