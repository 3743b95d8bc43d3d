# Two commands are enough: `make demo` and `make test`. Each sets up .venv first, once.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready

.PHONY: demo test long lint bench clean

demo: $(STAMP)
	$(BIN)/vitrine demo

test: $(STAMP)
	$(BIN)/python -m pytest -n auto --dist worksteal

long: $(STAMP)
	$(BIN)/python -m pytest -m 'long and not timing' -n auto --dist worksteal --timeout 7200
	$(BIN)/python -m pytest -m 'long and timing' --timeout 7200

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv

# Runs again when what is to be installed changes.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@
