# The commands of this project: `make help` lists them.
#
# All that is needed is Python 3.11 or newer and make. What else is missing comes on the first run:
# Python packages into .venv, and Debian's own packages by apt. Later runs need no network.

PYTHON ?= python3
BIN := .venv/bin
# Written when .venv holds what uv.lock says.
SYNCED := .venv/.synced
CHROMIUM := /usr/bin/chromium
# Written when documents can be set: WeasyPrint finds its libraries, and there are fonts for
# all scripts: of Chinese, Japanese and Korean (WenQuanYi), and for whatever no other has (Unifont).
PDF := .venv/.paper
# An accountant that does not know us: the tests have it check the books.
HLEDGER := /usr/bin/hledger

# uv: the certificates and the Python of this machine, and this project's environment, whatever
# another one in the caller's shell says.
export UV_SYSTEM_CERTS := 1
export UV_PYTHON_DOWNLOADS := never
export UV_PROJECT_ENVIRONMENT := .venv
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME

# For `make test ARGS="-k transfer"`, `make test PICTURES=1` and `make bench FULL=1`.
export ARGS FULL PICTURES

# $(call apt,PACKAGES): shell that installs Debian packages, or says what to do where that cannot be.
apt = \
	if ! command -v apt-get >/dev/null; then \
		echo >&2 "Missing here: $(1) (Debian's names). There is no apt: install them your system's way, then run make again."; \
		exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; \
	elif command -v sudo >/dev/null; then sudo=sudo; \
	else \
		echo >&2 "Missing here: $(1). There is no sudo: as root run 'apt-get install $(1)', then run make again."; \
		exit 1; \
	fi; \
	echo "Installing $(1) with apt."; \
	$$sudo apt-get -qq update && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -qq --no-install-recommends install $(1)

# With a database of your own these are still a developer's commands; a deployment does not use make.
ifdef DATABASE_URL
export SECRET_KEY := $(or $(SECRET_KEY),$(shell $(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(64))'))
export ALLOWED_HOSTS := $(if $(ALLOWED_HOSTS),$(ALLOWED_HOSTS),localhost,127.0.0.1)
export HTTPS := $(or $(HTTPS),0)
export EMAIL_URL := $(or $(EMAIL_URL),console://)
endif

# What a deployment sets, for the tools that read the settings and connect nowhere.
PRODUCTION = DATABASE_URL=postgres://console@db.example/console ALLOWED_HOSTS=console.example HTTPS=1 DEBUG=0 EMAIL_URL=smtp://mail.example \
	ISSUER_NAME=Example ISSUER_ADDRESS=Example ISSUER_TAX_NUMBER=1 \
	SECRET_KEY="$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(64))')"

.DELETE_ON_ERROR:
.PHONY: help demo test lint bench clean

help: ## list these commands
	@echo "make COMMAND, where COMMAND is one of:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1	\2/p' $(firstword $(MAKEFILE_LIST))

demo: $(SYNCED) $(PDF) ## serve the console with demo data until Ctrl-C (PORT=8000)
	@$(BIN)/python manage.py demo

test: $(SYNCED) $(PDF) $(CHROMIUM) $(HLEDGER) ## run all tests (ARGS="-k transfer" for some of them)
	@$(BIN)/python -m pytest $(ARGS)

lint: $(SYNCED) $(PDF) ## check style, types, the direction of imports, settings and migrations
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(PRODUCTION) $(BIN)/mypy .
	$(BIN)/lint-imports
	find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 --check {} +
	$(BIN)/djlint --lint --quiet --allow-empty-input templates
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	@# Whoever clones this has the public index, and no other.
	@! grep -oE 'https?://[^/"]+' uv.lock | sort -u | \
		grep -vxE 'https://(pypi\.org|files\.pythonhosted\.org)' || \
		{ echo >&2 "uv.lock names a host that is not PyPI's."; exit 1; }

bench: $(SYNCED) $(PDF) ## measure speed (FULL=1 for the large sizes)
	@$(BIN)/uv sync --quiet --locked --inexact --group bench
	@$(BIN)/python -m tests.benchmarks

clean: ## remove all that running and testing made, the demo's databases included
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m console.postgres remove; fi
	rm -rf .venv var .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Installation. A rule runs again only when a file it is made from has changed.

$(SYNCED): uv.lock pyproject.toml $(BIN)/uv
	@$(BIN)/uv sync --locked --inexact
	@touch $@

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo >&2 "Python 3.11 or newer is needed. If it has another name here: make PYTHON=python3.12 ..."; \
		exit 1; \
	}
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { $(call apt,python3-venv); }
	@echo "Installing the Python packages into .venv."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

$(PDF): | $(SYNCED)
	@{ $(BIN)/python -c 'import weasyprint' 2>/dev/null && { ! command -v apt-get >/dev/null || ls /usr/share/fonts/truetype/noto/NotoSans-Regular.ttf /usr/share/fonts/truetype/wqy/wqy-microhei.ttc /usr/share/fonts/opentype/unifont/unifont_upper.otf >/dev/null 2>&1; }; } || { \
		$(call apt,libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-noto-core fonts-dejavu-core fonts-wqy-microhei fonts-unifont); \
	}
	@touch $@

$(CHROMIUM):
	@$(call apt,chromium fonts-dejavu-core)

$(HLEDGER):
	@$(call apt,hledger)
