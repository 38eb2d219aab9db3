# Everything a newcomer needs: `make help`. No root; Debian 12 with python3, python3-venv and make is enough.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
WORKERS ?= 2
UV     ?= $(VENV)/bin/uv

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help demo test lint servers bench schema lock clean

export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## two cabinets, two agents, one collector, alarms; KEEP=1 stays up
	@$(PY) -m firmware_sim.demo $(if $(KEEP),--keep)

test: servers lint ## everything that CI runs: lint, then all tests on real servers; WORKERS=2 files at a time
	@echo "== pytest"
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.dev ## ruff, mypy --strict, import contracts
	@echo "== ruff check"
	@$(VENV)/bin/ruff check .
	@echo "== ruff format --check"
	@$(VENV)/bin/ruff format --check .
	@echo "== mypy --strict"
	@$(VENV)/bin/mypy
	@echo "== import contracts"
	@$(VENV)/bin/lint-imports

servers: $(VENV)/.dev ## Mosquitto and InfluxDB for the tests, unpacked into .servers where they are not installed
	@$(PY) tests/servers/provision.py

bench: $(VENV)/.dev servers ## the figures that README quotes
	@$(PY) -m bench

schema: $(VENV)/.dev ## write docs/schema, docs/configuration.md and docs/devices.md again
	@$(PY) -m contract docs/schema
	@$(PY) -m config docs

# One resolution for Python 3.11 and later on every platform; the hashes cover every published file of a version,
# so the same lock serves 64-bit and 32-bit ARM. Pins stay as they are unless UPGRADE=1 (or UPGRADE=<package>).
COMPILE = env -u UV_INDEX -u UV_INDEX_URL -u UV_DEFAULT_INDEX -u UV_FIND_LINKS $(UV) pip compile --quiet --no-config \
	--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-package lamplighter \
	$(if $(filter 1,$(UPGRADE)),--upgrade,$(addprefix --upgrade-package ,$(UPGRADE)))
BUILD_REQUIREMENTS = $(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")'

lock: $(VENV)/.dev ## resolve locks/ again, with hashes; UPGRADE=1 takes newer versions
	@for name in dev agent collector demo camera; do \
		echo "== locks/$$name.txt"; \
		case $$name in agent) extra= ;; *) extra="--extra $$name" ;; esac; \
		case $$name in dev) same= ;; *) same="--constraints locks/dev.txt" ;; esac; \
		$(BUILD_REQUIREMENTS) | $(COMPILE) $$extra $$same --output-file locks/$$name.txt pyproject.toml - >/dev/null \
			|| exit 1; \
	done

clean: ## remove the environment, the servers and all caches
	rm -rf $(VENV) .servers .demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made again when a lock changes; the project is installed again when pyproject.toml changes.
$(VENV)/.made: $(wildcard locks/*.txt)
	@$(PYTHON) -c 'pass' 2>/dev/null || { \
		echo "make: there is no usable $(PYTHON). Install it with: sudo apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: $$($(PYTHON) --version) is too old, Lamplighter needs Python 3.11 or later." >&2; \
		echo "make: install one (Debian 12 or later: sudo apt install python3 python3-venv)," >&2; \
		echo "make: or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "make: $(PYTHON) cannot make virtual environments: ensurepip is missing." >&2; \
		echo "make: install it with: sudo apt install python3-venv" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo $(VENV)/.dev: $(VENV)/.%: $(VENV)/.made pyproject.toml
	@echo "Installing locks/$*.txt into $(VENV)"
	@$(PY) -m pip install --quiet --require-hashes --requirement locks/$*.txt
	@$(PY) -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
