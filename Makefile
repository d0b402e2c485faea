# What a person types. Needs make and Python 3.11+ with venv; everything else goes
# into .venv, from lock files with hashes.

SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-bench
PARTS ?= intake apply reconcile reconcile_scale day latency backlog cleanup runtime idle
STAMP := $(VENV)/.installed
DATA := .order_ops
# two at a time; a file's tests share what its fixtures have made
SIDE_BY_SIDE := -n 2 --dist loadfile
UV_INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	--no-annotate --no-header --python-version 3.11

.PHONY: help install demo up test test-spark faults soak bench lint check format lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; \
		do printf '  make %-10s %s\n' "$$name" "$$text"; done

install: $(STAMP) ## prepare .venv, run nothing

# uv installs in seconds what takes pip a minute, but does not read pip's
# configuration: behind a mirror that only pip knows, pip does it.
$(STAMP): requirements-uv.lock requirements.lock pyproject.toml
	@deploy/venv.sh $(VENV)
	@echo "installing the locked dependencies into $(VENV)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	@$(UV_INSTALL) --require-hashes -r requirements.lock || \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(UV_INSTALL) --no-build-isolation --no-deps --editable .
	@touch $@

demo: install ## play one day of a small shop and show the verdict
	@$(BIN)/order-ops demo

up: install ## run everything until Ctrl-C
	@$(BIN)/order-ops up

test: install ## the whole suite on real servers; installs RabbitMQ if it may
	@$(BIN)/python -m order_ops.devstack.ensure
	$(BIN)/python -m pytest $(SIDE_BY_SIDE)

BROKER := 3
MINUTES := 10

test-spark: install ## the reconciliation on PySpark, where there is a Java runtime
	@command -v java >/dev/null || { echo "error: no Java runtime: install one (openjdk 17 or later), then run make test-spark" >&2; exit 1; }
	@$(UV_INSTALL) --require-hashes -r requirements-spark.lock || \
		$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	$(BIN)/python -m pytest -W default order_ops_tests/spark

faults: install ## break everything on purpose: SEED=n to repeat, BROKER=4 for RabbitMQ 4
	@$(BIN)/python -m order_ops.devstack.ensure
	$(BIN)/python -m pytest -n 2 order_ops_tests/faults --broker $(BROKER) $(if $(SEED),--seed $(SEED))

soak: install ## faults at random under load: MINUTES=n, SEED=n, BROKER=4
	@$(BIN)/python -m order_ops.devstack.ensure
	$(BIN)/python -m order_ops_tests.faults.soak --minutes $(MINUTES) --broker $(BROKER) \
		$(if $(SEED),--seed $(SEED))

bench: install $(PEERS)/.installed ## measure order_ops beside its peers, PARTS="intake apply"; writes benchmarks/RESULTS.md
	@$(BIN)/python -m order_ops.devstack.ensure
	@for part in $(PARTS); do $(BIN)/python benchmarks/$$part.py || exit 1; done

# The peers are no dependencies of order_ops: an environment of their own.
$(PEERS)/.installed: $(STAMP) requirements-bench.lock
	@deploy/venv.sh $(PEERS)
	@echo "installing the locked peers into $(PEERS)"
	@$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --require-hashes -r requirements-bench.lock || \
		$(PEERS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@

check: lint ## lint and unit tests: what a change must pass
	$(BIN)/python -m pytest -q $(SIDE_BY_SIDE) order_ops_tests/unit

lint: install ## style, layers, types, definitions, migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python -m order_ops.devstack.run --no-broker \
		sh -ec 'alembic upgrade head; alembic check; dg check defs --no-check-yaml'

format: install ## let ruff format and fix
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: install ## make the lock files again; UPGRADE=--upgrade for newer versions
	$(COMPILE) $(UPGRADE) pyproject.toml --extra dev --no-strip-extras -o requirements.lock
	$(COMPILE) $(UPGRADE) --group bench -o requirements-bench.lock
	echo pyspark | $(COMPILE) $(UPGRADE) - --constraints requirements.lock -o requirements-spark.lock
	echo uv | $(COMPILE) $(UPGRADE) - -o requirements-uv.lock

clean: ## remove .venv, caches and the embedded data
	@if [ -e $(DATA)/supervisor/supervisord.pid ]; then \
		echo "error: $(DATA) is up (or was killed): run make up and end it with Ctrl-C" >&2; exit 1; fi
	rm -rf $(VENV) $(PEERS) $(DATA) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find order_ops order_ops_tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
