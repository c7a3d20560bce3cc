# What a checkout can do: `make` lists it. Settings are environment variables (docs/configuration.md).
#   make run ARGS="--port 9000"     passes options on (run, test, bench)
#   make PYTHON=/path/to/python3    chooses the Python for a new .venv

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo run test coverage screenshots kubernetes check bench xcube lock clean

ARGS ?=
PYTHON ?=
export PYTHON

bin := .venv/bin
hub := .venv/.installed
xcube := .xcube/.installed
s3 := .s3/.installed
geodb := .geodb/.installed
codecs := .codecs/.installed
openapi := .openapi/.installed

help: ## this list
	@printf '\n  xcube-hub: generate Earth-observation data cubes as a service\n\n'
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n  First time here: make demo\n\n'

$(hub): requirements-dev.txt requirements-uv.txt deploy/install.sh
	@deploy/install.sh hub

$(xcube): requirements-xcube.txt | $(hub)
	@deploy/install.sh xcube

$(s3): requirements-s3.txt | $(hub)
	@deploy/install.sh s3

$(geodb): requirements-geodb.txt | $(hub)
	@deploy/install.sh geodb

$(codecs): requirements-codecs.txt | $(hub)
	@deploy/install.sh codecs

$(openapi): requirements-openapi.txt | $(hub)
	@deploy/install.sh openapi

demo: $(hub) $(xcube) ## start a hub, generate a cube on it and open it in the viewer (ONCE=1: then stop)
	@$(bin)/python deploy/demo.py $(if $(ONCE),--once) $(ARGS)

run: $(hub) ## start the hub: http://localhost:8080/api/v2 (Ctrl-C stops it)
	@exec $(bin)/python manage.py start $(ARGS)

xcube: $(hub) $(xcube) ## install xcube, which generates the cubes (1 GB, about a minute, once)
	@echo "xcube is installed: $$(readlink .xcube)"

test: $(hub) $(xcube) $(s3) $(geodb) $(codecs) $(openapi) ## run all tests, or some: make test ARGS=tests/jobs
ifeq ($(strip $(ARGS)),)
	@rm -f .coverage .coverage.*
	@$(bin)/python tests/tiers.py
else
	$(bin)/python -m pytest $(ARGS)
endif

coverage: ## run all tests and measure which lines they reach (takes almost twice as long)
	@COVERAGE=1 $(MAKE) test

screenshots: $(hub) ## draw every page, 360 to 2000 px, light and dark, English and German, into docs/screenshots/
	@mkdir -p docs/screenshots
	for language in en de; do SCREENSHOTS=$(CURDIR)/docs/screenshots LOOKS_LANGUAGE=$$language \
	    $(bin)/python -m pytest -q tests/pages/test_looks.py; done

kubernetes: $(hub) $(xcube) ## build the Kubernetes that tests use (12 minutes on two cores, once)
	@$(bin)/python -m tests.servers.kubernetes .xcube/bin/python

translations: $(hub) ## collect the texts of all pages, and compile the German ones (needs gettext)
	@$(apart) $(bin)/python deploy/translations.py

bench: $(hub) $(xcube) ## measure: how fast, how many
	$(bin)/python -m pytest tests/benchmarks -m benchmark -s $(ARGS)

# The checks see neither the settings nor the data of this checkout, and need no xcube.
scratch := $(CURDIR)/build/check
apart := env -u DATABASE_URL XCUBE_HUB_DOTENV=/dev/null XCUBE_HUB_DATA_DIR=$(scratch) \
    XCUBE_HUB_XCUBE_PYTHON=$(CURDIR)/$(bin)/python
random = $$(openssl rand -hex 32 2>/dev/null || head -c 32 /dev/urandom | sha256sum | cut -c1-64)
production = $(apart) XCUBE_HUB_ENV=production XCUBE_HUB_SECRET_KEY=$(random) \
    XCUBE_HUB_TOKEN_SECRETS=$(random) XCUBE_HUB_PUBLIC_URL=https://hub.example.org \
    XCUBE_HUB_ALLOWED_HOSTS=hub.example.org DATABASE_URL=postgres://hub@localhost/hub

check: $(hub) ## check style, layers, settings, migrations and the API's description
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/lint-imports --no-cache --no-logo
	@mkdir -p $(scratch)
	@echo 'manage.py check'
	@$(apart) $(bin)/python manage.py check --fail-level WARNING
	@echo 'manage.py check --deploy, as in production'
	@$(production) $(bin)/python manage.py check --deploy --fail-level WARNING
	@echo 'manage.py makemigrations --check'
	@$(apart) $(bin)/python manage.py makemigrations --check --dry-run
	@echo 'manage.py spectacular --validate'
	@$(apart) $(bin)/python manage.py spectacular --validate --fail-on-warn \
	    --custom-settings hubsite.api.openapi.OPENAPI \
	    --format openapi-json --file $(scratch)/openapi.json
	$(bin)/openapi-spec-validator $(scratch)/openapi.json

compile := $(bin)/uv pip compile --quiet --generate-hashes --python-version 3.11 \
    --no-emit-index-url --no-emit-find-links --upgrade

lock: $(hub) ## pin the newest versions of all requirements, with hashes
	$(compile) requirements-uv.in -o requirements-uv.txt
	$(compile) requirements.in -o requirements.txt
	$(compile) -c requirements.txt requirements-dev.in -o requirements-dev.txt
	$(compile) --override overrides-xcube.txt requirements-xcube.in -o requirements-xcube.txt
	$(compile) requirements-s3.in -o requirements-s3.txt
	$(compile) requirements-geodb.in -o requirements-geodb.txt
	$(compile) --no-deps requirements-codecs.in -o requirements-codecs.txt
	$(compile) requirements-openapi.in -o requirements-openapi.txt

clean: ## remove what was made here; keeps var/ (your data) and the installed xcube
	rm -rf .venv .xcube .s3 .geodb .codecs .openapi build htmlcov .coverage .coverage.* .pytest_cache .ruff_cache \
	    .import_linter_cache var/demo *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
